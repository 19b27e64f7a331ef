"""Entries of one step as legs of one transaction: gas is shared, and nothing else."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper_trading.engine import gas
from paper_trading.engine.account import Account
from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import (
    Action,
    Channel,
    PoolKind,
    Side,
    TradeStatus,
    TransactionStatus,
)
from paper_trading.engine.market import Batch
from paper_trading.engine.pending_json import pending_from, pending_json
from paper_trading.engine.steps import Rules, StepResult
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import WORLD, A, B, C, closed, executed
from tests.engine.waiting import BY, L1, sent
from tests.engine.worlds import account, batch, decision, later, quote, rules, token

D, E = token(4, "DDD"), token(5, "EEE")
FIVE = batch(*WORLD.quotes.values(), quote(D, "7"), quote(E, "0.5"))
WIDE = rules(Strategy(max_concurrent_positions=10), managed=True)
APART = rules(Strategy(max_concurrent_positions=10, join_swaps=False), managed=True)


def entries(*tokens: int, world: Batch = FIVE, by: Rules = WIDE) -> StepResult:
    """Buy tokens in this order."""
    wanted = [
        replace(decision(world.quotes[key].token), score=Decimal(1) / place)
        for place, key in enumerate(tokens, 1)
    ]
    return executed(*wanted, world=world, by=by)


def places(of: Account) -> list[tuple[str, int, int, int]]:
    """Symbol, nonce, leg and legs of what is pending, by nonce."""
    found = sorted(of.pending.values(), key=lambda one: (one.nonce, one.leg))
    return [(one.plan.token.symbol, one.nonce, one.leg, one.legs) for one in found]


def test_entries_share_a_nonce_three_at_most_after_the_approval() -> None:
    made = entries(1, 2, 3, 4, 5)
    assert places(made.account) == [
        ("AAA", 1, 0, 3),
        ("BBB", 1, 1, 3),
        ("CCC", 1, 2, 3),
        ("DDD", 2, 0, 2),
        ("EEE", 2, 1, 2),
    ]
    assert made.account.nonce == 3
    assert [one.approves for one in made.sent] == [True, False, False, False, False]
    assert places(entries(1, 2, by=APART).account) == [("AAA", 1, 0, 1), ("BBB", 2, 0, 1)]


def test_one_entry_goes_alone() -> None:
    assert places(sent().account) == [("AAA", 1, 0, 1)]


def test_an_exit_goes_alone_and_first() -> None:
    held = closed(entries(1).account, later(FIVE, {}, seconds=15), WIDE).account
    made = executed(
        decision(A, Action.SELL),
        decision(B),
        decision(C),
        of=held,
        world=later(FIVE, {}, seconds=30),
        by=WIDE,
    )
    # The approval of cash was 0, the first entry 1; that of the token 2.
    assert places(made.account) == [("AAA", 3, 0, 1), ("BBB", 4, 0, 2), ("CCC", 4, 1, 2)]
    assert made.account.nonce == 5


def test_a_pool_that_the_router_does_not_know_goes_alone() -> None:
    odd = replace(B, kind=PoolKind.SOLIDLY_VOLATILE)
    world = replace(FIVE, quotes={**FIVE.quotes, B.id: replace(FIVE.quotes[B.id], token=odd)})
    assert places(entries(1, 2, 3, 4, world=world).account) == [
        ("AAA", 1, 0, 1),
        ("BBB", 2, 0, 1),
        ("CCC", 3, 0, 2),
        ("DDD", 3, 1, 2),
    ]


@pytest.mark.parametrize(
    ("kind", "legs", "used"),
    [
        (PoolKind.V2, 2, 108_605 - 17_764),
        (PoolKind.V2, 3, 108_605 - 23_685),
        (PoolKind.V3, 2, 108_360 - 17_764),
        (PoolKind.V3, 3, 108_360 - 23_685),
    ],
)
def test_each_leg_pays_its_part(kind: PoolKind, legs: int, used: int) -> None:
    quotes = {
        key: replace(one, token=replace(one.token, kind=kind)) for key, one in FIVE.quotes.items()
    }
    world = replace(FIVE, quotes=quotes)
    made = entries(*range(1, legs + 1), world=world)
    then = closed(made.account, later(world, {}, seconds=15), WIDE)
    assert [one.status for one in then.trades] == [TradeStatus.FILLED] * legs
    swaps = [one.swap for one in then.trades if one.swap is not None]
    alone = gas.swap_gas([kind])
    for leg, one in enumerate(swaps):
        own = one.transactions[-1]
        assert (own.leg, own.nonce, own.gas_used) == (leg, 1, used)
        assert own.gas_used < alone
        assert own.fee_wei == own.gas_used * own.gas_price_wei + own.l1_fee_wei
    # The L1 part is that of the one transaction, each rounded up.
    whole = gas.transaction_fee_wei(0, world.gas, gas.SWAP_BYTES + (legs - 1) * gas.LEG_BYTES)[1]
    assert 0 <= sum(one.transactions[-1].l1_fee_wei for one in swaps) - whole < legs
    assert cash_identity(then.account) == 0


def test_two_swaps_of_both_kinds_take_what_the_router_was_measured_to_take() -> None:
    legs = [gas.footprint([kind], 2).swap_gas for kind in (PoolKind.V2, PoolKind.V3)]
    assert 0 <= sum(legs) - 181_437 < 2


def test_legs_of_two_pools_are_cheaper_too() -> None:
    for kinds in ([PoolKind.V3] * 2, [PoolKind.V2, PoolKind.V3]):
        for legs in (2, 3):
            found = gas.footprint(kinds, legs)
            assert found.failed_gas < found.swap_gas < gas.swap_gas(kinds)
    # Their own router is cheaper for two pools of v2.
    assert not gas.joins([PoolKind.V2] * 2)


@pytest.mark.parametrize(
    ("kinds", "legs"),
    [
        ([PoolKind.V2], 0),
        ([PoolKind.V2], 4),
        ([PoolKind.SOLIDLY_STABLE], 2),
        ([PoolKind.V2] * 2, 2),
    ],
)
def test_no_transaction_has_such_legs(kinds: list[PoolKind], legs: int) -> None:
    with pytest.raises(ValueError, match=f"{legs} legs through"):
        gas.footprint(kinds, legs)


def test_a_leg_that_fails_ends_alone_and_is_paid() -> None:
    for world in (FIVE, replace(FIVE, gas=L1)):
        made = entries(1, 2, world=world)
        # The second doubles before its block.
        then = closed(made.account, later(world, {B.id: "6"}, seconds=110), WIDE)
        first, second = then.trades
        assert (first.status, second.status) == (TradeStatus.FILLED, TradeStatus.FAILED)
        assert second.code is Code.MINIMUM_OUT_NOT_MET
        assert second.submission is not None
        if world.gas is L1:
            assert second.submission.channel is Channel.PRIVATE
        assert second.swap is not None
        (own,) = second.swap.transactions
        assert own.status is TransactionStatus.REVERTED
        assert own.gas_used == gas.footprint([PoolKind.V2], 2).failed_gas
        assert own.fee_wei > 0
        assert cash_identity(then.account) == 0
        assert places(then.account) == []


def test_legs_are_resolved_when_their_own_price_tells() -> None:
    made = entries(1, 2, 3)
    world = later(FIVE, {}, seconds=15)
    silent = {key: one for key, one in world.quotes.items() if key != B.id}
    half = closed(made.account, replace(world, quotes=silent), WIDE)
    assert [one.token for one in half.trades] == [A, C]
    assert places(half.account) == [("BBB", 1, 1, 3)]
    rest = closed(half.account, later(FIVE, {}, seconds=30), WIDE)
    (last,) = rest.trades
    assert last.swap is not None
    assert last.swap.transactions[-1].leg == 1
    assert last.swap.transactions[-1].gas_used == gas.footprint([PoolKind.V2], 3).swap_gas


def test_legs_wait_for_the_approval_that_the_first_one_brings() -> None:
    made = entries(1, 2)
    world = later(FIVE, {}, seconds=15)
    silent = {key: one for key, one in world.quotes.items() if key != A.id}
    assert closed(made.account, replace(world, quotes=silent), WIDE).trades == ()


def test_a_deadline_that_is_over_is_paid_once_by_all_legs() -> None:
    made = entries(1, 2)
    late = {
        key: replace(one, submission=replace(one.submission, deadline_at=one.submission.sent_at))
        for key, one in made.account.pending.items()
    }
    then = closed(replace(made.account, pending=late), later(FIVE, {}, seconds=15), WIDE)
    assert {one.code for one in then.trades} == {Code.DEADLINE_PASSED}
    used = [one.swap.transactions[-1].gas_used for one in then.trades if one.swap is not None]
    assert sum(used) == 25_790


def test_a_leg_reads_back_from_json() -> None:
    found = entries(1, 2).account.pending
    assert pending_from(pending_json(found)) == found
    older = [
        {key: one for key, one in row.items() if key not in ("leg", "legs", "fee_pips")}
        for row in pending_json(found)
    ]
    assert {(one.leg, one.legs, one.plan.fee_pips) for one in pending_from(older).values()} == {
        (0, 1, 3000)
    }


def test_without_decisions_nothing_is_sent() -> None:
    nothing: tuple[Decision, ...] = ()
    made = executed(*nothing, of=account(), world=FIVE, by=BY)
    assert made.sent == ()
    assert made.account.nonce == 0


def test_the_direct_venue_joins_nothing() -> None:
    made = entries(1, 2, by=rules(Strategy(max_concurrent_positions=10)))
    swaps = [one.swap for one in made.trades if one.swap is not None]
    assert [one.transactions[-1].nonce for one in swaps] == [1, 2]
    assert {one.transactions[-1].leg for one in swaps} == {0}
    assert {one.side for one in made.trades} == {Side.BUY}
