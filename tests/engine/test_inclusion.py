"""Pending swaps: when their outcome is known, what it is, and what it costs."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import inclusion
from paper_trading.engine.account import Account
from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import (
    Action,
    Channel,
    ExitReason,
    PriceVerdict,
    Side,
    TradeStatus,
    TradingState,
    TransactionStatus,
)
from paper_trading.engine.gas import APPROVE_GAS, FAILED_SWAP_GAS
from paper_trading.engine.inclusion import blocks_waited
from paper_trading.engine.market import Batch, GasConditions
from paper_trading.engine.money import ONE, ZERO, cash_amount
from paper_trading.engine.orders import Rules
from paper_trading.engine.pending import Pending
from paper_trading.engine.pending_json import pending_from, pending_json
from paper_trading.engine.steps import StepResult
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import TradeRecord
from tests.engine.desks import WORLD, A, B, closed, executed, only
from tests.engine.worlds import APPETITE, NOON, account, decision, later, rules

BY = rules(managed=True)
L1 = GasConditions(1, 160_000_000, 10_000_000)


def sent(
    *decisions: Decision, of: Account | None = None, world: Batch = WORLD, by: Rules = BY
) -> StepResult:
    return executed(*(decisions or (decision(A),)), of=of, world=world, by=by)


def pending(of: Account, token_id: int = A.id) -> Pending:
    return of.pending[token_id]


def told(of: Account, world: Batch, by: Rules = BY) -> TradeRecord:
    """The record of the only pending swap's outcome."""
    found = only(closed(of, world, by))
    assert found.submission is not None
    return found


def told_first(of: Account, world: Batch, by: Rules = BY) -> TradeRecord:
    """The record of the first pending swap's outcome, whatever follows it."""
    return closed(of, world, by).trades[0]


def seconds(number: int, prices: dict[int, str] | None = None, world: Batch = WORLD) -> Batch:
    return later(world, prices or {}, seconds=number)


def observed(world: Batch, at: datetime, verdict: PriceVerdict = PriceVerdict.FRESH) -> Batch:
    """The world whose quotes were observed at a time, with one verdict."""
    quotes = {
        key: replace(one, observed_at=at, verdict=verdict) for key, one in world.quotes.items()
    }
    return replace(world, quotes=quotes)


# Sending


def test_an_order_waits_and_its_cash_is_set_aside() -> None:
    result = sent()
    assert result.trades == ()
    (waiting,) = result.sent
    assert result.account.pending == {A.id: waiting}
    assert result.account.cash_usd == 10_000
    assert not result.account.positions
    assert (waiting.nonce, waiting.approves, result.account.nonce) == (1, True, 2)
    assert waiting.submission.sent_at == NOON
    assert waiting.submission.included_at == NOON + timedelta(seconds=2)
    assert waiting.submission.deadline_at == NOON + timedelta(seconds=120)
    assert waiting.submission.channel is Channel.SEQUENCER
    assert waiting.spent_usd == 1000
    assert 1000 < waiting.reserved_usd < Decimal("1000.01")
    assert cash_identity(result.account) == 0


def test_the_next_price_after_the_block_tells_the_outcome() -> None:
    before = sent().account
    record = told(before, seconds(15))
    assert (record.status, record.code, record.market_time) == (
        TradeStatus.FILLED,
        Code.OK,
        NOON + timedelta(seconds=15),
    )
    after = closed(before, seconds(15), BY).account
    assert after.pending == {}
    assert after.positions[A.id].cost_usd == 1000
    assert after.nonce == before.nonce
    assert after.approvals == {0}
    assert cash_identity(after) == 0


def test_a_price_from_before_the_block_tells_nothing() -> None:
    before = sent().account
    early = observed(seconds(15), NOON + timedelta(seconds=1))
    result = closed(before, early, BY)
    assert (result.trades, result.account.pending) == ((), before.pending)
    on_time = observed(seconds(15), NOON + timedelta(seconds=2))
    assert closed(before, on_time, BY).account.pending == {}


@pytest.mark.parametrize(
    ("verdict", "buy_told", "sell_told"),
    [
        (PriceVerdict.FRESH, True, True),
        (PriceVerdict.JUMP, False, False),
        (PriceVerdict.STALE, False, False),
        (PriceVerdict.CASH_UNSURE, False, False),
        # The lower of two prices: nobody is to have bought at it.
        (PriceVerdict.DISPUTED, False, True),
        (PriceVerdict.UNSELLABLE, True, True),
    ],
)
def test_an_unsound_price_tells_nothing(
    verdict: PriceVerdict, buy_told: bool, sell_told: bool
) -> None:
    bought = closed(sent().account, seconds(15), BY).account
    selling = sent(decision(A, Action.SELL), of=bought, world=seconds(15)).account
    for of, is_told, at in ((sent().account, buy_told, 15), (selling, sell_told, 30)):
        world = observed(seconds(at), NOON + timedelta(seconds=at), verdict)
        assert (of.pending != closed(of, world, BY).account.pending) is is_told


def test_what_a_pool_pays_is_between_both_prices() -> None:
    """Two of fifteen seconds after 100, before 107.5: at 101."""
    wide = Strategy(max_slippage_percent=Decimal(10))
    before = sent(by=rules(wide, managed=True)).account
    record = told(before, seconds(15, {A.id: "107.5"}), rules(wide, managed=True))
    swap = record.swap
    assert swap is not None
    value_in, tokens = cash_amount(swap.amount_in), Decimal(swap.amount_out).scaleb(-18)
    paid = value_in * Decimal("0.997") / tokens
    assert round(paid, 1) == Decimal("101.0")
    assert swap.mid_price == 100
    # What 1,000 USD bought would have been 1 % more at the old price.
    assert Decimal("9.5") < swap.drift_usd < Decimal("10.5")
    assert swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd == swap.shortfall_usd


def test_noise_is_drawn_below_the_sampling_interval_only() -> None:
    """A bridge has no noise at its ends."""
    volatile = replace(WORLD, sigma_annual={A.id: Decimal(50)})
    before = sent(world=volatile).account
    ends = observed(seconds(15, {A.id: "100"}, volatile), NOON + timedelta(seconds=2))
    at_end = told(before, ends).swap
    between = told(before, seconds(15, {A.id: "100"}, volatile)).swap
    assert at_end is not None
    assert between is not None
    assert abs(at_end.drift_usd) < Decimal("0.001") < abs(between.drift_usd)


def test_a_pool_that_lost_its_depth_pays_less() -> None:
    before = sent().account
    shallow = seconds(15)
    quotes = {**shallow.quotes, A.id: replace(shallow.quotes[A.id], liquidity_usd=Decimal(800_000))}
    record = told(before, replace(shallow, quotes=quotes))
    assert record.swap is not None
    assert record.swap.drift_usd > 2


# Failing


def test_a_price_that_ran_away_reverts_and_costs_gas() -> None:
    before = sent().account
    record = told(before, seconds(15, {A.id: "110"}))
    assert (record.status, record.code) == (TradeStatus.FAILED, Code.MINIMUM_OUT_NOT_MET)
    assert record.swap is not None
    approve, swap = record.swap.transactions
    assert (approve.status, approve.gas_used) == (TransactionStatus.CONFIRMED, APPROVE_GAS)
    assert (swap.status, swap.gas_used) == (TransactionStatus.REVERTED, FAILED_SWAP_GAS)
    after = closed(before, seconds(15, {A.id: "110"}), BY).account
    assert after.cash_usd == 10_000 - record.swap.gas_usd < 10_000
    assert (after.failed_transactions, after.positions, after.pending) == (1, {}, {})
    assert record.swap.shortfall_usd == ZERO
    assert cash_identity(after) == 0


def test_private_builders_leave_out_what_would_revert() -> None:
    world = replace(WORLD, gas=L1)
    before = sent(world=world).account
    assert pending(before).submission.channel is Channel.PRIVATE
    record = told(before, seconds(120, {A.id: "200"}, world))
    assert (record.status, record.code) == (TradeStatus.FAILED, Code.MINIMUM_OUT_NOT_MET)
    assert record.swap is not None
    approve, swap = record.swap.transactions
    assert (swap.status, swap.fee_wei) == (TransactionStatus.EXPIRED, 0)
    assert approve.fee_wei > 0


@pytest.mark.parametrize("protected", [True, False])
def test_a_block_after_the_deadline(protected: bool) -> None:
    """A public swap reverts and pays, a private one is in no block."""
    world = replace(WORLD, gas=L1)
    by = rules(Strategy(), replace(APPETITE, mev_protection=protected), managed=True)
    before = sent(world=world, by=by).account
    waiting = pending(before)
    late = replace(
        waiting, submission=replace(waiting.submission, deadline_at=NOON + timedelta(seconds=1))
    )
    record = told(replace(before, pending={A.id: late}), seconds(600, {}, world), by)
    assert record.swap is not None
    swap = record.swap.transactions[-1]
    if protected:
        assert record.code is Code.NOT_INCLUDED
        assert (swap.status, record.swap.gas_usd) == (TransactionStatus.EXPIRED, ZERO)
    else:
        assert record.code is Code.DEADLINE_PASSED
        assert swap.gas_used == inclusion.LATE_SWAP_GAS
        assert record.swap.gas_usd > ZERO


def test_a_base_fee_above_the_maximum_leaves_a_transaction_out() -> None:
    """It is that of the block, between the fee at sending and the one that tells."""
    before = sent().account
    gas = replace(WORLD.gas, base_fee_wei=20_000_000)
    assert told(before, replace(seconds(15), gas=gas)).code is Code.OK
    dear = replace(seconds(2), gas=gas)
    record = told(before, dear)
    assert record.code is Code.NOT_INCLUDED
    after = closed(before, dear, BY).account
    assert after.cash_usd == 10_000
    assert after.approvals == frozenset()
    assert after.nonce == 2


def test_who_cannot_pay_is_in_no_block() -> None:
    before = sent().account
    poor = replace(before, cash_usd=Decimal(1000), deposits_usd=Decimal(1000))
    assert told(poor, seconds(15)).code is Code.NOT_INCLUDED


def test_an_outcome_that_no_price_tells_is_given_up_after_a_day() -> None:
    before = sent().account
    dark = replace(seconds(86_401), quotes={})
    assert closed(before, dark, BY).account.pending
    record = told(before, replace(seconds(86_402), quotes={}))
    assert (record.status, record.code) == (TradeStatus.FAILED, Code.OUTCOME_UNKNOWN)
    assert record.swap is not None
    assert record.swap.gas_usd == ZERO


def test_a_buy_whose_pool_is_gone_since_is_not_refunded() -> None:
    """Whether its block or the end came first is not known: the least it accepted is its own."""
    before = sent().account
    minimum = pending(before).plan.minimum_out
    gone = observed(seconds(15), NOON, PriceVerdict.UNSELLABLE)
    record = told(before, gone)
    assert (record.status, record.code) == (TradeStatus.FILLED, Code.OK)
    after = closed(before, gone, BY).account
    assert after.positions[A.id].units == minimum
    assert after.cash_usd < 9000
    assert cash_identity(after) == 0


def test_a_sale_into_a_pool_that_is_gone_reverts_at_once() -> None:
    bought = closed(sent().account, seconds(15), BY).account
    selling = sent(decision(A, Action.SELL), of=bought, world=seconds(15)).account
    gone = observed(seconds(30), NOON + timedelta(seconds=15), PriceVerdict.UNSELLABLE)
    assert told_first(selling, gone).code is Code.MINIMUM_OUT_NOT_MET


@pytest.mark.parametrize("code", [Code.NOT_INCLUDED, Code.OUTCOME_UNKNOWN])
def test_what_was_in_no_block_is_no_failure_of_the_token(code: Code) -> None:
    held = closed(sent().account, seconds(15), BY).account
    selling = closed(held, seconds(30, {A.id: "90"}), BY).account
    if code is Code.NOT_INCLUDED:
        world = replace(seconds(32, {A.id: "90"}), gas=replace(WORLD.gas, base_fee_wei=20_000_000))
    else:
        world = replace(seconds(90_000), quotes={})
    result = closed(selling, world, BY)
    assert result.trades[0].code is code
    assert result.account.positions[A.id].failed_exits == 0
    assert result.account.failed_transactions == 0
    assert result.account.failed_swaps == {}


# Nonces and approvals


def test_no_nonce_is_included_before_the_one_below_it() -> None:
    world = replace(WORLD, gas=L1)
    for seed in range(20):
        by = replace(BY, seed=seed)
        before = sent(decision(A, score="0.9"), decision(B), world=world, by=by).account
        first, second = (before.pending[token.id] for token in (A, B))
        assert first.nonce < second.nonce
        assert first.submission.included_at <= second.submission.included_at


def test_a_swap_waits_for_the_approval_that_another_one_brings() -> None:
    before = sent(decision(A, score="0.9"), decision(B)).account
    assert [before.pending[token.id].approves for token in (A, B)] == [True, False]
    known = seconds(15)
    without = replace(known, quotes={key: one for key, one in known.quotes.items() if key != A.id})
    waits = closed(before, without, BY)
    assert (waits.trades, waits.account.pending) == ((), before.pending)
    both = closed(before, known, BY)
    assert [one.code for one in both.trades] == [Code.OK, Code.OK]
    poor = replace(before.pending[A.id], maximum_fee_wei=1)
    lost = closed(replace(before, pending={**before.pending, A.id: poor}), known, BY)
    assert [one.code for one in lost.trades] == [Code.NOT_INCLUDED, Code.NOT_INCLUDED]
    assert lost.account.cash_usd == 10_000


# What pending swaps hold back


def test_a_token_has_one_order_on_its_way() -> None:
    before = sent().account
    again = only(sent(of=before))
    assert (again.status, again.code) == (TradeStatus.DENIED, Code.ORDER_PENDING)
    assert again.status is TradeStatus.DENIED


def test_cash_and_exposure_on_their_way_are_taken() -> None:
    poor = account("1500")
    eager = replace(APPETITE, max_position_percent=Decimal(60), max_exposure_percent=Decimal(100))
    result = sent(
        decision(A, score="0.9"), decision(B), of=poor, by=rules(Strategy(), eager, managed=True)
    )
    first = pending(result.account)
    assert first.spent_usd == Decimal(375)
    tenth = replace(APPETITE, max_exposure_percent=Decimal(10))
    full = rules(Strategy(), tenth, managed=True)
    both = sent(decision(A, score="0.9"), decision(B), by=full)
    assert list(both.account.pending) == [A.id]
    assert only(both).code is Code.EXPOSURE_FULL


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("max_concurrent_positions", Code.POSITIONS_FULL),
        ("max_daily_trades", Code.DAILY_TRADES_REACHED),
    ],
)
def test_orders_on_their_way_count_against_limits(name: str, code: Code) -> None:
    limited: dict[str, Any] = {name: 1}
    strategy = replace(Strategy(), **limited)
    result = sent(decision(A, score="0.9"), decision(B), by=rules(strategy, managed=True))
    assert list(result.account.pending) == [A.id]
    assert only(result).code is code


def test_an_exit_on_its_way_is_not_wanted_again() -> None:
    held = closed(sent().account, seconds(15), BY).account
    crash = seconds(30, {A.id: "90"})
    selling = closed(held, crash, BY)
    assert [one.record.exit_reason for one in selling.sent] == [ExitReason.STOP_LOSS]
    # The quote is older than the block: the next tick does nothing.
    unmoved = replace(crash, market_time=crash.market_time + timedelta(seconds=1))
    waits = closed(selling.account, unmoved, BY)
    assert (waits.trades, waits.sent) == ((), ())
    sold = closed(selling.account, seconds(45, {A.id: "90"}), BY)
    assert only(sold).status is TradeStatus.FILLED
    assert only(sold).exit_reason is ExitReason.STOP_LOSS
    assert sold.account.positions == {}
    assert sold.account.last_exits[A.id].reason is ExitReason.STOP_LOSS
    assert cash_identity(sold.account) == 0


def test_a_manual_close_is_served_by_the_swap_that_is_on_its_way() -> None:
    held = closed(sent().account, seconds(15), BY).account
    manual = frozenset({A.id})
    first = closed(held, seconds(30), BY, manual)
    assert len(first.sent) == 1
    then = closed(first.account, seconds(45), BY, manual)
    assert [(one.status, one.exit_reason) for one in then.trades] == [
        (TradeStatus.FILLED, ExitReason.MANUAL)
    ]


def test_pending_swaps_are_resolved_while_a_person_has_halted_trading() -> None:
    halted = rules(Strategy(), halted=True, managed=True)
    result = closed(sent().account, seconds(15), halted)
    assert only(result).status is TradeStatus.FILLED
    assert result.state is TradingState.HALTED


def test_several_are_resolved_by_nonce() -> None:
    before = sent(decision(B, score="0.9"), decision(A, score="0.1")).account
    assert [one.plan.token for one in before.pending.values()] == [B, A]
    result = closed(before, seconds(15), BY)
    assert [one.token for one in result.trades] == [B, A]
    assert [one.sequence for one in result.trades] == [0, 1]
    nonces = [sent_.nonce for one in result.trades if one.swap for sent_ in one.swap.transactions]
    assert nonces == [0, 1, 2]
    assert result.account.nonce == 3


# Failed exits


def test_each_failure_of_an_exit_doubles_its_tolerance_up_to_the_limit() -> None:
    held = closed(sent().account, seconds(15), BY).account
    price, at, seen = Decimal(80), 15, []
    for _ in range(5):
        at += 15
        step = closed(held, seconds(at, {A.id: str(price)}), BY)
        held = step.account
        if held.pending:
            plan = pending(held).plan
            seen.append(round(ONE - Decimal(plan.minimum_out) / Decimal(plan.quoted_out), 4))
        price /= 2
    assert seen == [Decimal(text) for text in ("0.01", "0.02", "0.04", "0.05", "0.05")]
    assert held.positions[A.id].failed_exits == 4
    quiet = closed(held, seconds(at + 15, {A.id: str(price * 2)}), BY).account
    assert quiet.positions == {}


def test_a_sale_of_a_part_ends_the_row_of_failures() -> None:
    steps = replace(Strategy(), take_profit_steps=((Decimal(3), Decimal(50)),))
    by = rules(steps, managed=True)
    held = closed(sent(by=by).account, seconds(15), by).account
    failed = replace(held, positions={A.id: replace(held.positions[A.id], failed_exits=3)})
    selling = closed(failed, seconds(30, {A.id: "105"}), by).account
    sold = closed(selling, seconds(45, {A.id: "105"}), by).account
    assert sold.positions[A.id].failed_exits == 0
    assert sold.positions[A.id].steps_taken == 1


# Channels


@pytest.mark.parametrize(
    ("u", "blocks"),
    [("0.01", 1), ("0.49", 1), ("0.5", 2), ("0.74", 2), ("0.75", 3), ("0.99999999999", 26)],
)
def test_a_private_channel_waits_for_its_builders(u: str, blocks: int) -> None:
    assert blocks_waited(Channel.PRIVATE, Decimal(u)) == blocks
    assert blocks_waited(Channel.PUBLIC, Decimal(u)) == 1
    assert blocks_waited(Channel.SEQUENCER, Decimal(u)) == 1


# Storage


@given(
    amount=st.integers(1, 10**30),
    price=st.decimals("1e-30", "1e20", places=30, allow_nan=False, allow_infinity=False),
    reason=st.sampled_from([None, *ExitReason]),
)
def test_pending_swaps_survive_json(amount: int, price: Decimal, reason: ExitReason | None) -> None:
    known = pending(sent().account)
    one = replace(
        known,
        plan=replace(known.plan, amount_in=amount, mid_price=price, side=Side.SELL),
        record=replace(known.record, exit_reason=reason, confidence=None, side=Side.SELL),
        steps_taken=2,
    )
    assert pending_from(pending_json({A.id: one})) == {A.id: one}


def test_the_same_order_meets_the_same_luck_whoever_sends_it() -> None:
    volatile = replace(WORLD, sigma_annual={A.id: Decimal(5)})
    rich = sent(of=account("20000"), world=volatile).account
    poor = sent(of=account("10000"), world=volatile).account
    outs = [only(closed(of, seconds(15, {}, volatile), BY)).swap for of in (rich, poor)]
    assert all(swap is not None for swap in outs)
    drifts = [swap.drift_usd / cash_amount(swap.amount_in) for swap in outs if swap is not None]
    assert abs(drifts[0] - drifts[1]) < Decimal("1e-6")


def test_a_strategy_that_leaves_the_manager_closes_nothing_in_the_step_that_opens_it() -> None:
    before = sent().account
    direct = rules(Strategy(use_transaction_manager=False))
    crash = seconds(15, {A.id: "99"})
    opened = closed(before, crash, direct, frozenset({A.id}))
    assert [one.side for one in opened.trades] == [Side.BUY]
    sold = closed(opened.account, seconds(30), direct, frozenset({A.id}))
    assert [one.side for one in sold.trades] == [Side.SELL]
