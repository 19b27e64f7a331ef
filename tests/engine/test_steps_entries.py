from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.engine.account import Account, LastExit
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    Action,
    BreakerKind,
    ExitReason,
    Side,
    TradeStatus,
    TradingState,
    TransactionKind,
)
from paper_trading.engine.ledger import balance
from paper_trading.engine.market import Batch
from paper_trading.engine.steps import Rules, execute
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import WORLD, A, B, C, executed, holding, only
from tests.engine.worlds import (
    NOON,
    account,
    batch,
    decision,
    later,
    quote,
    rules,
    token,
)


def test_a_buy_fills_with_its_plan_its_swap_and_balanced_postings() -> None:
    result = executed(decision(A))
    trade = only(result)
    assert (trade.status, trade.code, trade.side) == (TradeStatus.FILLED, Code.OK, Side.BUY)
    assert trade.asked_usd == 1000
    assert trade.allowed_usd == 1000
    assert trade.limit == "level share"
    assert trade.confidence == 80
    assert trade.swap is not None
    assert trade.swap.amount_in == 1_000_000_000
    assert balance(trade.postings) == 0
    held = result.account.positions[A.id]
    assert held.units == trade.swap.amount_out
    assert held.cost_usd == 1000
    # Marked at once: fee, impact and gas are already lost.
    assert held.net_pnl_percent is not None
    assert -2 < held.net_pnl_percent < 0
    assert result.equity.equity_usd < 10_000


def test_the_first_buy_approves_cash_and_the_second_does_not() -> None:
    first, second = executed(decision(A), decision(B)).trades
    assert first.swap is not None
    assert second.swap is not None
    kinds = [made.kind for made in first.swap.transactions]
    assert kinds == [TransactionKind.APPROVE, TransactionKind.SWAP]
    assert [made.kind for made in second.swap.transactions] == [TransactionKind.SWAP]
    nonces = [made.nonce for made in (*first.swap.transactions, *second.swap.transactions)]
    assert nonces == [0, 1, 2]


def test_buys_go_by_score_then_by_symbol_after_sells() -> None:
    held = holding()
    result = executed(
        decision(C, score="0.1"),
        decision(B, score="0.9"),
        decision(A, Action.SELL, score="-0.9"),
        of=held,
    )
    assert [(one.side, one.token.symbol) for one in result.trades] == [
        (Side.SELL, "AAA"),
        (Side.BUY, "BBB"),
        (Side.BUY, "CCC"),
    ]
    assert [one.sequence for one in result.trades] == [0, 1, 2]
    tied = executed(decision(C), decision(A), decision(B)).trades
    assert [one.token.symbol for one in tied] == ["AAA", "BBB", "CCC"]
    unscored = executed(decision(A, score=None), decision(B, score="-1")).trades
    assert [one.token.symbol for one in unscored] == ["BBB", "AAA"]


def test_hold_and_skip_ask_for_nothing() -> None:
    assert executed(decision(A, Action.HOLD), decision(B, Action.SKIP)).trades == ()


def test_entries_use_the_level_share_of_the_slippage_and_exits_all_of_it() -> None:
    bought = only(executed(decision(A)))
    assert bought.swap is not None
    assert bought.swap.minimum_out == bought.swap.quoted_out * 994 // 1000
    sold = only(executed(decision(A, Action.SELL), of=holding()))
    assert sold.swap is not None
    assert sold.swap.minimum_out == sold.swap.quoted_out * 99 // 100


STALE = batch(quote(A, at=NOON - timedelta(seconds=901)), quote(B))
COOLING = replace(account(), last_exits={A.id: LastExit(NOON, ExitReason.MAX_HOLD)})


@pytest.mark.parametrize(
    ("of", "world", "by", "state", "code"),
    [
        (account(), STALE, rules(halted=True), TradingState.ACTIVE, Code.STATE_HALTED),
        (account(), STALE, rules(), TradingState.HALTED, Code.STATE_HALTED),
        (account(), STALE, rules(paused=True), TradingState.REDUCING, Code.STATE_REDUCING),
        (COOLING, STALE, rules(paused=True), TradingState.ACTIVE, Code.ENTRIES_PAUSED),
        (COOLING, STALE, rules(), TradingState.ACTIVE, Code.PRICE_STALE),
        (COOLING, batch(quote(B)), rules(), TradingState.ACTIVE, Code.PRICE_MISSING),
        (COOLING, WORLD, rules(), TradingState.ACTIVE, Code.COOL_DOWN),
        (
            replace(holding(decision(B)), entries_today=50),
            WORLD,
            rules(Strategy(max_concurrent_positions=1)),
            TradingState.ACTIVE,
            Code.POSITIONS_FULL,
        ),
        (
            replace(account(), entries_today=1),
            WORLD,
            rules(Strategy(max_daily_trades=1)),
            TradingState.ACTIVE,
            Code.DAILY_TRADES_REACHED,
        ),
        (
            replace(account(), cash_usd=Decimal(100)),
            WORLD,
            rules(),
            TradingState.ACTIVE,
            Code.BALANCE_LOW,
        ),
    ],
)
def test_the_first_gate_that_is_missed_denies_an_entry(
    of: Account, world: Batch, by: Rules, state: TradingState, code: Code
) -> None:
    result = executed(decision(A), of=of, world=world, by=by, state=state)
    trade = only(result)
    assert (trade.status, trade.code) == (TradeStatus.DENIED, code)
    assert trade.allowed_usd == 0
    assert trade.asked_usd > 0
    assert (trade.swap, trade.postings) == (None, ())
    assert result.account.cash_usd == of.cash_usd


def test_a_tripped_breaker_denies_entries_by_name_even_if_the_state_was_read_before() -> None:
    known = {BreakerKind.DRAWDOWN: Breaker(BreakerKind.DRAWDOWN, tripped=True)}
    result = execute(account(), WORLD, known, rules(), [decision(A)], TradingState.ACTIVE)
    trade = only(result)
    assert (trade.code, trade.limit) == (Code.STATE_REDUCING, "DRAWDOWN")
    assert result.state is TradingState.REDUCING


def test_adds_end_at_the_level_limit() -> None:
    held = holding()
    once = replace(held.positions[A.id], adds=1)
    trade = only(executed(decision(A), of=held.with_position(once)))
    assert (trade.code, trade.limit) == (Code.ADDS_EXHAUSTED, "1 add")


def test_an_add_is_not_stopped_by_a_full_list_of_positions() -> None:
    held = holding()
    small = replace(held.positions[A.id], units=10**18, cost_usd=Decimal(100))
    by = rules(Strategy(max_concurrent_positions=1))
    trades = executed(decision(A), decision(B), of=held.with_position(small), by=by).trades
    assert [one.code for one in trades] == [Code.OK, Code.POSITIONS_FULL]


@pytest.mark.parametrize(
    ("reason", "minutes", "code"),
    [
        (ExitReason.TAKE_PROFIT, 59, Code.COOL_DOWN),
        (ExitReason.TAKE_PROFIT, 60, Code.OK),
        (ExitReason.STOP_LOSS, 119, Code.COOL_DOWN),
        (ExitReason.STOP_LOSS, 120, Code.OK),
        (ExitReason.TRAILING_STOP, 119, Code.COOL_DOWN),
    ],
)
def test_cool_down_is_in_market_time_and_doubled_after_a_stop(
    reason: ExitReason, minutes: int, code: Code
) -> None:
    of = replace(account(), last_exits={A.id: LastExit(NOON, reason)})
    world = later(WORLD, {}, minutes=minutes)
    assert only(executed(decision(A), of=of, world=world)).code is code


def test_the_daily_limit_bites_within_one_step() -> None:
    by = rules(Strategy(max_daily_trades=1))
    result = executed(decision(A), decision(B), by=by)
    assert [one.code for one in result.trades] == [Code.OK, Code.DAILY_TRADES_REACHED]
    assert result.state is TradingState.REDUCING
    assert [event.kind for event in result.breaker_events] == [BreakerKind.DAILY_TRADES]


def test_a_sell_of_nothing_held_is_denied_as_closed() -> None:
    trade = only(executed(decision(A, Action.SELL)))
    assert (trade.status, trade.code) == (TradeStatus.DENIED, Code.POSITION_CLOSED)


def test_a_buy_of_a_token_that_no_quote_names_is_still_recorded() -> None:
    trade = only(executed(decision(token(9, "ZZZ"))))
    assert (trade.token.symbol, trade.code) == ("ZZZ", Code.PRICE_MISSING)


def test_two_decisions_on_one_token_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two decisions for token 1 \(AAA\)"):
        executed(decision(A), decision(A, Action.SELL))
