"""The signals of a market in rows: windows from stored bars, and what is switched off."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paper_trading.engine.enums import Family
from paper_trading.engine.seal import broken
from paper_trading.intelligence.user_signals import SwitchedOff, UserSignal, digest
from paper_trading.models import Market, MarketSignal
from paper_trading.services import market_setup, market_signals
from paper_trading.services.price_feed_service import PriceFeedService
from tests import builders as make
from tests.bot import worlds
from tests.services.signal_files import GOOD, RANGE, Folder, body, use

pytestmark = pytest.mark.django_db

SIGNALS = (
    UserSignal("a", Family.FLOW, Decimal("0.05"), 3, "1" * 64),
    UserSignal("b", Family.TREND, Decimal("0.2"), 2, "2" * 64),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return use(tmp_path / "signals", monkeypatch)


def test_rows_give_the_signals_back() -> None:
    market = make.make_market(signals=digest(SIGNALS))
    market_signals.list_signals(market, SIGNALS)
    rows = market_signals.rows_of(market)
    assert market_signals.values(rows) == SIGNALS
    assert market_signals.off_of(rows) == ()
    assert not any(broken(row.seal, market_signals.columns(row)) for row in rows)


def test_switching_off_is_written_once_and_said(caplog: pytest.LogCaptureFixture) -> None:
    market = make.make_market(signals=digest(SIGNALS))
    market_signals.list_signals(market, SIGNALS)
    off = SwitchedOff("b", 7, "too slow")
    with caplog.at_level(logging.ERROR, "paper_trading"):
        market_signals.switch_off(market, market_signals.rows_of(market), (off,))
    assert f"Signal b of {market} is switched off from step 7 on: too slow" in caplog.text
    rows = market_signals.rows_of(market)
    assert market_signals.off_of(rows) == (off,)
    assert not broken(rows[1].seal, market_signals.columns(rows[1]))
    again = SwitchedOff("b", 9, "something else")
    market_signals.switch_off(market, rows, (again,))
    assert market_signals.off_of(market_signals.rows_of(market)) == (off,)


def test_recent_bars_are_the_newest_closed_fast_ones_of_each_token() -> None:
    market, other = make.make_market(), make.make_market()
    tokens = [make.make_token(), make.make_token(), make.make_token()]
    for token, count in zip(tokens, (5, 2, 0), strict=True):
        for place in range(count):
            start = make.START + timedelta(minutes=5 * place)
            make.make_bar(market, token, start=start, closes_at=start + timedelta(minutes=5))
            make.make_bar(other, token, start=start, closes_at=start + timedelta(minutes=5))
    make.make_bar(market, tokens[0], slow=True, seconds=3600)
    ids = [token.pk for token in tokens]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = market_signals.recent_bars(market, ids, SIGNALS)
    assert len(asked) == 1
    assert [len(found[key]) for key in ids] == [3, 2, 0]
    starts = [bar.start for bar in found[ids[0]]]
    assert starts == [make.START + timedelta(minutes=5 * place) for place in (2, 3, 4)]
    assert {bar.seconds for bar in found[ids[0]]} == {300}
    with CaptureQueriesContext(connection) as asked:
        assert market_signals.recent_bars(market, ids, ()) == dict.fromkeys(ids, ())
    assert len(asked) == 0


def test_another_folder_is_another_market(record: Path, folder: Folder) -> None:
    plain = market_setup.recorded_market(record)
    folder.write("good", GOOD)
    first = market_setup.recorded_market(record)
    assert market_setup.recorded_market(record) == first
    folder.write("good", f"{GOOD}\n# another\n")
    second = market_setup.recorded_market(record)
    assert len({plain.pk, first.pk, second.pk}) == 3
    assert (plain.signals, list(plain.user_signals.all())) == ("", [])
    assert first.signals[:8] in first.name
    assert plain.quantiles.get().points != first.quantiles.get().points
    assert first.quantiles.get().points == second.quantiles.get().points


def names(market: Market) -> Iterator[set[str]]:
    """Yield the names of the signals of each fast bar, the newest first."""
    for bar in market.bars.filter(slow=False).order_by("-closes_at"):
        yield {name for name, *_ in bar.readings["signals"]}


def test_a_signal_that_fails_in_the_back_fill_is_off(record: Path, folder: Folder) -> None:
    folder.write("good", GOOD)
    # The samples begin in 1970 and end soon; the record does not.
    folder.write("late", body("return [0][int(bars.start[-1] > 1767571200 + 30_000)]"))
    market = market_setup.recorded_market(record)
    good, late = market_signals.rows_of(market)
    assert (good.off_step, late.off_step) == (None, 101)
    assert late.off_reason == "IndexError: list index out of range"
    newest = next(names(market))
    assert "good" in newest
    assert "late" not in newest
    assert sum("late" in found for found in names(market)) == (101 - 4) * 7


@pytest.mark.parametrize("signals", [0, 1, 2])
def test_a_step_costs_two_statements_more_whatever_there_is(
    record: Path, folder: Folder, signals: int
) -> None:
    for name, text in [("good", GOOD), ("range", RANGE)][:signals]:
        folder.write(name, text)
    market = market_setup.recorded_market(record)
    with CaptureQueriesContext(connection) as asked:
        PriceFeedService(market).batch_for(600)
    own = [one["sql"] for one in asked if "marketsignal" in one["sql"] or "UNION" in one["sql"]]
    assert len(own) == (2 if signals else 0)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("while late: pass\nreturn 0.5", "took more than 0.05 s; less is allowed"),
        ("return signal(bars) if late else 0.5", "RecursionError: maximum recursion depth"),
        ("return float('nan') if late else 0.5", "gave nan; -1 to 1 is allowed"),
        ("return 1.5 if late else 0.5", "gave 1.5; -1 to 1 is allowed"),
        ("return 'up' if late else 0.5", "TypeError: gave str; a number is needed"),
    ],
)
def test_whatever_goes_wrong_a_step_is_made(
    record: Path, folder: Folder, lines: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_setup, "BACKFILL_STEPS", 30)
    after = (worlds.START + 30 * worlds.STEP).timestamp()
    folder.write("mine", body(f"late = bars.start[-1] >= {after}\n{lines}"))
    market = market_setup.recorded_market(record)
    assert "mine" in next(names(market))
    batch, _ = PriceFeedService(market).batch_for(31)
    assert batch.quotes.count() == 7
    row = MarketSignal.objects.get(market=market)
    assert row.off_step == 30
    assert row.off_reason.startswith(reason)
    assert "mine" not in next(names(market))


def test_a_changed_file_switches_the_signal_off_where_it_ran(record: Path, folder: Folder) -> None:
    folder.write("good", GOOD)
    market = market_setup.recorded_market(record)
    PriceFeedService(market).batch_for(600)
    folder.write("good", GOOD.replace("20 *", "30 *"))
    PriceFeedService(market).batch_for(602)
    row = MarketSignal.objects.get(market=market)
    assert row.off_step == 601
    assert row.off_reason.startswith("good.py was changed")
    folder.write("good", GOOD)
    PriceFeedService(market).batch_for(603)
    assert "good" not in next(names(market))
