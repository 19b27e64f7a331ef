"""Each breaker tripped and reset through the real stages, and their journal."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paper_trading.bot import controls, stages
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.replay.verify import verify
from paper_trading.engine import breakers as circuit
from paper_trading.engine.breaker import Breaker
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
    AccountEvent,
    AccountEventKind,
    BreakerState,
    InternalError,
    Market,
    PaperStrategyConfiguration,
    PaperTradingAccount,
    PaperTradingSession,
    Quote,
    Tick,
    TickStatus,
)
from paper_trading.services import market_setup
from tests import builders as make
from tests.bot import worlds
from tests.bot.breaker_acts import close_one, manager, restart

pytestmark = pytest.mark.django_db
WHY = "Looked at."


def row_of(session: PaperTradingSession, kind: BreakerKind) -> BreakerState:
    return BreakerState.objects.get(account=session.account_id, kind=kind)


def run_until_tripped(session: PaperTradingSession, kind: BreakerKind, most: int = 20) -> Tick:
    for _ in range(most):
        tick = worlds.run_tick(session)
        if row_of(session, kind).tripped:
            return tick
    raise AssertionError(f"{kind} never tripped in {most} ticks")


def set_strategy(session: PaperTradingSession, **values: Any) -> None:
    PaperStrategyConfiguration.objects.filter(pk=session.strategy_id).update(**values)


def entries_of(tick: Tick) -> set[tuple[str, str, str]]:
    return set(tick.trades.filter(side=Side.BUY).values_list("status", "code", "limit"))


#: What makes each breaker trip that a person resets, by the strategy.
LATCHED: dict[BreakerKind, dict[str, Any]] = {
    BreakerKind.PORTFOLIO_LOSS: {"max_portfolio_loss_percent": Decimal("0.1")},
    BreakerKind.DAILY_LOSS: {"max_daily_loss_percent": Decimal("0.1")},
    BreakerKind.DRAWDOWN: {"max_drawdown_percent": Decimal("0.1")},
    BreakerKind.LOSING_EXITS: {"max_losing_exits": 1},
    BreakerKind.FAILED_TRANSACTIONS: {
        "max_failed_transactions": 1,
        "max_slippage_percent": Decimal("0.01"),
        "allowed_tokens": ["PEAK"],
    },
}


def _limits(kind: BreakerKind) -> list[str]:
    """Return the settings that say when a breaker trips."""
    return [name for name in LATCHED[kind] if name.startswith("max_") and "slip" not in name]


@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("kind", LATCHED)
def test_a_breaker_of_loss_or_failure_gates_entries_until_a_person_resets_it(
    market: Market, kind: BreakerKind, managed: bool
) -> None:
    session = worlds.running_session(market, use_transaction_manager=managed, **LATCHED[kind])
    run_until_tripped(session, kind)
    restart()
    assert manager(session).state() is TradingState.REDUCING
    tick = worlds.run_tick(session)
    assert tick.trading_state == TradingState.REDUCING
    assert {entry[:2] for entry in entries_of(tick)} == {(TradeStatus.DENIED, Code.STATE_REDUCING)}
    assert all(kind.value in limit for _, _, limit in entries_of(tick))
    person = make.make_user()
    set_strategy(session, **dict.fromkeys(_limits(kind), 100))
    for other in manager(session).reasons():
        manager(session).reset(other, person, WHY)
    row = row_of(session, kind)
    assert (row.tripped, row.reset_by, row.reset_reason) == (False, person, WHY)
    event = AccountEvent.objects.get(kind=AccountEventKind.BREAKER_RESET, breaker=kind)
    assert (event.reason, event.requested_by) == (WHY, person)
    restart()
    assert manager(session).can_trade() == (True, "")
    assert Code.STATE_REDUCING not in {code for _, code, _ in entries_of(worlds.run_tick(session))}


def test_exits_pass_while_entries_are_stopped(market: Market) -> None:
    session = worlds.running_session(market, max_daily_loss_percent=Decimal("0.1"))
    run_until_tripped(session, BreakerKind.DAILY_LOSS)
    restart()
    close_one(session)
    tick = worlds.run_tick(session)
    assert tick.trading_state == TradingState.REDUCING
    sold = tick.trades.filter(exit_reason=ExitReason.MANUAL).get()
    assert sold.status == TradeStatus.FILLED


def test_the_daily_limit_clears_itself_when_it_is_raised(market: Market) -> None:
    session = worlds.running_session(market, max_daily_trades=1)
    run_until_tripped(session, BreakerKind.DAILY_TRADES)
    set_strategy(session, max_daily_trades=50)
    worlds.run_tick(session)
    row = row_of(session, BreakerKind.DAILY_TRADES)
    assert (row.tripped, row.reset_by) == (False, None)
    assert row.reset_reason == "By itself, with the next market day."
    assert row.reset_at is not None


def test_cash_clears_its_breaker_a_smallest_order_above_the_minimum(market: Market) -> None:
    session = worlds.running_session(market, blocked_tokens=list(worlds.SCRIPTS))
    worlds.run_tick(session)
    kind = BreakerKind.MINIMUM_BALANCE
    for least, tripped in ((10_001, True), (9_991, True), (9_990, False)):
        set_strategy(
            session, minimum_balance_usd=Decimal(least), blocked_tokens=list(worlds.SCRIPTS)
        )
        restart()
        worlds.run_tick(session)
        assert row_of(session, kind).tripped is tripped, least
    assert row_of(session, kind).reset_reason.startswith("By itself, when cash")


def test_a_stale_feed_gates_entries_and_its_next_price_clears_it(market: Market) -> None:
    session = worlds.running_session(market)
    tick = worlds.run_until(worlds.open_tick(session), Stage.AUTO_CLOSE)
    assert tick.market_time is not None
    old = tick.market_time - timedelta(seconds=901)
    Quote.objects.filter(batch=tick.batch).update(observed_at=old)
    restart()
    stages.run_to_end(tick.pk)
    tick.refresh_from_db()
    assert tick.trading_state == TradingState.REDUCING
    row = row_of(session, BreakerKind.STALE_FEED)
    assert (row.tripped, row.actual) == (True, 901)
    restart()
    assert worlds.run_tick(session).trading_state == TradingState.ACTIVE
    assert row_of(session, BreakerKind.STALE_FEED).reset_reason.startswith(
        "By itself, with a price"
    )


def spikes(step: int) -> float:
    return -6.0 if step == 2 else 0.01


@pytest.fixture
def spiky(db: None, tmp_path: Path) -> Market:
    """A market whose tokens all fall by 6 % in its third tick."""
    path = tmp_path / "spiky.csv"
    scripts = {**dict.fromkeys(worlds.SCRIPTS, spikes), "USDC": worlds.stands}
    worlds.write_record(path, scripts=scripts)
    return market_setup.recorded_market(path)


def test_a_spike_stops_entries_lets_the_stop_sell_and_ends_after_calm(spiky: Market) -> None:
    kind = BreakerKind.VOLATILITY
    session = worlds.running_session(spiky, max_volatility_ratio=Decimal(2), max_losing_exits=9)
    first = worlds.run_ticks(session, 2)
    assert not row_of(session, kind).tripped
    assert Code.STATE_REDUCING not in {code for _, code, _ in entries_of(first)}
    tick = worlds.run_tick(session)
    row = row_of(session, kind)
    assert row.tripped
    assert row.actual is not None
    assert row.actual > 2
    sold = tick.trades.filter(side=Side.SELL, status=TradeStatus.FILLED)
    assert set(sold.values_list("exit_reason", flat=True)) == {ExitReason.STOP_LOSS}
    # The same prices without the setting: nothing of the kind.
    free = worlds.running_session(spiky, max_losing_exits=9)
    worlds.run_ticks(free, 3)
    assert not row_of(free, kind).tripped
    restart()
    states = [worlds.run_tick(session).market_time for _ in range(3)]
    waiting = row_of(session, kind)
    assert (waiting.tripped, waiting.waiting_since) == (True, states[0])
    worlds.run_tick(session)
    over = row_of(session, kind)
    assert (over.tripped, over.waiting_since) == (False, None)
    assert over.reset_reason.startswith("By itself, after 15 minutes")
    verify(session.pk)


def test_an_error_inside_ends_as_reducing_with_the_error_stored(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    with monkeypatch.context() as patch:
        patch.setattr(circuit, "_count", lambda actual, limit: Decimal(actual) / 0)
        close_one(session)
        tick = worlds.run_tick(session)
    assert (tick.status, tick.trading_state) == (TickStatus.CLOSED, TradingState.REDUCING)
    assert tick.trades.get(exit_reason=ExitReason.MANUAL).status == TradeStatus.FILLED
    assert {entry[1] for entry in entries_of(tick)} <= {Code.STATE_REDUCING}
    stored = InternalError.objects.get(tick=tick)
    assert stored.stage == Stage.AUTO_CLOSE
    assert "DivisionByZero" in stored.traceback
    restart()
    assert worlds.run_tick(session).trading_state == TradingState.REDUCING
    manager(session).reset(BreakerKind.INTERNAL_ERROR, session.account.owner, WHY)
    assert worlds.run_tick(session).trading_state == TradingState.ACTIVE
    InternalError.objects.all().delete()


def test_all_tripped_breakers_fit_into_the_record_of_a_denial(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    for kind in BreakerKind:
        BreakerState.objects.filter(kind=kind).update(
            tripped=True, tripped_market_time=worlds.START
        )
    tick = worlds.run_tick(session)
    (limit,) = {limit for _, _, limit in entries_of(tick)}
    assert BreakerKind.INTERNAL_ERROR in limit


@pytest.mark.parametrize("reason", ["", "   ", "x" * 121])
def test_whoever_acts_says_why(market: Market, reason: str) -> None:
    session, person = worlds.running_session(market), make.make_user()
    token = worlds.token_of(market, "MOON")
    acts: list[Callable[[], Any]] = [
        lambda: manager(session).reset(BreakerKind.DRAWDOWN, person, reason),
        lambda: manager(session).lock(token, 5, person, reason),
        lambda: manager(session).release(token, person, reason),
    ]
    for act in acts:
        with pytest.raises(ControlRefused, match="A reason of 1 to 120 characters is needed"):
            act()


def test_a_halt_and_a_pause_are_told_by_the_manager(market: Market) -> None:
    session = worlds.running_session(market)
    assert manager(session).breakers() == {kind: Breaker(kind) for kind in BreakerKind}
    controls.pause(session)
    assert manager(session).can_trade() == (False, Code.ENTRIES_PAUSED.text)
    controls.halt(session)
    assert manager(session).state() is TradingState.HALTED
    assert manager(session).can_trade() == (False, Code.STATE_HALTED.text)


def test_a_breaker_of_loss_is_reset_to_measure_from_now() -> None:
    session, person = make.make_session(), make.make_user()
    make.make_point(make.make_tick(session), Decimal(9_300))
    breaker = make.make_breaker(session.account)
    assert manager(session).can_trade() == (
        False,
        "Too much is lost since the market day began (percent): 5.2, limit 5.",
    )
    manager(session).reset(BreakerKind.DAILY_LOSS, person, WHY)
    breaker.refresh_from_db()
    assert (breaker.tripped, breaker.tripped_market_time) == (False, None)
    assert breaker.baseline_usd == 9_300
    assert (breaker.reset_by, breaker.actual, breaker.threshold) == (person, None, None)
    assert breaker.reset_at is not None
    with pytest.raises(ControlRefused, match="Daily loss is not tripped"):
        manager(session).reset(BreakerKind.DAILY_LOSS, person, WHY)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (BreakerKind.FAILED_TRANSACTIONS, "failed_transactions"),
        (BreakerKind.LOSING_EXITS, "losing_exits"),
    ],
)
def test_a_breaker_of_counts_is_reset_with_its_count_alone(kind: BreakerKind, count: str) -> None:
    session = make.make_session()
    PaperTradingAccount.objects.update(failed_transactions=5, losing_exits=5)
    make.make_breaker(session.account, kind=kind)
    manager(session).reset(kind, make.make_user(), WHY)
    account = PaperTradingAccount.objects.get(pk=session.account_id)
    assert account.failed_transactions + account.losing_exits == 5
    assert getattr(account, count) == 0
    assert account.state_version == session.account.state_version + 1
