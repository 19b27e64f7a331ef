"""Ticks and square-root prices of concentrated liquidity, to the bit as on chain.

The price of tick t is 1.0001**t. A pool keeps the square root of token1 per token0, both in
base units, times 2**96. The on-chain figure for a tick is a product of rounded powers, so it
is made the same way here (Uniswap v3 whitepaper, 6.1).
"""

from collections.abc import Iterator
from math import isqrt

from paper_trading.engine.money import require

Q96 = 1 << 96
MIN_TICK = -887_272
MAX_TICK = 887_272

#: Bits behind the point while the powers are derived: enough that none is rounded wrongly.
_WORKING_BITS = 400
_RATIO_BITS = 128


def _powers() -> Iterator[int]:
    """Yield 1.0001**(-2**i / 2) times 2**128, rounded to nearest, for each bit of a tick."""
    power = isqrt((10_000 << 2 * _WORKING_BITS) // 10_001)
    dropped = _WORKING_BITS - _RATIO_BITS
    for _ in range(MAX_TICK.bit_length()):
        yield (power + (1 << dropped - 1)) >> dropped
        power = power * power >> _WORKING_BITS


_POWERS = tuple(_powers())


def sqrt_ratio_at(tick: int) -> int:
    """Return the square-root price at a tick, times 2**96, rounded up.

    ValueError for a tick outside MIN_TICK to MAX_TICK, TypeError for no whole number.
    """
    require("tick", tick, MIN_TICK, MAX_TICK, whole=True)
    ratio = 1 << _RATIO_BITS
    for bit, power in enumerate(_POWERS):
        if abs(tick) >> bit & 1:
            ratio = ratio * power >> _RATIO_BITS
    if tick > 0:
        ratio = ((1 << 2 * _RATIO_BITS) - 1) // ratio
    return -(-ratio >> _RATIO_BITS - 96)


#: The lowest square-root price a pool can have, and the first one that it cannot reach.
MIN_SQRT_RATIO = sqrt_ratio_at(MIN_TICK)
MAX_SQRT_RATIO = sqrt_ratio_at(MAX_TICK)


def tick_at(sqrt_price_x96: int) -> int:
    """Return the greatest tick whose square-root price is not above the given one.

    ValueError for a price outside MIN_SQRT_RATIO to MAX_SQRT_RATIO - 1.
    """
    require("sqrt_price_x96", sqrt_price_x96, MIN_SQRT_RATIO, MAX_SQRT_RATIO - 1, whole=True)
    low, high = MIN_TICK, MAX_TICK
    while high - low > 1:
        middle = (low + high) // 2
        if sqrt_ratio_at(middle) <= sqrt_price_x96:
            low = middle
        else:
            high = middle
    return low
