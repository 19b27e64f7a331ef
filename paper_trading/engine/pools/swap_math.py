"""One step of a swap inside a range of constant liquidity, with the protocol's roundings.

What a trader pays is rounded up and what comes out is rounded down (Uniswap v3 whitepaper,
6.2). Square-root prices carry 2**96; amounts are base units; a fee is in millionths of the
input.
"""

from dataclasses import dataclass

from paper_trading.engine.amm import PIPS
from paper_trading.engine.pools.tick_math import Q96

_WORD = 1 << 256


@dataclass(frozen=True, slots=True)
class Step:
    """Where a step ended, and what it took, paid and charged; the fee is not in `amount_in`."""

    sqrt_price_x96: int
    amount_in: int
    amount_out: int
    fee: int


def up_division(over: int, under: int) -> int:
    """Divide two integers, rounding up."""
    return -(-over // under)


def amount0_delta(one: int, other: int, liquidity: int, *, up: bool) -> int:
    """Return the token0 between two square-root prices: L (1/low - 1/high)."""
    low, high = sorted((one, other))
    width = (liquidity << 96) * (high - low)
    if up:
        return up_division(up_division(width, high), low)
    return width // high // low


def amount1_delta(one: int, other: int, liquidity: int, *, up: bool) -> int:
    """Return the token1 between two square-root prices: L (high - low)."""
    width = liquidity * abs(one - other)
    return up_division(width, Q96) if up else width // Q96


def price_after_input(sqrt_price_x96: int, liquidity: int, amount: int, zero_for_one: bool) -> int:
    """Return the square-root price that an input without its fee leads to.

    Rounded so that the price never moves further than the input pays for. The liquidity
    must be positive.
    """
    if not zero_for_one:
        return sqrt_price_x96 + (amount << 96) // liquidity
    scaled = liquidity << 96
    grown = scaled + amount * sqrt_price_x96
    if amount * sqrt_price_x96 < _WORD and grown < _WORD:
        return up_division(scaled * sqrt_price_x96, grown)
    # The product does not fit the chain's words, which then divide first.
    return up_division(scaled, scaled // sqrt_price_x96 + amount)


def compute_swap_step(
    sqrt_price_x96: int,
    target_x96: int,
    liquidity: int,
    remaining: int,
    fee_pips: int,
    zero_for_one: bool,
) -> Step:
    """Take an exact input, fee included, as far towards a target price as it reaches.

    With token0 in the target lies at or below the price, else at or above it. Where it is
    not reached, all that is left over is the fee.
    """
    delta_in, delta_out = amount0_delta, amount1_delta
    if not zero_for_one:
        delta_in, delta_out = amount1_delta, amount0_delta
    net = remaining * (PIPS - fee_pips) // PIPS
    amount_in = delta_in(sqrt_price_x96, target_x96, liquidity, up=True)
    reached = target_x96
    if net < amount_in:
        reached = price_after_input(sqrt_price_x96, liquidity, net, zero_for_one)
    if reached == target_x96:
        fee = up_division(amount_in * fee_pips, PIPS - fee_pips)
    else:
        amount_in = delta_in(sqrt_price_x96, reached, liquidity, up=True)
        fee = remaining - amount_in
    return Step(reached, amount_in, delta_out(sqrt_price_x96, reached, liquidity, up=False), fee)
