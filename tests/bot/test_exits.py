"""Exits and gates through the real pipeline: each acts, and is stored with its reason."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from paper_trading.bot import controls, ledger_check
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    BreakerKind,
    ExitReason,
    Side,
    Stage,
    TradeStatus,
    TradingState,
)
from paper_trading.models import (
    BreakerState,
    Market,
    PaperPosition,
    PaperTrade,
    PaperTradingSession,
    RequestKind,
    Tick,
)
from tests.bot import worlds


@pytest.fixture(autouse=True)
def two_chunks(settings: Settings) -> None:
    settings.ANALYSIS_WIDTH = 2


def run_until_sold(session: PaperTradingSession, symbol: str, ticks: int) -> PaperTrade:
    """Run ticks until a token's position is sold, and return the sell."""
    for _ in range(ticks):
        tick = worlds.run_tick(session)
        sold = tick.trades.filter(
            side=Side.SELL, status=TradeStatus.FILLED, token__symbol=symbol
        ).first()
        if sold is not None:
            return sold
    raise AssertionError(f"{symbol} was not sold in {ticks} ticks")


def closed_position(sold: PaperTrade) -> PaperPosition:
    """Return the position that a sell closed, after checking that both tell the same."""
    position = sold.position
    assert position is not None
    assert not position.is_open
    assert (position.units, position.cost_usd) == (0, 0)
    assert position.exit_reason == sold.exit_reason
    assert position.closed_market_time == sold.market_time == sold.tick.market_time
    assert (sold.stage, sold.code) == (Stage.AUTO_CLOSE, Code.OK)
    assert position.realized_usd == sold.realized_usd
    return position


def test_a_stop_loss_sells_what_fell(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["CRASH"])
    sold = run_until_sold(session, "CRASH", 5)
    assert sold.exit_reason == ExitReason.STOP_LOSS
    position = closed_position(sold)
    assert position.realized_usd - position.gas_usd <= -position.bought_usd * Decimal("0.05")


def test_a_take_profit_sells_what_rose(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["MOON"])
    sold = run_until_sold(session, "MOON", 10)
    assert sold.exit_reason == ExitReason.TAKE_PROFIT
    position = closed_position(sold)
    # The net that was due at the mark, less what the fill drifted.
    assert position.realized_usd - position.gas_usd >= position.bought_usd * Decimal("0.09")
    session.account.refresh_from_db()
    assert (session.account.winning_trades, session.account.losing_trades) == (1, 0)


def test_a_maximum_hold_sells_what_went_nowhere(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["FLAT"], max_hold_hours=Decimal(1))
    bought = worlds.run_tick(session)
    assert bought.trades.filter(status="FILLED").count() == 1
    worlds.skip_to(session, 12)
    assert not worlds.run_tick(session).trades.filter(side=Side.SELL).exists()
    sold = run_until_sold(session, "FLAT", 1)
    assert sold.exit_reason == ExitReason.MAX_HOLD
    position = closed_position(sold)
    assert position.closed_market_time is not None
    held = position.closed_market_time - position.opened_market_time
    assert held == 12 * worlds.STEP


def test_a_trailing_stop_sells_what_fell_back_from_its_high(market: Market) -> None:
    session = worlds.running_session(
        market,
        allowed_tokens=["PEAK"],
        trailing_activation_percent=Decimal(3),
        trailing_distance_percent=Decimal(2),
    )
    sold = run_until_sold(session, "PEAK", 8)
    assert sold.exit_reason == ExitReason.TRAILING_STOP
    position = closed_position(sold)
    assert position.mark_price_usd <= position.high_price_usd * Decimal("0.98")


def test_a_person_s_request_closes_a_position_on_the_next_tick(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["FLAT"])
    worlds.run_tick(session)
    token = worlds.token_of(market, "FLAT")
    request = controls.request_close(session, token, session.account.owner)
    sold = run_until_sold(session, "FLAT", 1)
    assert sold.exit_reason == ExitReason.MANUAL
    closed_position(sold)
    request.refresh_from_db()
    assert request.tick == sold.tick


def test_a_request_that_could_not_be_served_is_wanted_again(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["FLAT"])
    worlds.run_tick(session)
    request = controls.request_close(
        session, worlds.token_of(market, "FLAT"), session.account.owner
    )
    controls.halt(session)
    denied = worlds.run_tick(session).trades.get(side=Side.SELL)
    assert (denied.status, denied.code) == (TradeStatus.DENIED, Code.STATE_HALTED)
    controls.unhalt(session)
    sold = run_until_sold(session, "FLAT", 1)
    assert sold.exit_reason == ExitReason.MANUAL
    request.refresh_from_db()
    assert request.tick == sold.tick


def test_a_request_for_what_was_sold_meanwhile_is_answered_and_forgotten(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["FLAT"])
    worlds.run_tick(session)
    token = worlds.token_of(market, "FLAT")
    first = controls.request_close(session, token, session.account.owner)
    controls.pause(session)
    worlds.run_tick(session)
    second = session.requests.create(kind=RequestKind.CLOSE_POSITION, token=token)
    tick = worlds.run_tick(session)
    assert tick.trades.filter(side=Side.SELL).get().code == Code.POSITION_CLOSED
    assert not session.requests.filter(tick=None).exists()
    assert first.pk != second.pk


def test_a_tripped_breaker_gates_entries_and_never_exits(market: Market) -> None:
    session = worlds.running_session(
        market, allowed_tokens=["CRASH", "FLAT"], max_daily_loss_percent=Decimal("0.6")
    )
    sold = run_until_sold(session, "CRASH", 5)
    tick = sold.tick
    assert tick.trading_state == TradingState.REDUCING
    breaker = BreakerState.objects.get(account=session.account, tripped=True)
    assert breaker.kind == BreakerKind.DAILY_LOSS
    assert breaker.actual is not None
    assert breaker.actual >= Decimal("0.6")
    assert breaker.tripped_market_time is not None
    assert breaker.tripped_market_time <= sold.market_time
    entries = tick.trades.filter(side=Side.BUY)
    assert set(entries.values_list("status", "code", "limit")) == {
        (TradeStatus.DENIED, Code.STATE_REDUCING, BreakerKind.DAILY_LOSS.value)
    }


def test_a_halt_blocks_exits_and_says_so_until_it_is_released(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["CRASH"])
    worlds.run_tick(session)
    controls.halt(session)
    for _ in range(4):
        tick = worlds.run_tick(session)
    assert tick.trading_state == TradingState.HALTED
    denied = tick.trades.get(side=Side.SELL)
    assert (denied.status, denied.code) == (TradeStatus.DENIED, Code.STATE_HALTED)
    assert denied.exit_reason == ExitReason.STOP_LOSS
    assert not denied.ledger.exists()
    assert PaperPosition.objects.get().is_open
    assert set(tick.trades.filter(side=Side.BUY).values_list("code", flat=True)) <= {
        Code.STATE_HALTED
    }
    controls.unhalt(session)
    assert run_until_sold(session, "CRASH", 1).exit_reason == ExitReason.STOP_LOSS


def test_paused_entries_leave_exits_alone(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    controls.pause(session)
    sold = run_until_sold(session, "CRASH", 4)
    assert sold.exit_reason == ExitReason.STOP_LOSS
    later = Tick.objects.filter(session=session, number__gt=1)
    assert {tick.entries_paused for tick in later} == {True}
    entries = PaperTrade.objects.filter(tick__in=later, side=Side.BUY)
    assert set(entries.values_list("status", "code")) == {(TradeStatus.DENIED, Code.ENTRIES_PAUSED)}
    controls.resume(session)
    codes = worlds.run_tick(session).trades.filter(side=Side.BUY).values_list("code", flat=True)
    assert Code.ENTRIES_PAUSED not in set(codes)


def test_what_a_tick_obeys_is_what_was_set_when_it_opened(market: Market) -> None:
    session = worlds.running_session(market)
    tick = worlds.open_tick(session)
    controls.pause(session)
    controls.halt(session)
    session.strategy.allowed_tokens = ["NOTHING"]
    session.strategy.save()
    worlds.run_until(tick, Stage.CLOSE)
    assert tick.trades.filter(status=TradeStatus.FILLED).exists()


def test_an_exit_without_a_price_is_denied_and_tried_again(market: Market) -> None:
    session = worlds.running_session(market, allowed_tokens=["NOISE"])
    worlds.skip_to(session, 7)
    worlds.run_tick(session)
    controls.request_close(session, worlds.token_of(market, "NOISE"), session.account.owner)
    for _ in range(2):
        denied = worlds.run_tick(session).trades.get(side=Side.SELL)
        assert (denied.status, denied.code) == (TradeStatus.DENIED, Code.PRICE_MISSING)
    assert run_until_sold(session, "NOISE", 1).exit_reason == ExitReason.MANUAL


def test_take_profit_steps_sell_parts_and_the_rest_rides(market: Market) -> None:
    session = worlds.running_session(
        market,
        allowed_tokens=["MOON"],
        take_profit_steps=[["3", "50"], ["6", "25"]],
        exit_volatility_percent=Decimal(300),
    )
    sold: list[PaperTrade] = []
    for _ in range(25):
        tick = worlds.run_tick(session)
        sold += tick.trades.filter(side=Side.SELL, status=TradeStatus.FILLED)
        if sold and sold[-1].steps_taken is None:
            break
    assert [one.steps_taken for one in sold] == [1, 2, None]
    assert {one.exit_reason for one in sold} == {ExitReason.TAKE_PROFIT}
    position = sold[0].position
    assert position is not None
    buys = position.trades.filter(side=Side.BUY, status=TradeStatus.FILLED).order_by("pk")
    assert [one.exit_factor for one in buys] == [position.exit_factor] + [None] * position.adds
    assert Decimal("0.5") <= position.exit_factor < 1
    gone = 0
    for one, share in zip(sold, (50, 75, 100), strict=True):
        bought = sum(buy.amount_out or 0 for buy in buys if buy.pk < one.pk)
        assert one.amount_in == bought * share // 100 - gone
        gone += one.amount_in
    assert position.bought_units == gone
    assert not position.is_open
    assert position.realized_usd == sum(one.realized_usd or 0 for one in sold)
    session.account.refresh_from_db()
    assert ledger_check.problems(session.account) == []
