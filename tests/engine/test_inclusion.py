"""Pending swaps: when their outcome is known, what it is, and what it costs."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import inclusion
from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    Action,
    Channel,
    ExitReason,
    PriceVerdict,
    Side,
    TradeStatus,
    TransactionStatus,
)
from paper_trading.engine.gas import APPROVE_GAS, FAILED_SWAP_GAS
from paper_trading.engine.inclusion import blocks_waited
from paper_trading.engine.money import ZERO, cash_amount
from paper_trading.engine.pending_json import pending_from, pending_json
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import WORLD, A, closed, only
from tests.engine.waiting import BY, L1, observed, pending, seconds, sent, told, told_first
from tests.engine.worlds import APPETITE, NOON, account, decision, rules

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
