from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.enums import Side
from paper_trading.engine.pools.concentrated import MAX_AMOUNT_IN, ConcentratedPool
from paper_trading.engine.pools.ladder import Ladder, Tick
from paper_trading.engine.pools.tick_math import Q96, sqrt_ratio_at, tick_at
from tests.engine.pool_kinds import (
    CASH,
    ETHER,
    FACTORS,
    LIQUIDITY,
    SQRT_2000,
    TICK_2000,
    concentrated,
    unknown_ticks,
    v3,
)

POOLS = concentrated()
SIDES = st.sampled_from(Side)


def test_the_price_is_two_thousand_dollars_either_way_round() -> None:
    pool = v3()
    assert tick_at(SQRT_2000) == TICK_2000
    assert abs(pool.mid_price / 2000 - 1) < Decimal("1e-12")
    mirrored = replace(
        pool,
        sqrt_price_x96=Q96**2 // SQRT_2000,
        tick=tick_at(Q96**2 // SQRT_2000),
        ladder=Ladder(10, -300_000, 0, ()),
        cash_is_token0=False,
    )
    assert abs(mirrored.mid_price / 2000 - 1) < Decimal("1e-12")
    for side, amount in ((Side.BUY, 10**9), (Side.SELL, ETHER)):
        one, other = pool.quote(side, amount), mirrored.quote(side, amount)
        assert one is not None
        assert other is not None
        assert abs(Fraction(one, other) - 1) < Fraction(1, 10**6)


@pytest.mark.parametrize(
    ("amount", "fee", "out"),
    [
        # The vector of the protocol that is spent inside one range: P = 1, L = 2e18.
        (10**18, 600, 666399946655997866),
        (0, 600, 0),
    ],
)
def test_a_swap_in_one_range_is_that_of_the_protocol(amount: int, fee: int, out: int) -> None:
    pool = ConcentratedPool(
        Q96, 0, 2 * 10**18, fee, Ladder(16_000, -320_000, 320_000, ()), False, 18, 18
    )
    assert pool.quote(Side.BUY, amount) == out


def whole_and_parts(liquidity: int, part: int) -> tuple[ConcentratedPool, ConcentratedPool]:
    """Return a pool with liquidity between two ticks, and the same without anything beyond."""
    low, high = -100, 100
    ticks = Tick(low, part), Tick(high, -part)
    ladder = Ladder(10, -1000, 1000, ticks)
    inside = ConcentratedPool(Q96, 0, liquidity + part, 3000, ladder, False, 18, 18)
    return inside, replace(inside, ladder=replace(ladder, ticks=()), liquidity=liquidity)


@pytest.mark.parametrize("side", Side)
def test_crossing_a_tick_takes_its_liquidity_out(side: Side) -> None:
    pool, thinner = whole_and_parts(10**21, 9 * 10**21)
    end = 100 if side is Side.BUY else -100
    swapped = pool.swap(side, 6 * 10**19)
    assert swapped is not None
    assert swapped.ticks_crossed == 1
    assert swapped.pool.liquidity == 10**21
    # What is left of the input goes on in a pool that starts at the tick.
    edge = replace(thinner, sqrt_price_x96=sqrt_ratio_at(end), tick=end)
    inside = pool.swap(side, 5 * 10**19)
    assert inside is not None
    assert inside.ticks_crossed == 0
    to_edge = next(n for n in range(50 * 10**18, 51 * 10**18, 10**15) if _crosses(pool, side, n))
    beyond = edge.quote(side, 6 * 10**19 - to_edge)
    before = pool.quote(side, to_edge)
    assert beyond is not None
    assert before is not None
    assert abs(swapped.amount_out - before - beyond) < 2 * 10**15


def _crosses(pool: ConcentratedPool, side: Side, amount: int) -> bool:
    swapped = pool.swap(side, amount)
    return swapped is not None and swapped.ticks_crossed == 1


@pytest.mark.parametrize("side", Side)
def test_a_swap_that_comes_back_over_a_tick_finds_its_liquidity_again(side: Side) -> None:
    pool, _ = whole_and_parts(10**21, 9 * 10**21)
    there = pool.swap(side, 6 * 10**19)
    assert there is not None
    back = there.pool.swap(Side.SELL if side is Side.BUY else Side.BUY, there.amount_out)
    assert back is not None
    assert back.ticks_crossed == 1
    assert back.pool.liquidity == pool.liquidity
    assert back.amount_out < 6 * 10**19


def test_a_fall_that_ends_on_a_tick_is_through_it() -> None:
    pool, _ = whole_and_parts(10**21, 9 * 10**21)
    low, high = 0, 6 * 10**19
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _crosses(pool, Side.SELL, middle) else (middle, high)
    at_edge = pool.after(Side.SELL, high)
    assert at_edge is not None
    assert (at_edge.tick, at_edge.liquidity) == (-101, 10**21)
    assert at_edge.sqrt_price_x96 == sqrt_ratio_at(-100)
    # Rising again it meets the same tick first, at no distance.
    back = at_edge.swap(Side.BUY, 10**15)
    assert back is not None
    assert (back.ticks_crossed, back.pool.liquidity) == (1, 10**22)


def test_a_stretch_without_liquidity_is_passed_over() -> None:
    ticks = (Tick(-10, 10**21), Tick(10, -(10**21)), Tick(500, 10**21), Tick(600, -(10**21)))
    pool = ConcentratedPool(Q96, 0, 10**21, 0, Ladder(10, -1000, 1000, ticks), False, 18, 18)
    swapped = pool.swap(Side.BUY, 10**18)
    assert swapped is not None
    assert swapped.ticks_crossed == 2
    assert 500 <= swapped.pool.tick < 600
    assert pool.quote(Side.BUY, 10**19) is None


def test_two_spacings_are_taken_for_known_when_ticks_are_not() -> None:
    pool = unknown_ticks()
    assert (pool.ladder.lowest, pool.ladder.highest) == (TICK_2000 - 20, TICK_2000 + 20)
    # 20 ticks are 10 bp of the root: a thousand dollars of a million, and the fee.
    assert pool.quote(Side.BUY, 900 * CASH) is not None
    assert pool.quote(Side.BUY, 1_100 * CASH) is None
    assert pool.after(Side.BUY, 1_100 * CASH) is None
    after = pool.after(Side.BUY, 900 * CASH)
    assert after is not None
    # What a swap used up stays used up.
    assert after.quote(Side.BUY, 900 * CASH) is None
    assert after.quote(Side.SELL, ETHER // 2) is not None


def test_a_pool_without_liquidity_has_no_depth_but_takes_nothing() -> None:
    pool = v3(liquidity=0)
    assert pool.quote(Side.BUY, 1) is None
    assert pool.quote(Side.BUY, 0) == 0
    assert pool.reserve_in(Side.BUY) == 0


def test_the_virtual_reserves_are_those_of_a_constant_product() -> None:
    pool = v3()
    assert abs(pool.reserve_in(Side.BUY) - 10**12) <= 10
    assert abs(Fraction(pool.reserve_in(Side.SELL), 500 * ETHER) - 1) < Fraction(1, 10**9)


@given(POOLS, FACTORS)
def test_a_moved_pool_takes_the_price_and_the_liquidity_of_the_place(
    pool: ConcentratedPool, factor: Decimal
) -> None:
    moved = pool.moved(factor)
    ratio = Fraction(factor) if not pool.cash_is_token0 else 1 / Fraction(factor)
    if moved is None:
        reach = Fraction(sqrt_ratio_at(pool.ladder.highest), pool.sqrt_price_x96) ** 2
        assert ratio > reach or 1 / ratio > reach * Fraction(9999, 10_000) ** 2
        return
    exact = Fraction(pool.sqrt_price_x96) ** 2 * ratio
    assert moved.sqrt_price_x96**2 <= exact < (moved.sqrt_price_x96 + 1) ** 2
    low, high = sorted((pool.tick, moved.tick))
    nets = [one.net_liquidity for one in pool.ladder.ticks or () if low < one.index <= high]
    sign = 1 if moved.tick > pool.tick else -1
    assert moved.liquidity == pool.liquidity + sign * sum(nets)


def test_unknown_ticks_move_along_with_the_price() -> None:
    moved = unknown_ticks().moved(Decimal("1.01"))
    assert moved is not None
    assert moved.liquidity == LIQUIDITY
    assert moved.ladder.highest - moved.tick == 20


def test_a_pool_moved_by_nothing_is_the_same_and_by_too_much_unknown() -> None:
    assert v3().moved(Decimal(1)) == v3()
    assert v3(reach=100).moved(Decimal("1.1")) is None
    assert unknown_ticks().moved(Decimal(10) ** 60) is None


@pytest.mark.parametrize("factor", ["0", "-0.5"])
def test_a_price_factor_that_is_not_positive_is_refused(factor: str) -> None:
    with pytest.raises(ValueError, match=f"price factor {factor} must be positive"):
        v3().moved(Decimal(factor))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"liquidity": -1}, "liquidity was -1"),
        ({"liquidity": 2**128}, "liquidity was "),
        ({"fee_pips": 1_000_000}, "fee_pips was 1000000"),
        ({"token_decimals": 37}, "token_decimals was 37"),
        ({"cash_decimals": -1}, "cash_decimals was -1"),
        ({"tick": TICK_2000 + 1}, f"tick was {TICK_2000 + 1}; that of the square-root price"),
        ({"tick": TICK_2000 - 1}, f"tick was {TICK_2000 - 1}; that of the square-root price"),
        ({"tick": 0}, "tick was 0; allowed are whole numbers"),
        ({"sqrt_price_x96": 0}, "sqrt_price_x96 was 0"),
    ],
)
def test_an_impossible_pool_is_refused(changed: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(v3(), **changed)  # type: ignore[arg-type]


def one_unit_between(*ticks: Tick) -> ConcentratedPool:
    return ConcentratedPool(Q96, 0, 1, 3000, Ladder(10, -1000, 1000, ticks), False, 18)


@pytest.mark.parametrize(
    ("ticks", "message"),
    [
        ([(5, 1)], "tick 5 is no multiple of spacing 10"),
        ([(20, 1), (10, 1)], "tick 10 comes after 20"),
        ([(10, 1), (10, 1)], "tick 10 comes after 10"),
        ([(2000, 1)], "tick was 2000; allowed are"),
        ([(10, -2)], "liquidity over tick 10 was -1"),
        ([(-10, 2)], "liquidity under tick -10 was -1"),
    ],
)
def test_ticks_that_do_not_fit_are_refused(ticks: list[tuple[int, int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        one_unit_between(*(Tick(*tick) for tick in ticks))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, -10, 10), "tick spacing was 0"),
        ((10, 10, -10), "highest tick was -10"),
        ((10, -900_000, 10), "lowest tick was -900000"),
    ],
)
def test_an_impossible_ladder_is_refused(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ladder(*arguments, None)


@pytest.mark.parametrize("amount", [-1, MAX_AMOUNT_IN + 1])
def test_an_input_over_the_chains_word_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="amount_in was"):
        v3().quote(Side.BUY, amount)


@given(POOLS, SIDES, st.integers(0, 10**36))
def test_a_swap_ends_with_the_liquidity_of_the_tick_it_ends_on(
    pool: ConcentratedPool, side: Side, amount: int
) -> None:
    swapped = pool.swap(side, amount)
    if swapped is None:
        return
    assert swapped.pool.tick in (
        tick_at(swapped.pool.sqrt_price_x96),
        tick_at(swapped.pool.sqrt_price_x96) - 1,
    )
    assert swapped.pool.liquidity == pool.liquidity + pool.ladder.change(
        pool.tick, swapped.pool.tick
    )


@pytest.mark.parametrize(
    ("tick", "falling", "stop"),
    [
        # An initialised tick stops a fall that starts on it, and no rise.
        (500, True, 500),
        (500, False, 2550),
        (499, False, 500),
        # Words of 256 spacings end every 2560 ticks; a rise sees the last spacing of its word.
        (499, True, 0),
        (-1, True, -2560),
        (2549, False, 2550),
        (2550, False, 5110),
        (-11, False, -10),
        # The edges of what is known.
        (-2561, True, -3000),
        (5110, False, 6000),
        (-3001, True, None),
        (6000, False, None),
    ],
)
def test_a_step_stops_where_the_chain_looks_again(
    tick: int, falling: bool, stop: int | None
) -> None:
    ladder = Ladder(10, -3000, 6000, (Tick(500, 1),))
    assert ladder.stop(tick, falling) == stop
