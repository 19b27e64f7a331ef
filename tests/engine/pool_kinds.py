"""Pools of every kind with a million dollars a side, and others at random."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import isqrt

from hypothesis import strategies as st

from paper_trading.engine.amm import MAX_RESERVE, PIPS, Pool
from paper_trading.engine.enums import Side
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.pools.ladder import Ladder, Tick
from paper_trading.engine.pools.solidly import StablePool, VolatilePool
from paper_trading.engine.pools.tick_math import Q96, sqrt_ratio_at, tick_at

CASH = 10**6
ETHER = 10**18
#: Two thousand dollars a token of 18 decimals, cash being token0: the tick of 1 / 2000 in units.
TICK_2000 = 200_311
SQRT_2000 = isqrt(Fraction(10**12, 2000).__floor__() << 192)
#: A million dollars of virtual reserves on each side.
LIQUIDITY = 10**12 * SQRT_2000 // Q96


def v3(
    fee_pips: int = 500, reach: int = 6_000, ticks: tuple[Tick, ...] = (), **changed: int
) -> ConcentratedPool:
    """Return a pool of 2,000 USDC a WETH with USDC as token0, known for `reach` ticks each way."""
    figures = {"sqrt_price_x96": SQRT_2000, "liquidity": LIQUIDITY} | changed
    tick = tick_at(figures["sqrt_price_x96"])
    return ConcentratedPool(
        tick=tick,
        fee_pips=fee_pips,
        ladder=Ladder(10, tick - reach, tick + reach, ticks),
        cash_is_token0=True,
        token_decimals=18,
        **figures,
    )


def unknown_ticks(fee_pips: int = 500, spacing: int = 10) -> ConcentratedPool:
    return ConcentratedPool.assumed(
        SQRT_2000, LIQUIDITY, fee_pips, spacing, cash_is_token0=True, token_decimals=18
    )


V2 = Pool(10**12, 500 * ETHER, 18, 3000)
VOLATILE = VolatilePool(10**12, 500 * ETHER, 18, 30)
STABLE = StablePool(10**12, 10**6 * ETHER, 18, 5)
KINDS: dict[str, PairPool] = {"v2": V2, "v3": v3(), "volatile": VOLATILE, "stable": STABLE}


def mid_of(pool: PairPool) -> Fraction:
    """Return cash units per token unit in the middle of a pool, exactly for its own formula."""
    match pool:
        case Pool() | VolatilePool():
            return Fraction(pool.cash_reserve, pool.token_reserve)
        case ConcentratedPool():
            ratio = Fraction(pool.sqrt_price_x96, Q96) ** 2
            return 1 / ratio if pool.cash_is_token0 else ratio
        case _:
            scale = Fraction(10**6, 10**pool.token_decimals)
            return Fraction(pool.mid_price) * scale


def kept_of(pool: PairPool) -> Fraction:
    """Return gamma, the share of an input that the fee leaves."""
    return 1 - Fraction(pool.fee_pips, PIPS)


RESERVES = st.integers(10_000, MAX_RESERVE)
DECIMALS = st.integers(0, 36)
SIDES = st.sampled_from(Side)


@st.composite
def concentrated(draw: Callable[[st.SearchStrategy[int]], int]) -> ConcentratedPool:
    """Build a pool anywhere, with no, some or unknown ticks about it."""
    spacing = draw(st.sampled_from([1, 10, 60, 200]))
    middle = draw(st.integers(-400_000, 400_000))
    low, high = sqrt_ratio_at(middle), sqrt_ratio_at(middle + 1) - 1
    price = draw(st.integers(low, high))
    liquidity = draw(st.integers(10**9, 10**30))
    count = draw(st.integers(0, 4))
    steps = [draw(st.integers(1, 60)) for _ in range(count)]
    base = middle // spacing * spacing
    # Some of the liquidity joins and leaves within the range, whichever way a swap goes.
    net = liquidity // (count + 1) // 2
    indexes = sorted({base + (step - 30) * spacing for step in steps})
    ticks = tuple(Tick(index, -net if index > middle else net) for index in indexes)
    reach = 100 * spacing
    return ConcentratedPool(
        price,
        middle,
        liquidity,
        draw(st.integers(0, 100_000)),
        Ladder(spacing, middle - reach, middle + reach, ticks),
        bool(draw(st.integers(0, 1))),
        draw(DECIMALS),
    )


ANY_V2 = st.builds(Pool.from_reserves, RESERVES, RESERVES, DECIMALS, st.integers(0, 300_000))
ANY_VOLATILE = st.builds(VolatilePool, RESERVES, RESERVES, DECIMALS, st.integers(0, 300))
#: Decimals and reserves go together: a stable pool holds about as much of both.
STABLE_WHOLE = st.integers(100, 10**9)


@st.composite
def stable(draw: Callable[[st.SearchStrategy[int]], int]) -> StablePool:
    decimals = draw(st.integers(2, 36))
    cash, tokens = draw(STABLE_WHOLE), draw(STABLE_WHOLE)
    return StablePool(cash * CASH, tokens * 10**decimals, decimals, draw(st.integers(0, 300)))


ANY_POOL: st.SearchStrategy[PairPool] = st.one_of(ANY_V2, ANY_VOLATILE, concentrated(), stable())
FACTORS = st.decimals("0.5", "2", places=6).filter(lambda factor: factor > Decimal("0.5"))
