"""What holds for a pool of any kind; where roundings count, they are given their units."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paper_trading.engine.amm import MAX_RESERVE, Pool
from paper_trading.engine.enums import Side
from paper_trading.engine.mev import profit, sandwiched_out
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.pools.solidly import StablePool, VolatilePool
from tests.engine.pool_kinds import (
    ANY_POOL,
    CASH,
    ETHER,
    KINDS,
    SIDES,
    kept_of,
    mid_of,
    unknown_ticks,
    v3,
)

OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}
SHARES = st.integers(0, 10**6)


def amount_of(pool: PairPool, side: Side, millionths: int) -> int:
    """Return up to the whole of what the pool counts as its reserve."""
    return pool.reserve_in(side) * millionths // 10**6


def price_of(pool: PairPool, side: Side) -> Fraction:
    """Return the input units that one output unit costs in the middle of the pool."""
    mid = mid_of(pool)
    return mid if side is Side.BUY else 1 / mid


def unit_in(pool: PairPool, side: Side) -> int:
    """Return the input units that a rounded fee, or a unit of 18 decimals, can be worth."""
    if isinstance(pool, StablePool):
        decimals = pool.cash_decimals if side is Side.BUY else pool.token_decimals
        unit: int = 10 ** max(decimals - 18, 0)
        return 1 + unit
    return 1 if isinstance(pool, VolatilePool) else 0


@given(ANY_POOL, SIDES, SHARES)
def test_the_average_price_is_never_better_than_mid(pool: PairPool, side: Side, share: int) -> None:
    amount = amount_of(pool, side, share)
    out = pool.quote(side, amount)
    assume(out is not None)
    assert out is not None
    # The mid of a stable pool is rounded to the price scale.
    paid = Fraction(amount) * (1 + Fraction(1, 10**12))
    assert out * price_of(pool, side) <= paid


@given(ANY_POOL, SIDES, SHARES, SHARES)
def test_the_average_price_rises_with_size(
    pool: PairPool, side: Side, one: int, other: int
) -> None:
    small, large = sorted(amount_of(pool, side, share) for share in (one, other))
    less, more = pool.quote(side, small), pool.quote(side, large)
    assume(small and less and more)
    assert less is not None
    assert more is not None
    assert less <= more
    # The smaller output may have lost units to roundings, its price's own among them.
    assert more * small <= (less + _rounded_off(pool, side)) * large


def _rounded_off(pool: PairPool, side: Side) -> Fraction:
    if not isinstance(pool, ConcentratedPool):
        # A unit of output, and what a unit of rounded fee or of 18 decimals buys.
        coarse = 10 ** max(pool.token_decimals - 18, 0) if isinstance(pool, StablePool) else 1
        return 1 + coarse + 2 * unit_in(pool, side) / price_of(pool, side)
    falling = (side is Side.BUY) == pool.cash_is_token0
    other = pool.reserve_in(OTHER[side])
    lost_price = Fraction(other, pool.sqrt_price_x96)
    # Each tick that is crossed rounds again.
    rounds = 3 + len(pool.ladder.ticks or ())
    return rounds * (2 + 2 * lost_price + 3 / price_of(pool, side) + (0 if falling else lost_price))


@given(ANY_POOL, SIDES, SHARES, SHARES)
def test_splitting_an_order_never_beats_it(
    pool: PairPool, side: Side, one: int, other: int
) -> None:
    first, second = amount_of(pool, side, one), amount_of(pool, side, other)
    # A fee that is rounded down twice may leave one unit more.
    whole = pool.quote(side, first + second + unit_in(pool, side))
    start, behind = pool.quote(side, first), pool.after(side, first)
    assume(whole is not None and behind is not None)
    assert whole is not None
    assert start is not None
    assert behind is not None
    rest = behind.quote(side, second)
    assert rest is not None
    slack = 10 ** max(pool.token_decimals - 18, 0) if isinstance(pool, StablePool) else 0
    assert start + rest <= whole + slack


@given(ANY_POOL, SIDES, SHARES)
def test_a_round_trip_in_one_pool_never_gains(pool: PairPool, side: Side, share: int) -> None:
    amount = amount_of(pool, side, share)
    out, behind = pool.quote(side, amount), pool.after(side, amount)
    assume(behind is not None)
    assert out is not None
    assert behind is not None
    back = behind.quote(OTHER[side], out)
    assert back is not None
    assert back <= amount


@given(ANY_POOL, SIDES, SHARES)
def test_against_a_fresh_pool_each_way_the_fees_are_lost(
    pool: PairPool, side: Side, share: int
) -> None:
    amount = amount_of(pool, side, share)
    out = pool.quote(side, amount)
    assume(out is not None)
    assert out is not None
    back = pool.quote(OTHER[side], out)
    assume(back is not None)
    assert back is not None
    # Fees rounded down leave a unit of the input each way.
    unit = unit_in(pool, side) + unit_in(pool, OTHER[side]) * price_of(pool, side)
    assert back <= kept_of(pool) ** 2 * amount * (1 + Fraction(1, 10**12)) + unit


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", ["v2", "v3", "volatile"])
def test_one_percent_of_the_reserve_moves_the_price_by_about_two(kind: str, side: Side) -> None:
    pool = KINDS[kind]
    after = pool.after(side, pool.reserve_in(side) // 100)
    assert after is not None
    before, now = mid_of(pool), mid_of(after)
    impact = 1 - min(before, now) / max(before, now)
    u, kept = Fraction(1, 100), kept_of(pool)
    grown = 1 + u if isinstance(pool, Pool) else 1 + kept * u
    assert abs(impact - (1 - 1 / (grown * (1 + kept * u)))) < Fraction(1, 10**9)
    assert Fraction("0.0195") < impact < Fraction("0.02")


@pytest.mark.parametrize(("share", "lost"), [(1, "0.3993"), (5, "0.7945"), (50, "5.0341")])
def test_a_v3_pool_in_one_range_costs_what_a_v2_pool_of_its_virtual_reserves_does(
    share: int, lost: str
) -> None:
    pool = v3(fee_pips=3000)
    amount = pool.reserve_in(Side.BUY) * share // 1000
    out = pool.quote(Side.BUY, amount)
    assert out is not None
    shortfall = 100 * (1 - out * mid_of(pool) / amount)
    assert abs(shortfall - Fraction(lost)) < Fraction("0.0001")


@pytest.mark.parametrize("reserve", [0, -1, MAX_RESERVE + 1])
def test_reserves_that_no_pair_can_have_are_refused(reserve: int) -> None:
    with pytest.raises(ValueError, match=f"cash reserve was {reserve}; allowed are"):
        Pool.from_reserves(reserve, 1, 18, 3000)
    with pytest.raises(ValueError, match=f"token reserve was {reserve}; allowed are"):
        Pool.from_reserves(1, reserve, 18, 3000)


@pytest.mark.parametrize(
    ("decimals", "fee", "message"),
    [(37, 3000, "token_decimals was 37"), (-1, 3000, "token_decimals was -1"), (18, 10**6, "fee")],
)
def test_a_pair_of_impossible_figures_is_refused(decimals: int, fee: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pool.from_reserves(1, 1, decimals, fee)


@pytest.mark.parametrize("reserve", [1, MAX_RESERVE])
def test_the_smallest_and_the_largest_pair_trade(reserve: int) -> None:
    pool = Pool.from_reserves(reserve, reserve, 18, 3000)
    assert pool.quote(Side.BUY, 10 * reserve) == 10 * reserve * 997 // (1000 + 9970)


@pytest.mark.parametrize("decimals", [0, 6, 18, 36])
@pytest.mark.parametrize(
    "build",
    [
        lambda decimals: Pool.from_reserves(10**12, 10**24, decimals, 3000),
        lambda decimals: VolatilePool(10**12, 10**24, decimals, 30),
    ],
)
def test_decimals_scale_the_price_and_no_quote(
    build: Callable[[int], PairPool], decimals: int
) -> None:
    pool = build(decimals)
    assert pool.quote(Side.BUY, 10**9) == build(18).quote(Side.BUY, 10**9)
    assert Fraction(pool.mid_price) == Fraction(10**decimals, 10**18)


@pytest.mark.parametrize("kind", ["v2", "v3", "volatile"])
def test_a_sandwich_takes_the_whole_tolerance_of_any_such_pool(kind: str) -> None:
    pool = KINDS[kind]
    amount = 50_000 * CASH
    quoted = pool.quote(Side.BUY, amount)
    assert quoted is not None
    minimum = quoted * 99 // 100
    left = sandwiched_out(pool, Side.BUY, amount, minimum, CASH)
    assert left is not None
    assert minimum <= left < minimum + minimum // 10**6
    assert sandwiched_out(pool, Side.BUY, CASH, 0, 0) is None


def test_a_sandwich_reaches_no_further_than_the_known_depth() -> None:
    pool = unknown_ticks(spacing=200)
    amount = 2_000 * CASH
    quoted = pool.quote(Side.BUY, amount)
    assert quoted is not None
    left = sandwiched_out(pool, Side.BUY, amount, 1, 0)
    assert left is not None
    # Twice 400 ticks are 4 % of the price: no attack takes more here, whatever is tolerated.
    assert quoted * 95 // 100 < left < quoted * 99 // 100
    assert sandwiched_out(unknown_ticks(), Side.BUY, amount, 1, 0) is None


def test_what_cannot_be_sold_within_the_known_depth_is_lost() -> None:
    assert profit(unknown_ticks(), Side.BUY, 100 * CASH, 5_000 * CASH) == -5_000 * CASH
    assert profit(unknown_ticks(), Side.BUY, 5_000 * CASH, 100 * CASH) == -100 * CASH


def test_a_basis_point_on_a_stable_pool_in_balance_is_not_worth_a_sandwich() -> None:
    pool = KINDS["stable"]
    quoted = pool.quote(Side.BUY, 50_000 * CASH)
    assert quoted is not None
    assert sandwiched_out(pool, Side.BUY, 50_000 * CASH, quoted * 9999 // 10_000, CASH) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_pool_to_fills(kind: str) -> None:
    pool = KINDS[kind]
    assert pool.token_decimals == 18
    assert 0 < pool.fee_pips <= 3000
    assert pool.moved(Decimal(1)) == pool
    assert pool.quote(Side.SELL, ETHER) is not None


def test_slices_that_no_one_refills_after_cost_what_the_whole_does() -> None:
    pool = Pool.from_reserves(500_000 * CASH, 250 * ETHER, 18, 3000)
    mid, bought = mid_of(pool), 0
    for _ in range(20):
        bought += pool.quote(Side.BUY, 2_500 * CASH)
        pool = pool.after(Side.BUY, 2_500 * CASH)
    lost = 100 * (1 - bought * mid / (50_000 * CASH))
    assert Fraction("9.35") < lost < Fraction("9.37")
