"""A token of several pools: an order takes the way that leaves most after gas, and stays on it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import gas
from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Range, Reserves
from paper_trading.engine.enums import FillGrade, PoolKind, Side, TradeStatus
from paper_trading.engine.fills import leaving, pricing_code, round_trip_percent, sellable
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch, GasConditions, OtherPool, Quote
from paper_trading.engine.pending_json import pending_from, pending_json
from paper_trading.engine.pools.tick_math import Q96
from paper_trading.engine.ways import Own, Rest, best_way, met, pool_in, routing, way_by, ways
from tests.engine.desks import executed, only
from tests.engine.pools import CASH, ETHER, order_of, swap_of
from tests.engine.waiting import sent, told
from tests.engine.worlds import APPETITE, NOON, account, batch, decision, later, quote, rules, token

WETH = replace(token(1, "WETH", fee_pips=500), kind=PoolKind.V3)
#: A pool against cash at 1 %, and a deeper one against WETH at 0.3 %.
LINK = replace(token(2, "LINK", fee_pips=10_000), kind=PoolKind.V3)
DEEP = OtherPool("0xdeep", PoolKind.V3, 3_000, WETH.id, Decimal(5_000_000))
APPROVED = frozenset({0, WETH.id, LINK.id})
DIRECT = rules()
L1 = GasConditions(1, 30 * 10**9, 10**9)


def world(
    *others: OtherPool, liquidity: str | None = "1000000", fees: GasConditions | None = None
) -> Batch:
    found = batch(quote(WETH, "2000", liquidity="50000000"), quote(LINK, "10", liquidity=liquidity))
    mine = replace(found.quotes[LINK.id], others=others)
    return replace(found, quotes={**found.quotes, LINK.id: mine}, gas=fees or found.gas)


def taken(found: Batch, side: Side, amount_in: int, own: Own | None = None) -> str:
    return best_way(found, found.quotes[LINK.id], side, amount_in, own or Own()).pool


def mine(found: Batch) -> Quote:
    return found.quotes[LINK.id]


def test_the_cheaper_of_two_fees_is_taken_where_gas_is_cheap() -> None:
    assert taken(world(DEEP), Side.BUY, 1_000 * CASH) == "0xdeep"
    assert taken(world(DEEP), Side.SELL, 100 * ETHER) == "0xdeep"
    assert taken(world(), Side.BUY, 1_000 * CASH) == ""


def test_where_gas_is_dear_a_small_order_goes_straight_and_a_large_one_round() -> None:
    found = world(DEEP, fees=L1)
    # Two hops take 58,380 units of gas more, which are 3.6 USD; 0.65 % of 100 USD are less.
    assert taken(found, Side.BUY, 100 * CASH) == ""
    assert taken(found, Side.BUY, 5_000 * CASH) == "0xdeep"
    assert taken(found, Side.SELL, 10 * ETHER) == ""
    assert taken(found, Side.SELL, 500 * ETHER) == "0xdeep"


@given(cents=st.integers(1_000, 10_000_000), side=st.sampled_from(Side))
def test_no_other_way_leaves_more(cents: int, side: Side) -> None:
    shallow = OtherPool("0xthin", PoolKind.V2, 500, None, Decimal(60_000))
    found = world(DEEP, shallow, fees=L1)
    amount = cents * 10_000 if side is Side.BUY else cents * ETHER // 1_000
    candidates = routing(found, mine(found), side, amount).candidates
    assert len(candidates) == 3
    nets = [one.net_out for one in candidates]
    best = best_way(found, mine(found), side, amount)
    assert nets[0] == max(one for one in nets if one is not None)
    assert best.pool in candidates[0].addresses
    # What a route says is what its pool pays.
    pool = pool_in(found, best)
    assert pool is not None
    assert candidates[0].amount_out == pool.quote(side, amount)


def test_a_fill_goes_to_the_best_pool_and_says_so() -> None:
    found = world(DEEP)
    swap = swap_of(order_of(Side.BUY, 1_000 * CASH, token=LINK), found, approvals=APPROVED)
    assert swap.pool == "0xdeep"
    assert swap.fee_usd == Decimal("3.499")
    assert swap.transactions[-1].gas_used == gas.V3_TWO_HOP_GAS
    alone = swap_of(order_of(Side.BUY, 1_000 * CASH, token=LINK), world(), approvals=APPROVED)
    assert alone.pool == ""
    assert alone.amount_out < swap.amount_out


def test_estimates_take_the_same_way() -> None:
    found, alone = world(DEEP), world()
    left, less = (leaving(100 * ETHER, LINK.id, one, APPROVED) for one in (found, alone))
    assert left is not None
    assert less is not None
    assert left[0] > less[0]
    assert left[1] > less[1]
    costs = [round_trip_percent(LINK.id, Decimal(1_000), one) for one in (found, alone)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert Decimal("0.6") < costs[0] < Decimal("0.9") < Decimal(2) < costs[1]


def test_a_pool_beside_is_reckoned_at_the_price_of_the_quote() -> None:
    # As read it sells LINK at 9.5 USD, which is an old reading or soon gone.
    cheap = OtherPool(
        "0xcheap", PoolKind.V2, 3_000, None, None, Reserves(950_000 * CASH, 100_000 * ETHER)
    )
    found = world(cheap)
    way = way_by(mine(found), "0xcheap", Side.BUY)
    assert way is not None
    pool = pool_in(found, way)
    assert pool is not None
    assert abs(pool.mid_price - 10) < Decimal("0.001")
    swap = swap_of(order_of(Side.BUY, 1_000 * CASH, token=LINK), found, approvals=APPROVED)
    assert (swap.pool, swap.grade) == ("0xcheap", FillGrade.B)
    assert swap.shortfall_usd > swap.fee_usd > 0


def test_a_token_can_be_traded_while_one_of_its_pools_can() -> None:
    found = world(DEEP, liquidity=None)
    assert pricing_code(LINK.id, found, 60) is Code.OK
    assert only(executed(decision(LINK), world=found, by=DIRECT)).status is TradeStatus.FILLED
    assert leaving(0, LINK.id, found, APPROVED) is not None
    lost = world(replace(DEEP, liquidity_usd=None), liquidity=None)
    assert pricing_code(LINK.id, lost, 60) is Code.DEPTH_UNKNOWN
    assert sellable(ETHER, LINK.id, lost, {}) == 0
    assert sellable(ETHER, LINK.id, found, {}) == ETHER


def test_an_entry_that_no_pool_takes_whole_is_sized_for_the_one_that_is_known() -> None:
    """The pinned pool says nothing of its depth, and the other is known for two ticks' spacing."""
    read = Range(Q96 * 316_228, 10**17, 10, cash_is_token0=True)
    near = OtherPool("0xnear", PoolKind.V3, 3_000, None, None, read)
    found = world(near, liquidity=None)
    pool = pool_in(found, way_by(mine(found), "0xnear", Side.BUY) or mine(found))
    assert pool is not None
    known = pool.known_in(Side.BUY)
    assert known is not None
    wanted = 100_000_000 * CASH
    assert known < wanted
    assert best_way(found, mine(found), Side.BUY, wanted).pool == "0xnear"
    by = rules(appetite=replace(APPETITE, max_pool_percent=Decimal(100)))
    record = only(executed(decision(LINK), of=account("1000000000"), world=found, by=by))
    assert (record.status, record.limit) == (TradeStatus.FILLED, "known depth")
    assert record.swap is not None
    assert record.swap.pool == "0xnear"


def test_own_swaps_turn_the_next_order_to_another_pool() -> None:
    near = OtherPool("0xnear", PoolKind.V3, 9_000, None, Decimal(1_000_000))
    found = world(near)
    assert taken(found, Side.BUY, 1_000 * CASH) == "0xnear"
    # What is left counts for all pools of the token: others bring them to one price.
    left = Own({LINK.id: Displaced(200_000 * CASH, NOON)})
    assert taken(found, Side.BUY, 1_000 * CASH, left) == "0xnear"
    for way in ways(mine(found), Side.BUY):
        pool = pool_in(found, way)
        assert pool is not None
        moved = met(pool, Side.BUY, Rest(own=200_000 * CASH))
        assert moved is not None
        assert moved.mid_price > pool.mid_price


def test_a_pending_order_is_told_by_the_pool_that_it_went_to() -> None:
    found = world(DEEP)
    waiting = sent(decision(LINK), world=found).account
    (one,) = waiting.pending.values()
    assert one.plan.pool == "0xdeep"
    assert pending_from(pending_json(waiting.pending)) == waiting.pending
    then = later(found, {}, seconds=15)
    filled = told(waiting, then)
    assert filled.swap is not None
    assert (filled.swap.pool, filled.status) == ("0xdeep", TradeStatus.FILLED)
    assert filled.swap.fee_usd < filled.allowed_usd * Decimal("0.0036")
    # A pool that is not read any more does not hold the order up: the pinned one tells.
    without = replace(then, quotes={**then.quotes, LINK.id: replace(mine(then), others=())})
    settled = told(waiting, without)
    assert settled.swap is not None
    assert settled.status is TradeStatus.FILLED
    assert settled.swap.amount_out < filled.swap.amount_out


@pytest.mark.parametrize(
    ("field", "value"),
    [("fee_pips", 10**6), ("fee_pips", -1), ("liquidity_usd", Decimal(-1)), ("fee_pips", 0.5)],
)
def test_a_pool_that_is_none_is_refused(field: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{field} of pool 0xdeep was "):
        replace(DEEP, **{field: value})


def test_ways_are_those_of_the_quote() -> None:
    found = world(DEEP)
    own, other = ways(mine(found), Side.BUY)
    assert own is mine(found)
    assert (other.token.fee_pips, other.token.through, other.token.id) == (3_000, WETH.id, LINK.id)
    assert way_by(mine(found), "0xgone", Side.BUY) is None
    assert other.observed_at == NOON


@pytest.mark.parametrize("cash", ["0.9", "0.99", "1", "1.02"])
def test_a_gap_between_what_sources_take_cash_for_is_no_gain(cash: str) -> None:
    """The pinned pool was read: its price in cash is its own, whatever cash is said to be worth."""
    read = Reserves(5 * 10**12, 5 * 10**11 * ETHER // 10**6)
    pinned = replace(LINK, fee_pips=500, kind=PoolKind.V2)
    near = OtherPool("0xnear", PoolKind.V2, 500, None, Decimal(10_000_000))
    found = batch(replace(quote(pinned, "10"), depth=read, others=(near,)), cash_price=cash)
    own = pool_in(found, mine(found))
    assert own is not None
    for one in Side:
        way = way_by(mine(found), "0xnear", one)
        assert way is not None
        other = pool_in(found, way)
        assert other is not None
        assert abs(other.mid_price / own.mid_price - 1) < Decimal("1e-9")
