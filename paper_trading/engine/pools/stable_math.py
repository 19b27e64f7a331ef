"""The stable curve x^3 y + x y^3 = k in exact integers.

Both sides are given with the same number of decimals. The contract divides by 1e18 between
its products; nothing is rounded here before the end, so k never falls by a unit.
"""

from math import isqrt

#: Digits behind the point of the ratio of the reserves when a pool is moved.
_SCALE = 10**36


def invariant(one: int, other: int) -> int:
    """Return k = x y (x^2 + y^2)."""
    return one * other * (one * one + other * other)


def solve(reserve: int, k: int, start: int) -> int:
    """Return the least other reserve that keeps at least k beside a reserve.

    Newton's iteration from above: `start` must keep at least k, as the reserve before a swap
    does. The curve is convex, so no step passes the root.
    """
    other = start
    while step := (invariant(reserve, other) - k) // _slope(reserve, other):
        other -= step
    while other and invariant(reserve, other - 1) >= k:
        other -= 1
    return other


def marginal_price(tokens: int, cash: int) -> tuple[int, int]:
    """Return the price of a token in cash in the middle of the pool, as a fraction."""
    return _slope(cash, tokens), _slope(tokens, cash)


def moved_reserves(tokens: int, cash: int, over: int, under: int) -> tuple[int, int]:
    """Return (tokens, cash) with the same k at over / under times the price, rounded down.

    With r = cash / tokens and price p, (1 - p) / (1 + p) is the cube of (1 - r) / (1 + r).
    """
    slope_over, slope_under = marginal_price(tokens, cash)
    above, below = slope_over * over, slope_under * under
    lean = _cube_root((below - above) * _SCALE**3, below + above)
    ratio_over, ratio_under = _SCALE - lean, _SCALE + lean
    squares = ratio_over**2 + ratio_under**2
    fourth_power = invariant(tokens, cash) * ratio_under**3 // (ratio_over * squares)
    moved = isqrt(isqrt(fourth_power))
    return moved, moved * ratio_over // ratio_under


def _slope(fixed: int, other: int) -> int:
    """Return how fast k grows with the other reserve: x^3 + 3 x y^2."""
    return fixed * (fixed * fixed + 3 * other * other)


def _cube_root(over: int, under: int) -> int:
    """Return the cube root of a fraction, rounded towards zero."""
    wanted = abs(over) // under
    root = 1 << -(-wanted.bit_length() // 3)
    while (better := (2 * root + wanted // (root * root)) // 3) < root:
        root = better
    return root if over >= 0 else -root
