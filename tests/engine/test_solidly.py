from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.amm import Pool
from paper_trading.engine.enums import Side
from paper_trading.engine.pools.solidly import StablePool, VolatilePool
from paper_trading.engine.pools.stable_math import invariant, solve
from tests.engine.pool_kinds import (
    ANY_VOLATILE,
    CASH,
    ETHER,
    FACTORS,
    SIDES,
    STABLE,
    VOLATILE,
    stable,
)

AMOUNTS = st.integers(0, 10**36)
NORMAL = st.integers(1, 10**30)


@given(NORMAL, NORMAL, st.integers(0, 10**30))
def test_the_solution_is_the_least_reserve_that_keeps_k(one: int, other: int, more: int) -> None:
    k = invariant(one, other)
    found = solve(one + more, k, other)
    assert invariant(one + more, found) >= k
    assert found == 0 or invariant(one + more, found - 1) < k


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 600))
def test_the_solution_of_small_numbers_is_found_by_counting(
    one: int, other: int, more: int
) -> None:
    k = invariant(one, other)
    counted = next(left for left in range(other + 1) if invariant(one + more, left) >= k)
    assert solve(one + more, k, other) == counted


@given(stable(), SIDES, AMOUNTS)
def test_k_of_a_stable_pool_never_falls(pool: StablePool, side: Side, amount: int) -> None:
    after = pool.after(side, amount)
    if after is not None:
        one = invariant(pool.normal_cash, pool.normal_tokens)
        assert invariant(after.normal_cash, after.normal_tokens) >= one


@given(ANY_VOLATILE, SIDES, AMOUNTS)
def test_k_of_a_volatile_pool_never_falls(pool: VolatilePool, side: Side, amount: int) -> None:
    after = pool.after(side, amount)
    if after is not None:
        assert after.cash_reserve * after.token_reserve >= pool.cash_reserve * pool.token_reserve


@given(st.one_of(ANY_VOLATILE, stable()), SIDES, AMOUNTS)
def test_the_fee_leaves_the_pool(pool: VolatilePool | StablePool, side: Side, amount: int) -> None:
    after = pool.after(side, amount)
    if after is not None:
        grown = (
            after.cash_reserve - pool.cash_reserve
            if side is Side.BUY
            else after.token_reserve - pool.token_reserve
        )
        assert grown == amount - amount * pool.fee_bps // 10_000


def test_a_volatile_pool_without_fee_is_a_constant_product() -> None:
    free, plain = replace(VOLATILE, fee_bps=0), Pool(10**12, 500 * ETHER, 18, 0)
    assert free.quote(Side.BUY, 10**9) == plain.quote(Side.BUY, 10**9)
    assert VOLATILE.quote(Side.BUY, 10**9) == plain.quote(Side.BUY, 997 * 10**6)
    assert VOLATILE.fee_pips == 3000
    assert VOLATILE.mid_price == 2000


@pytest.mark.parametrize("side", Side)
def test_a_stable_pool_in_balance_trades_near_one_to_one(side: Side) -> None:
    unit = CASH if side is Side.BUY else ETHER
    free = replace(STABLE, fee_bps=0)
    assert free.mid_price == 1
    out = free.quote(side, 10_000 * unit)
    assert out is not None
    paid = Fraction(out, ETHER if side is Side.BUY else CASH)
    # One percent of the pool costs under a hundredth of a basis point, a constant product 1 %.
    assert Fraction("9999.99") < paid < 10_000


def test_a_stable_pool_far_from_balance_is_steeper_than_a_constant_product() -> None:
    lean = StablePool(10**12, 10**4 * ETHER, 18, 0)
    plain = Pool(10**12, 10**4 * ETHER, 18, 0)
    tokens, more = 1_000 * ETHER, 2_000 * ETHER
    for pool, falls in ((lean, Fraction(9, 10)), (plain, Fraction(93, 100))):
        one, two = pool.quote(Side.SELL, tokens), pool.quote(Side.SELL, more)
        assert one is not None
        assert two is not None
        # A second thousand tokens against the first.
        assert Fraction(two - one, one) < falls


@given(st.integers(0, 36), st.integers(0, 36), st.integers(1, 10**6))
def test_decimals_change_nothing_but_the_units(cash: int, tokens: int, whole: int) -> None:
    pool = StablePool(10**6 * 10**cash, 10**6 * 10**tokens, tokens, 0, cash)
    buy, sell = pool.quote(Side.BUY, whole * 10**cash), pool.quote(Side.SELL, whole * 10**tokens)
    assert buy is not None
    assert sell is not None
    exact = 10**24 - solve(10**24 + whole * 10**18, invariant(10**24, 10**24), 10**24)
    assert buy == exact * 10**tokens // 10**18
    assert sell == exact * 10**cash // 10**18


@given(stable(), FACTORS)
def test_a_moved_stable_pool_keeps_its_k_and_takes_the_price(
    pool: StablePool, factor: Decimal
) -> None:
    moved = pool.moved(factor)
    if moved is None or min(moved.cash_reserve, moved.token_reserve) < 10**5:
        return
    before = invariant(pool.normal_cash, pool.normal_tokens)
    after = invariant(moved.normal_cash, moved.normal_tokens)
    coarse = Fraction(6, min(moved.cash_reserve, moved.token_reserve, 10**18))
    assert before * (1 - coarse) <= after <= before
    wanted = Fraction(pool.mid_price) * Fraction(factor)
    assert abs(Fraction(moved.mid_price) / wanted - 1) <= coarse


@given(ANY_VOLATILE, FACTORS)
def test_a_moved_volatile_pool_keeps_its_product(pool: VolatilePool, factor: Decimal) -> None:
    moved = pool.moved(factor)
    assert moved is not None
    over, under = factor.as_integer_ratio()
    assert moved.cash_reserve == isqrt(pool.cash_reserve**2 * over // under)
    assert moved.token_reserve == isqrt(pool.token_reserve**2 * under // over)


@pytest.mark.parametrize("pool", [VOLATILE, STABLE])
def test_a_pool_moved_by_nothing_is_the_same(pool: VolatilePool | StablePool) -> None:
    assert pool.moved(Decimal(1)) == pool


@pytest.mark.parametrize("pool", [VOLATILE, STABLE])
@pytest.mark.parametrize("factor", ["0", "-0.5"])
def test_a_price_factor_that_is_not_positive_is_refused(
    pool: VolatilePool | StablePool, factor: str
) -> None:
    with pytest.raises(ValueError, match=f"price factor {factor} must be positive"):
        pool.moved(Decimal(factor))


@pytest.mark.parametrize("pool", [VOLATILE, STABLE])
@pytest.mark.parametrize("side", Side)
def test_what_a_pool_cannot_hold_has_no_quote(pool: VolatilePool | StablePool, side: Side) -> None:
    assert pool.quote(side, 2**257) is None
    assert pool.after(side, 2**257) is None
    assert pool.moved(Decimal(10) ** 200) is None


@pytest.mark.parametrize("pool", [VOLATILE, STABLE])
def test_a_negative_input_is_refused(pool: VolatilePool | StablePool) -> None:
    with pytest.raises(ValueError, match="amount in -1 is negative"):
        pool.quote(Side.BUY, -1)


@pytest.mark.parametrize("kind", [VolatilePool, StablePool])
@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ((0, 1, 18, 30), "cash_reserve was 0"),
        ((1, 0, 18, 30), "token_reserve was 0"),
        ((1, 2**256, 18, 30), "token_reserve was "),
        ((2**200, 2**200, 18, 30), "k was "),
        ((1, 1, 37, 30), "token_decimals was 37"),
        ((1, 1, 18, 301), "fee_bps was 301"),
        ((1, 1, 18, -1), "fee_bps was -1"),
        ((1, 1, 18, 30, 37), "cash_decimals was 37"),
    ],
)
def test_an_impossible_pool_is_refused(
    kind: type[VolatilePool | StablePool], figures: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(*figures)


def test_a_stable_pool_of_less_than_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="token_reserve at 18 decimals was 0"):
        StablePool(10**12, 10**17, 36, 5)


def test_half_a_stable_reserve_moves_no_slower_than_the_pool() -> None:
    lean = StablePool(10**12, 10**3 * ETHER, 18, 0)
    for pool, side in ((lean, Side.BUY), (lean, Side.SELL), (replace(STABLE, fee_bps=0), Side.BUY)):
        reserve = pool.reserve_in(side)
        after = pool.after(side, reserve // 1000)
        assert after is not None
        factor = Fraction(after.mid_price) / Fraction(pool.mid_price)
        assert max(factor, 1 / factor) <= Fraction(1001, 1000) ** 2 + Fraction(1, 10**6)
