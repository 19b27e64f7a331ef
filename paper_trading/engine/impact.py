"""What is left in a pool of an account's own earlier swaps.

A paper order moves no real pool: the next quote does not know of it. So the cash that an
account's swaps have put in or taken out is remembered, and the pool that its next order of the
same side meets stands where these left it, until the flow of others has brought it back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.enums import Side
from paper_trading.engine.pools.base import PairPool

#: What flows through a pool in a day, as a multiple of its liquidity: what brings it back. An
#: assumption, and low for most: large pools turn over several times a day.
TURNOVER_A_DAY = Decimal(1)

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Displaced:
    """Cash that an account's swaps left in a pool, in base units: negative when they took some."""

    cash_units: int
    #: Market time.
    at: datetime


def left(displaced: Displaced | None, pool: PairPool | None, at: datetime) -> int:
    """Return what is left at a time: the day's flow works against it, evenly, down to nothing.

    Base units of cash, signed; the flow is both sides of the pool a day times TURNOVER_A_DAY.
    It is that of what the pool holds: virtual reserves would let it flow back too fast. Without
    a pool nothing flows back.
    """
    if displaced is None:
        return 0
    if pool is None:
        return displaced.cash_units
    passed = max(at - displaced.at, timedelta(0)) // _MICROSECOND
    over, under = TURNOVER_A_DAY.as_integer_ratio()
    flow = 2 * pool.reserve_in(Side.BUY) * over * passed // (under * (_DAY // _MICROSECOND))
    rest = max(abs(displaced.cash_units) - flow, 0)
    return rest if displaced.cash_units > 0 else -rest


def met(pool: PairPool, side: Side, rest: int) -> PairPool | None:
    """Return the pool that an order meets: moved by what is left, when that is against it.

    What is left in the order's favour is not counted on. None when it goes beyond the depth
    that is known.
    """
    if side is Side.BUY and rest > 0:
        return pool.after(Side.BUY, rest)
    if side is Side.SELL and rest < 0:
        return pool.after(
            Side.SELL, -rest * pool.reserve_in(Side.SELL) // pool.reserve_in(Side.BUY)
        )
    return pool


def moved_units(pool: PairPool | None, side: Side, amount_in: int, amount_out: int) -> int:
    """Return what a swap moves of a pool, in base units of cash: its input, fees included.

    Tokens count at the middle, rounded up: what comes out for them is less, and to remember only
    that would let slices beat one order. Without a pool it is what came out.
    """
    if side is Side.BUY:
        return amount_in
    if pool is None:
        return amount_out
    # Two pools in a row may come to less than one unit of the token.
    return -(-amount_in * pool.reserve_in(Side.BUY) // max(pool.reserve_in(Side.SELL), 1))


def added(
    displaced: Displaced | None, pool: PairPool | None, side: Side, cash_units: int, at: datetime
) -> Displaced:
    """Return what is left after one more swap that moved so much cash."""
    signed = cash_units if side is Side.BUY else -cash_units
    # An order that was told late is no reason to let the flow of later ones count again.
    newest = at if displaced is None else max(at, displaced.at)
    return Displaced(left(displaced, pool, newest) + signed, newest)
