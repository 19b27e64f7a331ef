"""Two pools in a row: cash buys another token, which buys the token.

Most tokens are pooled against WETH and not against a stablecoin: who pays in cash goes through
the pool of WETH first, pays its fee and its impact too, and the other way round on leaving.
"""

from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.amm import PIPS
from paper_trading.engine.enums import Side
from paper_trading.engine.money import CONTEXT, UNITS_LIMIT, price
from paper_trading.engine.pools.base import PairPool


@dataclass(frozen=True, slots=True)
class ChainedPool:
    """Cash and the hop's token in one pool, the hop's token and the token in another.

    In the second pool the hop's token stands where cash does in the first, with its decimals.
    """

    first: PairPool
    second: PairPool

    @property
    def token_decimals(self) -> int:
        """Return the token's decimals."""
        return self.second.token_decimals

    @property
    def fee_pips(self) -> int:
        """Return what both fees take of an input together, in millionths, rounded up."""
        kept = (PIPS - self.first.fee_pips) * (PIPS - self.second.fee_pips)
        return PIPS - kept // PIPS

    @property
    def mid_price(self) -> Decimal:
        """Return cash per whole token in the middle of both pools, at the price scale."""
        return price(CONTEXT.multiply(self.first.mid_price, self.second.mid_price))

    def quote(self, side: Side, amount_in: int) -> int | None:
        """Return the output of an exact input; None beyond the known depth of either pool."""
        near, far = self.in_order(side)
        between = near.quote(side, amount_in)
        return None if between is None else far.quote(side, between)

    def after(self, side: Side, amount_in: int) -> "ChainedPool | None":
        """Return both pools as a swap leaves them."""
        near, far = self.in_order(side)
        between = near.quote(side, amount_in)
        if between is None:
            return None
        changed_near, changed_far = near.after(side, amount_in), far.after(side, between)
        if changed_near is None or changed_far is None:
            return None
        if side is Side.BUY:
            return ChainedPool(changed_near, changed_far)
        return ChainedPool(changed_far, changed_near)

    def moved(self, factor: Decimal) -> "ChainedPool | None":
        """Return the pools with the token at `factor` times its price: the second one moves."""
        second = self.second.moved(factor)
        return None if second is None else ChainedPool(self.first, second)

    def known_in(self, side: Side) -> int | None:
        """Return the largest input that both pools have an output for; None: there is no end."""
        near, far = self.in_order(side)
        near_known, far_known = near.known_in(side), far.known_in(side)
        if far_known is None:
            return near_known
        return _largest(near, side, far_known, near_known)

    def reserve_in(self, side: Side) -> int:
        """Return the input reserve of the constant-product pool that both come to, fees aside.

        X1 * X2 / (X2 + Y1) for reserves X1 -> Y1 of the nearer pool and X2 -> Y2 of the other.
        """
        near, far = self.in_order(side)
        other = Side.SELL if side is Side.BUY else Side.BUY
        out_of_near, into_far = near.reserve_in(other), far.reserve_in(side)
        return near.reserve_in(side) * into_far // (into_far + out_of_near)

    def in_hop(self, cash_units: int) -> int:
        """Return cash in base units of the hop's token, at the middle of the first pool."""
        over, under = self.first.reserve_in(Side.SELL), self.first.reserve_in(Side.BUY)
        whole = abs(cash_units) * over // under
        return whole if cash_units > 0 else -whole

    def in_order(self, side: Side) -> tuple[PairPool, PairPool]:
        """Return both pools in the order of a swap."""
        return (self.first, self.second) if side is Side.BUY else (self.second, self.first)


def least_in(pool: PairPool, side: Side, output: int, known: int) -> int | None:
    """Return the least input that pays an output, up to one that is known; None: none does."""
    least = (_largest(pool, side, output - 1, known) or 0) + 1
    return least if least <= known else None


def _largest(pool: PairPool, side: Side, output: int, known: int | None) -> int | None:
    """Return the largest input that pays no more than an output, up to one that is known.

    None when no input that a word holds pays more.
    """
    low, high = 0, UNITS_LIMIT if known is None else known

    def fits(amount_in: int) -> bool:
        paid = pool.quote(side, amount_in)
        return paid is not None and paid <= output

    if fits(high):
        return known
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
