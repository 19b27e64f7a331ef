"""Bars: where an observation falls, when a bar closes, what is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from paper_trading.intelligence.bars import Bar, Observation, Spans, floor
from paper_trading.intelligence.series import ClosedBar, Series, advance
from tests.intelligence.samples import START, at, candles, quote

SPANS = Spans()


def closed(observations: list[Observation], spans: Spans = SPANS) -> list[ClosedBar]:
    """Return every bar that closes while the observations are folded."""
    series, bars = Series(), list[ClosedBar]()
    for observation in observations:
        series, done = advance(series, observation, spans)
        bars.extend(done)
    return bars


def fast(observations: list[Observation], spans: Spans = SPANS) -> list[Bar]:
    """Return the fast bars only."""
    return [done.bar for done in closed(observations, spans) if not done.slow]


def test_quotes_close_a_bar_only_when_a_later_bar_begins() -> None:
    quotes = [quote(0, "10"), quote(120, "12", "5"), quote(240, "9", "7"), quote(299, "11")]
    assert fast(quotes) == []
    [bar] = fast([*quotes, quote(300, "20")])
    first, high, low, last = (Decimal(text) for text in ("10", "12", "9", "11"))
    assert bar == Bar(START, 300, first, high, low, last, volume_usd=Decimal(12))
    assert bar.end == at(300)


def test_a_recorded_step_closes_its_bar_at_once() -> None:
    [observation] = candles(1, seed=1)
    [bar] = fast([observation])
    assert (bar.start, bar.end) == (observation.start, observation.end)
    assert bar.volume_usd == observation.volume_usd


def test_an_observation_belongs_to_the_bar_of_its_start() -> None:
    rows = [replace(quote(200 * k, Decimal(k + 1)), end=at(200 * (k + 1))) for k in range(3)]
    assert [(bar.start, int(bar.close)) for bar in fast(rows)] == [(at(0), 2), (at(300), 3)]


def test_a_gap_makes_no_bars() -> None:
    bars = fast([quote(0, "1"), quote(3000, "2"), quote(3300, "3")])
    assert [bar.start for bar in bars] == [at(0), at(3000)]


def test_a_slow_bar_precedes_the_fast_bar_that_closes_with_it() -> None:
    done = closed(candles(24, seed=2))
    assert [k for k, bar in enumerate(done) if bar.slow] == [11, 24]
    slow = done[11].bar
    parts = [bar.bar for bar in done[:13] if not bar.slow]
    assert (slow.seconds, slow.open, slow.close) == (3600, parts[0].open, parts[-1].close)
    assert slow.high == max(bar.high for bar in parts)
    assert slow.low == min(bar.low for bar in parts)
    assert slow.volume_usd == sum(bar.volume_usd or 0 for bar in parts)


def test_bars_align_to_the_epoch_whatever_the_zone() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    moment = datetime(2024, 3, 1, 12, 34, 56, 789000, tzinfo=UTC)
    assert floor(moment.astimezone(zone), 3600) == datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert floor(datetime(1969, 12, 31, 23, 59, tzinfo=UTC), 300).minute == 55


def test_volume_is_unknown_only_when_no_observation_states_it() -> None:
    unknown = fast([quote(0, "1"), quote(60, "1"), quote(300, "1")])
    stated = fast([quote(0, "1", "3"), quote(60, "1"), quote(300, "1")])
    assert [bar.volume_usd for bar in (*unknown, *stated)] == [None, Decimal(3)]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Decimal("0.25"), (300, 3600)),
        (15, (300, 3600)),
        (300, (300, 3600)),
        (Decimal("300.5"), (301, 3612)),
        (3600, (3600, 43200)),
    ],
)
def test_spans_follow_the_market_step(step: int | Decimal, expected: tuple[int, int]) -> None:
    assert Spans.for_step(step) == Spans(*expected)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        (lambda: Spans.for_step(0), "market step was 0 s"),
        (lambda: Spans(0, 300), "fast bar was 0 s"),
        (lambda: Spans(300, 300), "slow bar was 300 s; a multiple"),
        (lambda: Spans(300, 1000), "slow bar was 1000 s; a multiple"),
    ],
)
def test_spans_that_do_not_nest_are_refused(spans: object, message: str) -> None:
    assert callable(spans)
    with pytest.raises(ValueError, match=message):
        spans()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": START.replace(tzinfo=None)}, "a zone is needed"),
        ({"end": at(-1)}, "not before its start"),
        ({"low": Decimal(0)}, "low 0, close 10; 0 < low"),
        ({"high": Decimal(9)}, "high 9"),
        ({"close": Decimal("NaN")}, "close NaN"),
        ({"high": Decimal("Infinity")}, "high Infinity"),
        ({"volume_usd": Decimal(-1)}, "volume_usd was -1"),
        ({"round_trip_percent": Decimal("NaN")}, "round_trip_percent was NaN"),
    ],
)
def test_an_observation_that_contradicts_itself_is_refused(
    change: dict[str, object], message: str
) -> None:
    fields: dict[str, object] = {
        "start": START,
        "end": START,
        **dict.fromkeys(("open", "high", "low", "close"), Decimal(10)),
        "volume_usd": None,
        "round_trip_percent": None,
    }
    with pytest.raises(ValueError, match=message):
        Observation(**(fields | change))  # type: ignore[arg-type]
