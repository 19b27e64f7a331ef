from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.pools.tick_math import (
    MAX_SQRT_RATIO,
    MAX_TICK,
    MIN_SQRT_RATIO,
    MIN_TICK,
    Q96,
    sqrt_ratio_at,
    tick_at,
)

TICKS = st.integers(MIN_TICK, MAX_TICK)


@pytest.mark.parametrize(
    ("tick", "ratio"),
    [
        (MIN_TICK, 4295128739),
        (0, 2**96),
        (MAX_TICK, 1461446703485210103287273052203988822378723970342),
    ],
)
def test_the_ends_and_the_middle_are_those_of_the_protocol(tick: int, ratio: int) -> None:
    assert sqrt_ratio_at(tick) == ratio


def test_the_bounds_are_the_ends() -> None:
    assert (sqrt_ratio_at(MIN_TICK), sqrt_ratio_at(MAX_TICK)) == (MIN_SQRT_RATIO, MAX_SQRT_RATIO)


@given(TICKS)
def test_a_ratio_is_the_root_of_the_power_to_a_part_in_a_hundred_million(tick: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = (Decimal("1.0001") ** tick).sqrt() * Q96
        assert abs(sqrt_ratio_at(tick) - exact) <= 1 + exact * Decimal("1e-8")


@given(st.integers(MIN_TICK, MAX_TICK - 1))
def test_ratios_rise_from_tick_to_tick(tick: int) -> None:
    assert sqrt_ratio_at(tick) < sqrt_ratio_at(tick + 1)


@given(st.integers(MIN_TICK, MAX_TICK - 1))
def test_a_tick_holds_from_its_ratio_to_the_next(tick: int) -> None:
    assert tick_at(sqrt_ratio_at(tick)) == tick
    assert tick_at(sqrt_ratio_at(tick + 1) - 1) == tick


@given(st.integers(MIN_SQRT_RATIO, MAX_SQRT_RATIO - 1))
def test_the_tick_of_a_price_is_the_last_one_not_above_it(price: int) -> None:
    tick = tick_at(price)
    assert sqrt_ratio_at(tick) <= price < sqrt_ratio_at(tick + 1)


@pytest.mark.parametrize("tick", [MIN_TICK - 1, MAX_TICK + 1])
def test_a_tick_out_of_range_is_refused(tick: int) -> None:
    with pytest.raises(ValueError, match=f"tick was {tick}; allowed are"):
        sqrt_ratio_at(tick)


@pytest.mark.parametrize("price", [0, MIN_SQRT_RATIO - 1, MAX_SQRT_RATIO])
def test_a_price_out_of_range_is_refused(price: int) -> None:
    with pytest.raises(ValueError, match=f"sqrt_price_x96 was {price}; allowed are"):
        tick_at(price)
