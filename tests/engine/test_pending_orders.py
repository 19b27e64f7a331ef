"""Orders on their way: nonces and approvals, what they hold back, and exits that failed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    ExitReason,
    Side,
    TradeStatus,
    TradingState,
)
from paper_trading.engine.inclusion import highest_gas_usd
from paper_trading.engine.market import Batch
from paper_trading.engine.money import ONE
from paper_trading.engine.sizing import CASH, limits
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import WORLD, A, B, closed, only
from tests.engine.waiting import BY, L1, pending, seconds, sent
from tests.engine.worlds import APPETITE, account, decision, rules

# Nonces and approvals


def test_no_nonce_is_included_before_the_one_below_it() -> None:
    world = replace(WORLD, gas=L1)
    for seed in range(20):
        by = replace(BY, seed=seed, strategy=replace(BY.strategy, join_swaps=False))
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
    apart = replace(BY, strategy=replace(BY.strategy, join_swaps=False))
    before = sent(decision(B, score="0.9"), decision(A, score="0.1"), by=apart).account
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


def test_a_strategy_that_leaves_the_manager_closes_nothing_in_the_step_that_opens_it() -> None:
    before = sent().account
    direct = rules(Strategy(use_transaction_manager=False))
    crash = seconds(15, {A.id: "99"})
    opened = closed(before, crash, direct, frozenset({A.id}))
    assert [one.side for one in opened.trades] == [Side.BUY]
    sold = closed(opened.account, seconds(30), direct, frozenset({A.id}))
    assert [one.side for one in sold.trades] == [Side.SELL]


@pytest.mark.parametrize("world", [WORLD, replace(WORLD, gas=L1)])
def test_an_entry_leaves_the_gas_that_its_exit_sets_aside(world: Batch) -> None:
    greedy = replace(
        APPETITE,
        max_position_percent=Decimal(100),
        max_exposure_percent=Decimal(100),
        max_pool_percent=Decimal(100),
    )
    strategy = Strategy(max_position_size_percent=Decimal(100), minimum_balance_usd=Decimal(0))
    before = sent(of=account("2000"), world=world, by=rules(strategy, greedy, managed=True)).account
    entry = pending(before)
    assert entry.record.limit == CASH
    exit_gas = highest_gas_usd(world, (A.kind,), approves=True)
    # To the base unit of cash that an order is a whole number of.
    assert 0 <= before.cash_usd - entry.reserved_usd - exit_gas < Decimal("0.000001")


def test_an_entry_sets_aside_no_approval_that_is_on_its_way() -> None:
    strategy = Strategy(max_position_size_percent=Decimal(100))
    by = rules(strategy, APPETITE, managed=True)
    first = sent(of=account("2000"), by=by).account
    before, after = (
        {one.name: one.room_usd for one in limits(of, B, WORLD, by.strategy, APPETITE, of.cash_usd)}
        for of in (replace(first, pending={}), first)
    )
    approval = highest_gas_usd(WORLD, (B.kind,), approves=True) - highest_gas_usd(
        WORLD, (B.kind,), approves=False
    )
    assert after[CASH] - before[CASH] == approval - pending(first).reserved_usd
