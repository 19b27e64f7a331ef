"""The track record that stages keep is the one that all rows of the account give."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from paper_trading.bot import accounts, track_check, track_rebuild, track_rows
from paper_trading.engine import curve as curves
from paper_trading.engine import track
from paper_trading.engine.track_json import to_json
from paper_trading.models import (
    EquityHour,
    EquityPoint,
    Market,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrackRecord,
    PaperTrade,
    PaperTradingSession,
)
from tests.bot import worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    """A session that was paid into before its first tick and between others."""
    session = worlds.running_session(market)
    accounts.deposit(session.account, Decimal(500))
    worlds.run_ticks(session, 6)
    accounts.deposit(session.account, Decimal("1234.5"))
    accounts.deposit(session.account, Decimal(1))
    worlds.run_ticks(session, 8)
    accounts.deposit(session.account, Decimal(77))
    assert PaperPosition.objects.filter(is_open=False).count() >= 2
    return session


def test_what_is_kept_is_what_the_rows_say_to_the_digit(session: PaperTradingSession) -> None:
    assert track_check.problems(session.account) == []
    kept, folded = track_rows.load(session.account), track_rebuild.rebuild(session.account)
    assert to_json(kept.trades) == to_json(folded.trades)
    assert track_rows.load_hours(session.account_id) == folded.hours
    assert len(folded.hours) == 2
    assert kept.trades.n == PaperPosition.objects.filter(is_open=False).count()
    sells = PaperTrade.objects.filter(side="SELL", status="FILLED")
    assert sum(kept.trades.by_exit[name].n for name in kept.trades.by_exit) == sells.count()
    call_command("check_ledger")


def test_an_account_whose_record_was_not_kept_has_it_folded_once(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    PaperTrackRecord.objects.all().delete()
    EquityHour.objects.all().delete()
    assert track_check.problems(session.account) == []
    worlds.run_tick(session)
    assert PaperTrackRecord.objects.count() == 1
    assert track_check.problems(session.account) == []
    worlds.run_tick(session)
    assert track_check.problems(session.account) == []


def test_a_deposit_into_an_account_whose_record_was_not_kept(session: PaperTradingSession) -> None:
    PaperTrackRecord.objects.all().delete()
    accounts.deposit(session.account, Decimal(3))
    assert PaperTrackRecord.objects.count() == 1
    assert track_check.problems(session.account) == []


def change_curve(row: PaperTrackRecord) -> None:
    row.curve["microseconds"] += 1
    row.save()


def change_trades(row: PaperTrackRecord) -> None:
    row.trades["costs"]["gas_usd"] += "1"
    row.save()


def change_hour(row: PaperTrackRecord) -> None:
    hour = EquityHour.objects.latest("hour")
    hour.index += Decimal("1e-36")
    hour.save()


def lose_hour(row: PaperTrackRecord) -> None:
    EquityHour.objects.latest("hour").delete()


def change_a_point(row: PaperTrackRecord) -> None:
    point = EquityPoint.objects.latest("market_time")
    point.equity_usd += Decimal("1e-18")
    point.save()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change_curve, "track record: curve is"),
        (change_trades, "track record: trades is"),
        (change_hour, "hour 2 is"),
        (lose_hour, "hour 2 is None"),
        (change_a_point, "hour 2 is"),
    ],
)
def test_every_difference_is_named(
    session: PaperTradingSession, change: Callable[[Any], None], words: str
) -> None:
    change(PaperTrackRecord.objects.get(account=session.account))
    found = track_check.all_problems()
    assert any(words in text for text in found), found
    with pytest.raises(CommandError, match="account"):
        call_command("check_ledger")


def test_an_account_without_a_deposit_has_no_record(session: PaperTradingSession) -> None:
    session.account.ledger.filter(trade=None).delete()
    with pytest.raises(ValueError, match="has no deposit"):
        track_rebuild.rebuild(session.account)


def test_a_deposit_does_not_move_the_index(session: PaperTradingSession) -> None:
    before = track_rows.load(session.account).curve
    accounts.deposit(session.account, Decimal(10_000))
    after = track_rows.load(session.account).curve
    assert after.worth_usd == before.worth_usd + 10_000
    assert after.base_index == curves.index_of(before)


def test_the_metrics_of_an_hour_have_their_structure(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    worlds.run_tick(session)
    row = PaperPerformanceMetrics.objects.get()
    assert row.exposure_percent is not None
    assert 0 < row.exposure_percent <= 100
    assert row.turnover is not None
    assert row.turnover > 0
    details = row.details
    assert details["benchmarks"]["EQUAL_WEIGHT"]["return_percent"]
    assert Decimal(details["costs"]["gas_usd"]) == row.gas_usd
    assert {one["name"] for one in details["by_exit"]} <= {"STOP_LOSS", "TAKE_PROFIT", "SIGNAL"}
    # A day has passed, and a year is not told from it.
    assert (row.annual_return_percent, row.calmar_ratio) == (None, None)
