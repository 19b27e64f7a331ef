"""Pools of concentrated liquidity (Uniswap v3 and its kin), as far as their ticks are known.

Inside the known range a quote is the chain's, to the base unit. Beyond it the answer is
`None`: the depth there is unknown.
"""

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from math import isqrt

from paper_trading.engine.amm import PIPS
from paper_trading.engine.enums import Side
from paper_trading.engine.money import (
    CASH_DECIMALS,
    CONTEXT,
    DECIMALS_LIMIT,
    from_base_units,
    price,
    require,
)
from paper_trading.engine.pools.ladder import MAX_LIQUIDITY, Ladder
from paper_trading.engine.pools.swap_math import compute_swap_step
from paper_trading.engine.pools.tick_math import (
    MAX_SQRT_RATIO,
    MIN_SQRT_RATIO,
    Q96,
    sqrt_ratio_at,
    tick_at,
)

#: What the chain's word for an exact input holds.
MAX_AMOUNT_IN = 2**255 - 1


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a swap paid out, how many initialised ticks it crossed, and what it left."""

    amount_out: int
    ticks_crossed: int
    pool: "ConcentratedPool"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a swap has come to, and what is left of its input."""

    sqrt_price_x96: int
    tick: int
    liquidity: int
    remaining: int
    out: int = 0
    crossed: int = 0


@dataclass(frozen=True, slots=True)
class ConcentratedPool:
    """Cash and a token in a pool of concentrated liquidity, in base units.

    `tick` is the pool's own: after a fall that ends on a tick it is one below the tick of
    the price. The fee is in millionths of the input.

    :raises TypeError: when a figure is no whole number.
    :raises ValueError: when a figure is out of the chain's range, or the ticks do not fit.
    """

    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int
    ladder: Ladder
    #: Whether cash is token0, the lower of the two addresses.
    cash_is_token0: bool
    token_decimals: int
    cash_decimals: int = CASH_DECIMALS

    @classmethod
    def assumed(
        cls,
        sqrt_price_x96: int,
        liquidity: int,
        fee_pips: int,
        tick_spacing: int,
        *,
        cash_is_token0: bool,
        token_decimals: int,
        cash_decimals: int = CASH_DECIMALS,
    ) -> "ConcentratedPool":
        """Build a pool whose ticks are unknown: its liquidity holds for two spacings each way."""
        tick = tick_at(sqrt_price_x96)
        return cls(
            sqrt_price_x96=sqrt_price_x96,
            tick=tick,
            liquidity=liquidity,
            fee_pips=fee_pips,
            ladder=Ladder.assumed(tick, tick_spacing),
            cash_is_token0=cash_is_token0,
            token_decimals=token_decimals,
            cash_decimals=cash_decimals,
        )

    def __post_init__(self) -> None:
        """Refuse what no pool on chain can be."""
        require("liquidity", self.liquidity, 0, MAX_LIQUIDITY, whole=True)
        require("fee_pips", self.fee_pips, 0, PIPS - 1, whole=True)
        require("token_decimals", self.token_decimals, 0, DECIMALS_LIMIT, whole=True)
        require("cash_decimals", self.cash_decimals, 0, DECIMALS_LIMIT, whole=True)
        # A fall that uses up its input on the lowest tick ends one below it.
        require("tick", self.tick, self.ladder.lowest - 1, self.ladder.highest, whole=True)
        found = tick_at(self.sqrt_price_x96)
        on_edge = self.tick == found - 1 and sqrt_ratio_at(found) == self.sqrt_price_x96
        if self.tick != found and not on_edge:
            raise ValueError(f"tick was {self.tick}; that of the square-root price is {found}")
        self.ladder.check(self.tick, self.liquidity)

    @property
    def mid_price(self) -> Decimal:
        """Cash per whole token at the pool's price, at the price scale."""
        with localcontext(CONTEXT):
            squared, one = Decimal(self.sqrt_price_x96**2), Decimal(Q96**2)
            cash, tokens = (one, squared) if self.cash_is_token0 else (squared, one)
            scale = from_base_units(1, self.cash_decimals - self.token_decimals)
            return price(scale * cash / tokens)

    def quote(self, side: Side, amount_in: int) -> int | None:
        """Return the output of a swap; None when it would leave the known range."""
        end = self._walk(side, amount_in)
        return None if end is None else end.out

    def after(self, side: Side, amount_in: int) -> "ConcentratedPool | None":
        """Return the pool after a swap; None when it would leave the known range.

        Fees wait beside the pool for their owners: they add no liquidity.
        """
        swapped = self.swap(side, amount_in)
        return None if swapped is None else swapped.pool

    def swap(self, side: Side, amount_in: int) -> Swapped | None:
        """Swap an exact input, crossing ticks that are known; None beyond the known range.

        ValueError for an input that is negative or over the chain's word.
        """
        end = self._walk(side, amount_in)
        if end is None:
            return None
        pool = replace(
            self, sqrt_price_x96=end.sqrt_price_x96, tick=end.tick, liquidity=end.liquidity
        )
        return Swapped(end.out, end.crossed, pool)

    def moved(self, factor: Decimal) -> "ConcentratedPool | None":
        """Return the pool at `factor` times its price; None beyond the known ticks.

        Known ticks that lie between are crossed. Where ticks are unknown, the liquidity seen
        at the old price is assumed to lie about the new one: that is for the small moves
        between a quote and its inclusion. ValueError when the factor is not positive.
        """
        if factor <= 0:
            raise ValueError(f"price factor {factor} must be positive")
        over, under = factor.as_integer_ratio()
        if over == under:
            return self
        if self.cash_is_token0:
            over, under = under, over
        sqrt_price = isqrt(self.sqrt_price_x96**2 * over // under)
        return self._at(sqrt_price) if MIN_SQRT_RATIO <= sqrt_price < MAX_SQRT_RATIO else None

    def known_in(self, side: Side) -> int | None:
        """Return the input that carries the price to the edge of the known range."""
        falling = self._falls(side)
        place = _Place(self.sqrt_price_x96, self.tick, self.liquidity, MAX_AMOUNT_IN)
        while (stop := self.ladder.stop(place.tick, falling)) is not None:
            place = self._step(place, stop, falling)
        return MAX_AMOUNT_IN - place.remaining

    def reserve_in(self, side: Side) -> int:
        """Return the virtual reserve that an input joins, rounded down.

        Exact until the next tick. The reserve that is really there is less.
        """
        if self._falls(side):
            return (self.liquidity << 96) // self.sqrt_price_x96
        return self.liquidity * self.sqrt_price_x96 >> 96

    def _falls(self, side: Side) -> bool:
        """Say whether a swap pays token0, so that the pool's own price falls."""
        return (side is Side.BUY) == self.cash_is_token0

    def _at(self, sqrt_price: int) -> "ConcentratedPool | None":
        tick = tick_at(sqrt_price)
        if self.ladder.ticks is None:
            ladder = Ladder.assumed(tick, self.ladder.spacing)
            return replace(self, sqrt_price_x96=sqrt_price, tick=tick, ladder=ladder)
        if not self.ladder.lowest <= tick <= self.ladder.highest:
            return None
        liquidity = self.liquidity + self.ladder.change(self.tick, tick)
        return replace(self, sqrt_price_x96=sqrt_price, tick=tick, liquidity=liquidity)

    def _walk(self, side: Side, amount_in: int) -> _Place | None:
        require("amount_in", amount_in, 0, MAX_AMOUNT_IN, whole=True)
        falling = self._falls(side)
        place = _Place(self.sqrt_price_x96, self.tick, self.liquidity, amount_in)
        while place.remaining:
            stop = self.ladder.stop(place.tick, falling)
            if stop is None:
                return None
            place = self._step(place, stop, falling)
        return place

    def _step(self, at: _Place, stop: int, falling: bool) -> _Place:
        """Return where a step towards a stop ends: at it, and then through it, or before."""
        target = sqrt_ratio_at(stop)
        step = compute_swap_step(
            at.sqrt_price_x96, target, at.liquidity, at.remaining, self.fee_pips, falling
        )
        net = None
        tick = at.tick
        if step.sqrt_price_x96 == target:
            net = self.ladder.net_at(stop)
            tick = stop - 1 if falling else stop
        elif step.sqrt_price_x96 != at.sqrt_price_x96:
            tick = tick_at(step.sqrt_price_x96)
        return _Place(
            step.sqrt_price_x96,
            tick,
            at.liquidity + (-(net or 0) if falling else net or 0),
            at.remaining - step.amount_in - step.fee,
            at.out + step.amount_out,
            at.crossed + (net is not None),
        )
