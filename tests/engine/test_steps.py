from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.account import Account
from paper_trading.engine.accounting import apply, cash_identity
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    Action,
    BreakerKind,
    ExitReason,
    LedgerAccount,
    TradeStatus,
    TradingState,
)
from paper_trading.engine.ledger import balance, units
from paper_trading.engine.market import Batch, GasConditions
from paper_trading.engine.money import cash_amount, exact
from paper_trading.engine.steps import auto_close, execute
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import TradeRecord
from tests.engine.desks import NONE, WORLD, A, B, C, closed, executed, holding, only
from tests.engine.worlds import (
    APPETITE,
    NOON,
    account,
    batch,
    decision,
    later,
    quote,
    rules,
)


@pytest.mark.parametrize(
    ("price", "delay", "strategy", "reason"),
    [
        ("90", 1, Strategy(), ExitReason.STOP_LOSS),
        ("115", 1, Strategy(), ExitReason.TAKE_PROFIT),
        ("100", 24, Strategy(), ExitReason.MAX_HOLD),
    ],
)
def test_what_has_a_reason_is_sold_in_full(
    price: str, delay: int, strategy: Strategy, reason: ExitReason
) -> None:
    held = holding()
    result = closed(held, later(WORLD, {A.id: price}, hours=delay), rules(strategy))
    trade = only(result)
    assert (trade.status, trade.exit_reason) == (TradeStatus.FILLED, reason)
    assert trade.swap is not None
    assert trade.swap.amount_in == held.positions[A.id].units
    assert trade.realized_usd == cash_amount(trade.swap.amount_out) - 1000
    assert result.account.positions == {}
    assert result.account.last_exits[A.id].reason is reason


def test_a_trailing_stop_follows_the_high_over_several_ticks() -> None:
    strategy = Strategy(
        take_profit_percent=Decimal(50),
        trailing_activation_percent=Decimal(5),
        trailing_distance_percent=Decimal(3),
    )
    held, world = holding(), WORLD
    for price, trades in (("108", 0), ("120", 0), ("117", 0), ("116", 1)):
        world = later(world, {A.id: price}, minutes=5)
        result = closed(held, world, rules(strategy))
        assert len(result.trades) == trades
        held = result.account
    assert held.last_exits[A.id].reason is ExitReason.TRAILING_STOP


def test_a_quiet_position_stays_and_is_marked() -> None:
    result = closed(holding(), later(WORLD, {A.id: "101"}, minutes=5))
    assert result.trades == ()
    assert result.account.positions[A.id].mark_price_usd == 101
    assert result.equity.at == NOON + timedelta(minutes=5)


def test_exits_go_by_urgency_then_by_symbol() -> None:
    held = holding(decision(A), decision(B), decision(C))
    world = later(WORLD, {A.id: "150", B.id: "2", C.id: "0.0003"}, minutes=5)
    result = closed(held, world, manual=frozenset({C.id}))
    assert [(one.token.symbol, one.exit_reason) for one in result.trades] == [
        ("CCC", ExitReason.MANUAL),
        ("BBB", ExitReason.STOP_LOSS),
        ("AAA", ExitReason.TAKE_PROFIT),
    ]
    assert [one.sequence for one in result.trades] == [0, 1, 2]


def test_a_manual_close_of_nothing_held_is_denied_when_a_quote_names_it() -> None:
    result = closed(account(), WORLD, manual=frozenset({A.id, 99}))
    trade = only(result)
    assert (trade.token, trade.code) == (A, Code.POSITION_CLOSED)
    assert trade.exit_reason is ExitReason.MANUAL


def test_a_halt_stops_exits_too_and_says_so() -> None:
    held = holding()
    result = closed(held, later(WORLD, {A.id: "80"}, minutes=5), rules(halted=True))
    trade = only(result)
    assert (trade.status, trade.code) == (TradeStatus.DENIED, Code.STATE_HALTED)
    assert trade.exit_reason is ExitReason.STOP_LOSS
    assert result.account.positions[A.id].units == held.positions[A.id].units
    assert result.state is TradingState.HALTED


def test_a_tripped_breaker_does_not_stop_exits() -> None:
    known = {BreakerKind.PORTFOLIO_LOSS: Breaker(BreakerKind.PORTFOLIO_LOSS, tripped=True)}
    result = auto_close(holding(), later(WORLD, {A.id: "80"}, minutes=5), known, rules(), NONE)
    assert only(result).status is TradeStatus.FILLED
    assert result.state is TradingState.REDUCING
    signal = execute(
        holding(), WORLD, known, rules(), [decision(A, Action.SELL)], TradingState.REDUCING
    )
    assert only(signal).status is TradeStatus.FILLED
    assert only(signal).exit_reason is ExitReason.SIGNAL


@pytest.mark.parametrize(
    ("world", "code"),
    [
        (batch(quote(B), at=NOON + timedelta(days=2)), Code.PRICE_MISSING),
        (batch(quote(A), at=NOON + timedelta(days=2)), Code.PRICE_STALE),
        (
            batch(
                quote(A, at=NOON + timedelta(days=2), liquidity=None),
                at=NOON + timedelta(days=2),
            ),
            Code.DEPTH_UNKNOWN,
        ),
        (
            batch(
                quote(A, at=NOON + timedelta(days=2)),
                at=NOON + timedelta(days=2),
                native_price=None,
            ),
            Code.GAS_PRICE_UNKNOWN,
        ),
    ],
)
def test_an_exit_that_cannot_be_priced_is_denied_and_wanted_again(world: Batch, code: Code) -> None:
    denied = closed(holding(), world)
    assert (only(denied).code, only(denied).exit_reason) == (code, ExitReason.MAX_HOLD)
    again = closed(denied.account, later(WORLD, {}, days=2, minutes=5))
    assert only(again).status is TradeStatus.FILLED


def test_an_exit_whose_gas_cannot_be_paid_is_denied() -> None:
    broke = replace(holding(), cash_usd=Decimal(0))
    trade = only(closed(broke, later(WORLD, {}, days=2)))
    assert (trade.code, trade.limit) == (Code.BALANCE_LOW, "gas")


def test_a_reverted_exit_pays_gas_keeps_the_position_and_meets_new_luck_later() -> None:
    held = holding()
    # The least tolerance: nearly any drift against the order reverts it.
    by = rules(Strategy(max_slippage_percent=Decimal("0.01")))
    outcomes = set()
    for seconds in range(40):
        # The quote stays the same, only older.
        at = NOON + timedelta(days=2, seconds=seconds)
        world = batch(quote(A, at=NOON + timedelta(days=2)), at=at, sigma={A.id: Decimal(2)})
        trade = only(closed(held, world, by))
        outcomes.add(trade.status)
        if trade.status is TradeStatus.FAILED:
            assert trade.code is Code.MINIMUM_OUT_NOT_MET
            assert {line.book for line in trade.postings} == {
                LedgerAccount.GAS,
                LedgerAccount.CASH,
            }
            after = apply(held, trade)
            assert trade.swap is not None
            gas = held.positions[A.id].gas_usd + trade.swap.gas_usd
            expected = replace(held.positions[A.id], gas_usd=gas, failed_exits=1)
            assert after.positions == {A.id: expected}
            assert after.failed_transactions == 1
            assert after.cash_usd < held.cash_usd
    assert outcomes == {TradeStatus.FILLED, TradeStatus.FAILED}


def test_the_level_decides_whether_orders_are_protected_from_sandwiches() -> None:
    ethereum = batch(quote(A, liquidity="100000000"), gas=GasConditions(1, 1_000_000, 1_000_000))
    rich = account("10000000")
    eager = replace(APPETITE, max_pool_percent=Decimal(5))
    taken = {}
    for protected in (True, False):
        appetite = replace(eager, mev_protection=protected)
        by = [replace(rules(appetite=appetite), seed=seed) for seed in range(20)]
        trades = [only(executed(decision(A), of=rich, world=ethereum, by=one)) for one in by]
        taken[protected] = sum(1 for one in trades if one.swap and one.swap.mev_usd > 0)
    # One in fifty and three in five; the seed decides which.
    assert taken[True] < 5 < taken[False] < 20


def test_a_fill_is_marked_in_market_usd_when_cash_is_off_its_peg() -> None:
    world = batch(quote(A, "100"), cash_price="0.8")
    held = executed(decision(A), world=world).account.positions[A.id]
    assert held.mark_price_usd == 100
    assert held.high_price_usd == 125


def test_a_step_tells_what_was_made_of_all_deposits() -> None:
    result = executed(decision(A))
    assert result.total_pnl_usd == result.equity.equity_usd - 10_000 < 0


def test_a_step_writes_when_something_changed() -> None:
    start = executed().account
    assert not executed(of=start).wrote(start)
    assert executed(decision(A), of=start).wrote(start)
    denied = executed(decision(A), of=start, by=rules(halted=True))
    assert denied.account == start
    assert denied.wrote(start)


# --- breakers and the market day -------------------------------------------------------


def test_losing_exits_stop_the_entries_of_the_same_tick() -> None:
    held = replace(holding(), losing_exits=4)
    result = closed(held, later(WORLD, {A.id: "80"}, minutes=5))
    assert result.account.losing_exits == 5
    assert result.breakers[BreakerKind.LOSING_EXITS].tripped
    assert result.state is TradingState.REDUCING


def test_a_new_market_day_starts_at_its_equity_and_clears_the_daily_loss() -> None:
    lost = {BreakerKind.DAILY_LOSS: Breaker(BreakerKind.DAILY_LOSS, tripped=True)}
    busy = replace(account(), day=date(2026, 3, 1), entries_today=50)
    result = auto_close(busy, WORLD, lost, rules(), NONE)
    assert result.account.day == date(2026, 3, 2)
    assert result.account.entries_today == 0
    assert result.state is TradingState.ACTIVE
    assert [(event.kind, event.tripped) for event in result.breaker_events] == [
        (BreakerKind.DAILY_LOSS, False)
    ]
    same = auto_close(result.account, WORLD, lost, rules(), NONE)
    assert same.state is TradingState.REDUCING


def test_the_deepest_drawdown_of_all_steps_is_kept() -> None:
    fallen = closed(holding(), later(WORLD, {A.id: "97"}, minutes=5)).account
    risen = closed(fallen, later(WORLD, {A.id: "104"}, minutes=9)).account
    assert risen.peak_equity_usd > 10_000
    assert risen.max_drawdown_percent == fallen.max_drawdown_percent > 0


# --- properties ------------------------------------------------------------------------

PRICES = st.decimals("0.00000001", 10_000, places=8)
ACTIONS = st.lists(st.sampled_from(Action), min_size=3, max_size=3)
TICK = st.tuples(st.lists(PRICES, min_size=3, max_size=3), ACTIONS, st.integers(0, 7))
LIVELY = rules(
    Strategy(max_slippage_percent=Decimal("0.05"), max_daily_loss_percent=Decimal(99)),
    replace(APPETITE, cool_down_minutes=5),
)


def assert_books_match(start: Account, end: Account, trades: list[TradeRecord]) -> None:
    """Hold the account against its ledger, and the ledger against itself."""
    lines = [line for trade in trades for line in trade.postings]
    assert cash_identity(end) == 0
    assert all(balance(trade.postings) == 0 for trade in trades)
    assert end.cash_usd == start.cash_usd + balance(lines, LedgerAccount.CASH)
    assert end.gas_usd == balance(lines, LedgerAccount.GAS)
    assert end.realized_usd == -balance(lines, LedgerAccount.REALIZED_PNL)
    cost = sum(held.cost_usd for held in end.positions.values())
    assert cost == balance(lines, LedgerAccount.POSITION)
    for of in (A, B, C):
        held = end.positions.get(of.id)
        assert units(lines, of.id) == (held.units if held else 0)
    sent = [made for trade in trades if trade.swap for made in trade.swap.transactions]
    assert [made.nonce for made in sent] == list(range(end.nonce))


@settings(max_examples=60, deadline=None)
@given(st.lists(TICK, min_size=1, max_size=12))
@exact
def test_whatever_the_market_does_the_books_are_right_to_the_digit(
    ticks: list[tuple[list[Decimal], list[Action], int]],
) -> None:
    start = held = account()
    trades: list[TradeRecord] = []
    breakers: dict[BreakerKind, Breaker] = {}
    world = replace(WORLD, sigma_annual={})
    for prices, actions, manual in ticks:
        world = later(world, dict(zip((1, 2, 3), map(str, prices), strict=True)), minutes=7)
        closing = auto_close(held, world, breakers, LIVELY, frozenset({manual}))
        wanted = [decision(of, do) for of, do in zip((A, B, C), actions, strict=True)]
        done = execute(closing.account, world, closing.breakers, LIVELY, wanted, closing.state)
        asked = [one for one in wanted if one.action in (Action.BUY, Action.SELL)]
        assert len(done.trades) == len(asked)
        held, breakers = done.account, dict(done.breakers)
        assert held.cash_usd >= 0
        trades += [*closing.trades, *done.trades]
        assert_books_match(start, held, trades)
        assert done.equity.equity_usd == done.equity.cash_usd + done.equity.positions_usd
    filled = [one for one in trades if one.status is TradeStatus.FILLED]
    assert all(one.swap for one in filled)


@settings(max_examples=40, deadline=None)
@given(ACTIONS, st.lists(st.decimals(-1, 1, places=1), min_size=3, max_size=3), st.data())
def test_the_order_in_which_decisions_arrive_changes_nothing(
    actions: list[Action], scores: list[Decimal], data: st.DataObject
) -> None:
    decisions = [
        decision(of, do, str(score))
        for of, do, score in zip((A, B, C), actions, scores, strict=True)
    ]
    shuffled = data.draw(st.permutations(decisions))
    held = holding(decision(B))
    assert executed(*shuffled, of=held) == executed(*decisions, of=held)


def test_the_callers_decimal_context_changes_nothing() -> None:
    world = later(WORLD, {A.id: "80.123456789012345678", B.id: "3.3"}, minutes=5)
    held = holding(decision(A), decision(B))
    expected = closed(held, world)
    bought = executed(decision(C), of=held, world=world)
    with localcontext(prec=6):
        assert closed(held, world) == expected
        assert executed(decision(C), of=held, world=world) == bought
