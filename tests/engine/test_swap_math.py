from fractions import Fraction
from math import ceil, floor, isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.pools.swap_math import (
    Step,
    amount0_delta,
    amount1_delta,
    compute_swap_step,
    price_after_input,
)
from paper_trading.engine.pools.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, Q96

PRICES = st.integers(MIN_SQRT_RATIO, MAX_SQRT_RATIO - 1)
LIQUIDITY = st.integers(1, 2**128 - 1)
AMOUNTS = st.integers(0, 2**160)
FEES = st.integers(0, 999_999)


def sqrt_of(over: int, under: int) -> int:
    return isqrt((over << 192) // under)


def test_a_step_that_is_capped_is_that_of_the_protocol() -> None:
    target = sqrt_of(101, 100)
    step = compute_swap_step(Q96, target, 2 * 10**18, 10**18, 600, False)
    assert step == Step(target, 9975124224178055, 9925619580021728, 5988667735148)


def test_a_step_that_is_spent_is_that_of_the_protocol() -> None:
    step = compute_swap_step(Q96, sqrt_of(1000, 100), 2 * 10**18, 10**18, 600, False)
    assert (step.amount_in, step.amount_out) == (999400000000000000, 666399946655997866)
    assert step.amount_in + step.fee == 10**18
    assert step.sqrt_price_x96 < sqrt_of(1000, 100)


@given(PRICES, PRICES, LIQUIDITY)
def test_deltas_are_the_exact_amounts_rounded(one: int, other: int, liquidity: int) -> None:
    low, high = sorted((one, other))
    exact0 = Fraction(liquidity * Q96 * (high - low), high * low)
    exact1 = Fraction(liquidity * (high - low), Q96)
    assert amount0_delta(one, other, liquidity, up=False) == floor(exact0)
    # Two divisions that round up can be one more than one of them.
    assert ceil(exact0) <= amount0_delta(one, other, liquidity, up=True) <= ceil(exact0) + 1
    assert amount1_delta(one, other, liquidity, up=False) == floor(exact1)
    assert amount1_delta(one, other, liquidity, up=True) == ceil(exact1)


@given(PRICES, LIQUIDITY, AMOUNTS)
def test_an_input_never_moves_the_price_further_than_it_pays_for(
    price: int, liquidity: int, amount: int
) -> None:
    fallen = price_after_input(price, liquidity, amount, True)
    exact = Fraction(liquidity * Q96 * price, liquidity * Q96 + amount * price)
    assert exact <= fallen <= price
    risen = price_after_input(price, liquidity, amount, False)
    assert risen == price + floor(Fraction(amount * Q96, liquidity))


def test_a_product_over_a_word_is_divided_first() -> None:
    price, liquidity, amount = 10**48 + 7, 3 * 10**38 + 7, 10**30
    scaled = liquidity << 96
    assert price_after_input(price, liquidity, amount, True) == ceil(
        Fraction(scaled, scaled // price + amount)
    )
    assert price_after_input(price, liquidity, amount, True) > ceil(
        Fraction(scaled * price, scaled + amount * price)
    )


@given(PRICES, PRICES, st.integers(0, 2**128 - 1), AMOUNTS, FEES)
def test_a_step_takes_no_more_than_there_is_and_stays_before_its_target(
    price: int, target: int, liquidity: int, remaining: int, fee: int
) -> None:
    step = compute_swap_step(price, target, liquidity, remaining, fee, target <= price)
    assert step.amount_in + step.fee <= remaining
    low, high = sorted((price, target))
    assert low <= step.sqrt_price_x96 <= high
    assert step.fee * 10**6 >= step.amount_in * fee // (10**6 - fee) * 10**6
    if step.sqrt_price_x96 != target:
        assert step.amount_in + step.fee == remaining


@pytest.mark.parametrize("falling", [True, False])
def test_without_liquidity_a_step_costs_nothing_and_arrives(falling: bool) -> None:
    target = Q96 // 2 if falling else Q96 * 2
    assert compute_swap_step(Q96, target, 0, 10**18, 3000, falling) == Step(target, 0, 0, 0)
