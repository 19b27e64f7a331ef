"""What a metrics row says of returns: deposits are none, and the first trades' costs are in."""

from decimal import Decimal

import pytest

from paper_trading.bot import accounts
from paper_trading.engine import track
from paper_trading.models import Market, PaperPerformanceMetrics, PaperTradingSession, Tick
from tests.bot import worlds


@pytest.fixture
def session(market: Market, monkeypatch: pytest.MonkeyPatch) -> PaperTradingSession:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    return worlds.running_session(market)


def measured(tick: Tick) -> PaperPerformanceMetrics:
    return PaperPerformanceMetrics.objects.get(tick=tick)


def test_the_return_is_against_the_deposit_and_bears_the_cost_of_the_first_trades(
    session: PaperTradingSession,
) -> None:
    tick = worlds.run_tick(session)
    assert tick.trades.filter(status="FILLED").exists()
    row = measured(tick)
    assert row.equity_usd < 10_000
    assert row.total_return_percent == round((row.equity_usd / 10_000 - 1) * 100, 12)


def test_a_deposit_is_no_return(session: PaperTradingSession) -> None:
    before = measured(worlds.run_ticks(session, 3))
    accounts.deposit(session.account, Decimal(10_000))
    after = measured(worlds.run_tick(session))
    assert before.total_return_percent is not None
    assert after.total_return_percent is not None
    # The market moves a little within a tick; a deposit taken for profit would be +100 %.
    assert abs(after.total_return_percent - before.total_return_percent) < 2
    assert after.equity_usd > 19_000


def test_several_deposits_before_the_first_tick_are_where_it_starts(
    session: PaperTradingSession,
) -> None:
    accounts.deposit(session.account, Decimal(5_000))
    row = measured(worlds.run_tick(session))
    assert row.total_return_percent == round((row.equity_usd / 15_000 - 1) * 100, 12)
