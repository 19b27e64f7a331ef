"""Orders of tokens that are pooled against WETH: through its pool first, at both pools' cost."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import gas
from paper_trading.engine.amm import DEPTH_HAIRCUT, Pool, amount_out
from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Range, Reserves
from paper_trading.engine.enums import FillGrade, PoolKind, PriceVerdict, Side, TransactionStatus
from paper_trading.engine.fills import leaving, pricing_code, round_trip_percent
from paper_trading.engine.impact import moved_units
from paper_trading.engine.inclusion import highest_gas_usd
from paper_trading.engine.market import UNREACHED, Batch, Token
from paper_trading.engine.money import cash_amount
from paper_trading.engine.pools.chained import ChainedPool
from paper_trading.engine.swaps import fee_usd
from paper_trading.engine.ways import Own, Rest, graded, kinds_of, met, pool_in, rest_in
from tests.engine.desks import closed, executed, only
from tests.engine.pool_kinds import LIQUIDITY, SQRT_2000
from tests.engine.pools import CASH, ETHER, order_of, swap_of
from tests.engine.waiting import sent, told
from tests.engine.worlds import NOON, account, batch, decision, later, quote, rules, token

WETH = replace(token(1, "WETH", fee_pips=500), kind=PoolKind.V3)
LINK = replace(token(2, "LINK", fee_pips=3000), kind=PoolKind.V3, through=WETH.id)
DIRECT = replace(LINK, through=None)
APPROVED = frozenset({0, WETH.id, LINK.id})
SIDES = st.sampled_from(list(Side))


def world(link: Token = LINK, weth_liquidity: str | None = "20000000") -> Batch:
    """WETH at 2,000 USD, LINK at 10; a million dollars a side of LINK after the haircut."""
    return batch(
        quote(WETH, "2000", liquidity=weth_liquidity), quote(link, "10", liquidity="2500000")
    )


def both(found: Batch) -> ChainedPool:
    pool = pool_in(found, found.quotes[LINK.id])
    assert isinstance(pool, ChainedPool)
    return pool


def test_a_buy_pays_both_pools() -> None:
    counted = 1 - DEPTH_HAIRCUT
    ether = amount_out(
        1_000 * CASH, int(10_000_000 * CASH * counted), int(5_000 * ETHER * counted), 500
    )
    links = amount_out(ether, 500 * ETHER, 100_000 * ETHER, 3000)
    swap = swap_of(order_of(Side.BUY, 1_000 * CASH, token=LINK), world(), approvals=APPROVED)
    assert swap.amount_out == links
    direct = swap_of(
        order_of(Side.BUY, 1_000 * CASH, token=DIRECT), world(DIRECT), approvals=APPROVED
    )
    # The second fee, 0.05 %, and a little impact.
    assert Decimal("0.0005") < 1 - Decimal(swap.amount_out) / direct.amount_out < Decimal("0.0007")


def test_the_terms_name_both_fees_and_add_up() -> None:
    swap = swap_of(order_of(Side.BUY, 1_000 * CASH, token=LINK), world(), approvals=APPROVED)
    assert swap.fee_usd == Decimal("3.499")
    assert swap.impact_usd > 0
    assert swap.shortfall_usd == swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd
    value = cash_amount(swap.amount_in) - Decimal(swap.amount_out).scaleb(-18) * 10
    assert swap.shortfall_usd == value


def test_gas_is_that_of_two_pools() -> None:
    found = world()
    swap = swap_of(order_of(Side.SELL, 50 * ETHER, token=LINK), found, approvals=APPROVED)
    (sale,) = swap.transactions
    assert sale.gas_used == gas.V3_TWO_HOP_GAS
    assert sale.l1_fee_wei == gas.transaction_fee_wei(0, found.gas, gas.TWO_HOP_SWAP_BYTES)[2]
    left = leaving(50 * ETHER, LINK.id, found, APPROVED)
    assert left == (cash_amount(swap.amount_out), fee_usd(sale.fee_wei, found))
    one = highest_gas_usd(found, kinds_of(found, WETH), approves=False)
    assert highest_gas_usd(found, kinds_of(found, LINK), approves=False) > one


@pytest.mark.parametrize(
    ("kinds", "used"),
    [
        ("V2", gas.FAILED_SWAP_GAS),
        ("V2 V2", gas.FAILED_SWAP_GAS + gas.FAILED_V2_HOP_GAS),
        ("V3 V3", 151_926),
        ("V3 V2", 160_295),
        ("SOLIDLY_VOLATILE V2", gas.FAILED_SWAP_GAS + gas.FAILED_V2_HOP_GAS),
        ("V2 SOLIDLY_STABLE", gas.FAILED_SWAP_GAS + gas.FAILED_V2_HOP_GAS + gas.STABLE_CURVE_GAS),
    ],
)
def test_a_failure_costs_what_its_routers_have_done_by_then(kinds: str, used: int) -> None:
    found = [PoolKind(kind) for kind in kinds.split()]
    assert gas.failed_swap_gas(found) == used
    assert used < gas.swap_gas(found)


@pytest.mark.parametrize("count", [0, 3])
def test_a_way_has_one_pool_or_two(count: int) -> None:
    for ask in (gas.swap_gas, gas.failed_swap_gas, gas.swap_bytes):
        with pytest.raises(ValueError, match=f"a route of {count} hops"):
            ask([PoolKind.V2] * count)


def test_a_round_trip_costs_both_fees_twice() -> None:
    through = round_trip_percent(LINK.id, Decimal(1_000), world())
    alone = round_trip_percent(LINK.id, Decimal(1_000), world(DIRECT))
    assert through is not None
    assert alone is not None
    assert Decimal("0.10") < through - alone < Decimal("0.14")


@pytest.mark.parametrize("verdict", [PriceVerdict.MISSING, PriceVerdict.UNSELLABLE])
def test_without_the_first_pool_there_is_no_way(verdict: PriceVerdict) -> None:
    found = world()
    gone = {**found.quotes, WETH.id: replace(found.quotes[WETH.id], verdict=verdict)}
    for lost in (
        replace(found, quotes=gone),
        replace(found, quotes={LINK.id: found.quotes[LINK.id]}),
        world(weth_liquidity=None),
        world(replace(LINK, through=UNREACHED)),
        world(replace(LINK, through=LINK.id)),
    ):
        assert pricing_code(LINK.id, lost, 60) is Code.DEPTH_UNKNOWN
        assert only(executed(decision(LINK), world=lost)).code is Code.DEPTH_UNKNOWN
        assert leaving(ETHER, LINK.id, lost, APPROVED) is None


def test_what_lies_between_may_have_jumped_for_its_price_cancels_out() -> None:
    found = world()
    jumped = replace(found.quotes[WETH.id], verdict=PriceVerdict.JUMP, price_usd=Decimal(1_000))
    odd = replace(found, quotes={**found.quotes, WETH.id: jumped})
    assert pricing_code(LINK.id, odd, 60) is Code.OK
    assert both(odd).mid_price == both(found).mid_price == 10


def test_the_way_has_the_worse_grade_of_both() -> None:
    read = Range(SQRT_2000, LIQUIDITY, 10, cash_is_token0=True)
    reserves = Reserves(500 * ETHER, 100_000 * ETHER)
    v2 = replace(LINK, kind=PoolKind.V2)
    for first, second, grade in (
        (None, None, FillGrade.C),
        (read, None, FillGrade.C),
        (None, reserves, FillGrade.C),
        (read, reserves, FillGrade.B),
    ):
        found = world(v2)
        quotes = {
            WETH.id: replace(found.quotes[WETH.id], depth=first),
            v2.id: replace(found.quotes[v2.id], depth=second),
        }
        found = replace(found, quotes=quotes)
        assert graded(found, found.quotes[v2.id]) is grade
        swap = swap_of(order_of(Side.BUY, 1_000 * CASH, token=v2), found, approvals=APPROVED)
        assert swap.grade is grade
        assert abs(both(found).mid_price - 10) < Decimal("1e-6")


def test_depth_read_against_another_token_than_the_list_says_is_none() -> None:
    # In cash it would be a pool of another price.
    reserves = Reserves(500 * ETHER, 100_000 * ETHER)
    found = world(replace(DIRECT, kind=PoolKind.V2))
    read = replace(found.quotes[LINK.id], depth=reserves)
    found = replace(found, quotes={**found.quotes, LINK.id: read})
    assert pricing_code(LINK.id, found, 60) is Code.DEPTH_UNKNOWN


def test_a_fill_is_met_again_in_both_pools() -> None:
    found = world()
    after = executed(decision(LINK), world=found, by=rules()).account
    spent = 10_000 * CASH - int(after.cash_usd * CASH)
    for key in (LINK.id, WETH.id):
        assert 0 < after.displaced[key].cash_units <= spent
    rest = rest_in(found, found.quotes[LINK.id], Own(after.displaced))
    assert rest.own == rest.first == after.displaced[LINK.id].cash_units
    moved = met(both(found), Side.BUY, rest)
    assert isinstance(moved, ChainedPool)
    assert moved.first.mid_price > both(found).first.mid_price
    assert moved.second.mid_price > both(found).second.mid_price
    # One who sells does not count on it.
    assert met(both(found), Side.SELL, rest) == both(found)
    # WETH itself is dearer too.
    assert rest_in(found, found.quotes[WETH.id], Own(after.displaced)) == Rest(rest.own)


@given(parts=st.integers(2, 6), millionths=st.integers(100, 50_000), side=SIDES)
def test_slices_that_follow_at_once_never_beat_one_order(
    parts: int, millionths: int, side: Side
) -> None:
    found = world()
    pool = both(found)
    part = pool.reserve_in(side) * millionths // 10**6 // parts
    whole = pool.quote(side, part * parts) or 0
    rest, out = Rest(), 0
    for _ in range(parts):
        now = met(pool, side, rest)
        assert now is not None
        got = now.quote(side, part) or 0
        out += got
        moved = moved_units(pool, side, part, got)
        cash = moved if side is Side.BUY else -moved
        rest = Rest(rest.own + cash, rest.first + cash)
    assert out <= whole + 2 * parts


def test_a_pending_order_is_filled_through_both_pools() -> None:
    found = world()
    waiting = sent(decision(LINK), world=found)
    (one,) = waiting.account.pending.values()
    assert one.plan.fee_pips == 3499
    then = later(found, {}, seconds=15)
    filled = told(waiting.account, then)
    assert filled.swap is not None
    assert filled.swap.status is TransactionStatus.CONFIRMED
    assert filled.swap.fee_usd > 0
    assert filled.swap.transactions[-1].gas_used == gas.V3_TWO_HOP_GAS
    # Without a first pool nothing is told, and nothing is guessed.
    lost = replace(then, quotes={LINK.id: then.quotes[LINK.id]})
    assert closed(waiting.account, lost, rules(managed=True)).account.pending


def test_what_is_bought_through_weth_is_sold_through_it() -> None:
    found = world()
    bought = executed(decision(LINK), of=account(), world=found).account
    sold = only(closed(bought, later(found, {}, seconds=60), manual=frozenset({LINK.id})))
    assert sold.code is Code.OK
    assert sold.swap is not None
    assert sold.swap.transactions[-1].gas_used == gas.V3_TWO_HOP_GAS
    assert sold.swap.shortfall_usd >= sold.swap.fee_usd > 0


def test_pools_of_small_units_keep_their_price() -> None:
    small = replace(LINK, decimals=0)
    found = batch(
        quote(WETH, "2000", liquidity="20000000"),
        quote(small, Decimal("0.000001"), liquidity="2500000", at=NOON - timedelta(seconds=1)),
    )
    pool = pool_in(found, found.quotes[small.id])
    assert isinstance(pool, ChainedPool)
    assert isinstance(pool.second, Pool)
    assert abs(pool.mid_price / Decimal("0.000001") - 1) < Decimal("1e-9")
