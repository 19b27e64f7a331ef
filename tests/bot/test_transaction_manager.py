"""Managed orders through the real pipeline: pending in one tick, resolved by a later one."""

from typing import Any

import pytest

from paper_trading.bot import accounts, controls, ledger_check, stages
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import ExitReason, Side, Stage, TradeStatus
from paper_trading.engine.venues import ManagedVenue
from paper_trading.models import (
    InternalError,
    Market,
    PaperTrade,
    PaperTradingSession,
    SimulatedTransaction,
    Tick,
    TickStatus,
)
from paper_trading.services.transaction_manager import OrderState, get_transaction_manager
from tests.bot import worlds


def managed(market: Market, **strategy: Any) -> PaperTradingSession:
    return worlds.running_session(market, use_transaction_manager=True, **strategy)


def problems(session: PaperTradingSession) -> list[str]:
    session.account.refresh_from_db()
    return ledger_check.problems(session.account)


def trades_of(tick: Tick) -> list[PaperTrade]:
    return list(tick.trades.exclude(status=TradeStatus.DENIED).order_by("stage", "sequence"))


def test_an_order_is_pending_in_its_tick_and_filled_by_the_next(market: Market) -> None:
    session = managed(market, allowed_tokens=["MOON"])
    first = worlds.run_tick(session)
    assert trades_of(first) == []
    account = session.account
    account.refresh_from_db()
    assert (account.cash_usd, account.nonce) == (10_000, 2)
    (order,) = get_transaction_manager(account).waiting(first.market_time)
    assert (order.symbol, order.side, order.state) == ("MOON", Side.BUY, OrderState.SUBMITTED)
    assert order.value_usd < order.reserved_usd < order.value_usd + 1
    assert ledger_check.problems(account) == []

    second = worlds.run_tick(session)
    (fill,) = trades_of(second)
    assert (fill.stage, fill.status, fill.side) == (Stage.AUTO_CLOSE, TradeStatus.FILLED, Side.BUY)
    assert fill.sent_market_time == first.market_time
    assert fill.included_market_time == order.included_at
    assert first.market_time is not None
    assert order.included_at > first.market_time
    assert fill.market_time == second.market_time
    assert fill.position is not None
    assert fill.position.is_open
    assert fill.fee_usd + fill.impact_usd + fill.drift_usd + fill.mev_usd == fill.shortfall_usd
    assert list(fill.transactions.values_list("nonce", flat=True)) == [0, 1]
    account.refresh_from_db()
    assert account.pending == []
    assert ledger_check.problems(account) == []


def test_every_exit_passes_through_the_manager(market: Market) -> None:
    session = managed(market, allowed_tokens=["CRASH", "PEAK"])
    worlds.run_ticks(session, 12)
    sold = PaperTrade.objects.filter(side=Side.SELL, status=TradeStatus.FILLED)
    reasons = set(sold.values_list("exit_reason", flat=True))
    assert ExitReason.STOP_LOSS in reasons
    assert not sold.filter(channel="").exists()
    assert all(one.position and not one.position.is_open for one in sold)
    assert problems(session) == []


def test_a_stage_that_is_delivered_twice_sends_and_resolves_once(market: Market) -> None:
    session = managed(market)
    for _ in range(6):
        tick = worlds.open_tick(session)
        for step in worlds.steps_of(tick):
            stages.run(step.stage, step.tick_id, step.chunk)
            stages.run(step.stage, step.tick_id, step.chunk)
    account = session.account
    account.refresh_from_db()
    sent = list(SimulatedTransaction.objects.values_list("nonce", "leg"))
    assert len(sent) == len(set(sent))
    assert PaperTrade.objects.filter(status=TradeStatus.FILLED).exists()
    assert ledger_check.problems(account) == []


def test_what_is_pending_when_a_session_ends_is_resolved_by_the_next(market: Market) -> None:
    session = managed(market, allowed_tokens=["MOON"])
    worlds.run_tick(session)
    controls.stop(session)
    then = accounts.open_session(session.account, session.strategy, 10, worlds.HOUR_MS)
    (fill,) = trades_of(worlds.run_tick(then))
    assert (fill.session, fill.status) == (then, TradeStatus.FILLED)
    assert problems(session) == []


@pytest.mark.internal_errors
def test_a_venue_that_raises_makes_a_denial_and_never_a_fill(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: ManagedVenue, ticket: object) -> None:
        raise ZeroDivisionError("no such pool")

    monkeypatch.setattr(ManagedVenue, "send", broken)
    session = managed(market, allowed_tokens=["MOON"])
    tick = worlds.run_tick(session)
    assert tick.status == TickStatus.CLOSED
    (denied,) = tick.trades.all()
    assert (denied.status, denied.code, denied.allowed_usd) == ("DENIED", Code.INTERNAL_ERROR, 0)
    kept = InternalError.objects.get()
    assert (kept.tick, kept.stage) == (tick, Stage.EXECUTION)
    assert "ZeroDivisionError: no such pool" in kept.traceback
    assert problems(session) == []
