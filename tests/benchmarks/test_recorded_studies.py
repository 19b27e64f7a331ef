"""The studies on price files, made small, on a generated file."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from benchmarks.honesty import levels, reliability
from benchmarks.honesty.reliability import Judged, Series
from benchmarks.honesty.walks import Shape, Walk
from paper_trading.engine.decision import PWin
from paper_trading.engine.strategy import Strategy
from paper_trading.services.sources.recorded import RecordedFile
from paper_trading.services.sources.recorded_bars import Bar

STEPS = 1000
DAY = date(2026, 1, 5)


@cache
def generated() -> RecordedFile:
    walk = Walk(5, Shape(300, 2, STEPS))
    steps = [walk.take(2) for _ in range(STEPS)]
    return RecordedFile(
        path=Path("generated.csv"),
        sha256="0" * 64,
        step_seconds=300,
        symbols=tuple(sorted(walk.symbols)),
        starts=tuple(next(iter(step.quotes.values())).start for step in steps),
        bars=tuple(
            tuple(
                Bar(one.symbol, one.open, one.high, one.low, one.price_usd, one.volume_usd)
                for one in step.quotes.values()
                if one.volume_usd is not None
            )
            for step in steps
        ),
    )


def test_hours_are_made_of_their_bars_from_six_beginnings() -> None:
    file = generated()
    found = reliability.hourly(file)
    assert (found.step_seconds, found.steps) == (3600, (STEPS - 10) // 12 + 1)
    assert len(found.symbols) == 6 * len(file.symbols)
    assert found.starts[1] == datetime(2026, 1, 1, 1, tzinfo=UTC)
    for phase, later in ((0, 0), (1, 2), (5, 10)):
        hour = next(bar for bar in found.bars[1] if bar.symbol == f"{file.symbols[0]}+{phase}")
        steps = file.bars[12 + later : 24 + later]
        parts = [next(bar for bar in step if bar.symbol == file.symbols[0]) for step in steps]
        assert (hour.open, hour.close) == (parts[0].open, parts[-1].close)
        assert hour.high == max(one.high for one in parts)
        assert hour.low == min(one.low for one in parts)
        assert hour.volume_usd == sum(one.volume_usd for one in parts)


def test_a_set_up_is_judged_by_what_was_shown_when_it_was_entered() -> None:
    found = reliability.judged(generated())
    assert len(found) > 50
    assert {one.won for one in found} == {True, False}
    assert all(0 <= one.shown.low < one.shown.high <= 100 for one in found)
    # Nothing has matured on the first day: its set-ups saw the prior alone.
    assert found[0].shown.n == 0


def judged(won: int, lost: int, low: int, high: int) -> tuple[Judged, ...]:
    middle = Decimal(low + high) / 2
    shown = PWin(None, middle, Decimal(low), Decimal(high), n=9, days=3, break_even=Decimal(33))
    return tuple(Judged(4, DAY, shown, won=place < won) for place in range(won + lost))


@pytest.mark.parametrize(("low", "inside"), [(30, True), (55, False)])
def test_a_bin_is_inside_when_its_interval_holds_what_came(low: int, inside: bool) -> None:
    found = reliability.report([Series("x", judged(2, 2, low, 70))])
    assert [line["inside"] for line in found.data["bins"]] == [inside]
    assert bool(found.failures) is not inside
    assert found.data["scores"][0]["skill"] <= 0


def test_skill_is_measured_against_the_base_rate() -> None:
    sure = PWin(None, Decimal(90), Decimal(80), Decimal(99), n=9, days=3, break_even=Decimal(33))
    unsure = PWin(None, Decimal(10), Decimal(1), Decimal(20), n=9, days=3, break_even=Decimal(33))
    series = Series("x", (Judged(9, DAY, sure, won=True), Judged(0, DAY, unsure, won=False)))
    score = reliability.report([series]).data["scores"][0]
    assert score["brier"] == pytest.approx(0.01)
    assert score["skill"] == pytest.approx(1 - 0.01 / 0.25)


def test_a_level_is_counted_tick_by_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecordedFile, "open", lambda path: generated())
    found = levels.run(Path("generated.csv"), [10], Strategy(), ticks=60)
    run = found[0].run
    assert run.ticks == 60
    assert found[0].entries + sum(found[0].exits.values()) == run.trades
    assert found[0].entries > 0
    report = levels.report(found)
    assert report.data["levels"][0]["entries"] == found[0].entries
    missing = {one.rpartition(" ")[2] for one in report.failures}
    assert missing == {name for name in ("BUY", "SELL", "HOLD", "SKIP") if not run.decisions[name]}
