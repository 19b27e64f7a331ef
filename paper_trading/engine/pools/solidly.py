"""Solidly's two curves, as on Aerodrome: volatile x*y = k, and stable x^3 y + x y^3 = k.

The fee is in basis points of the input, rounded down, and leaves the pool for its voters:
the reserves grow by the rest. Amounts are base units. `None` for a result says that the
pool could not hold it: the contract would revert.
"""

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from math import isqrt

from paper_trading.engine.amm import amount_out
from paper_trading.engine.enums import Side
from paper_trading.engine.money import (
    CASH_DECIMALS,
    CONTEXT,
    DECIMALS_LIMIT,
    UNITS_LIMIT,
    from_base_units,
    price,
    require,
)
from paper_trading.engine.pools.stable_math import (
    invariant,
    marginal_price,
    moved_reserves,
    solve,
)

BPS = 10_000
PIPS_PER_BPS = 100
#: The factory's highest fee, in basis points.
MAX_FEE_BPS = 300
#: The stable curve is computed with this many decimals, whatever a token's own are.
NORMAL_DECIMALS = 18
_NORMAL_UNIT: int = 10**NORMAL_DECIMALS
#: The contract divides the stable k by this, and keeps the rest in one word.
_K_SCALE = _NORMAL_UNIT**2


@dataclass(frozen=True, slots=True)
class _Reserves:
    """What both curves share.

    :raises TypeError: when a figure is no whole number.
    :raises ValueError: for an empty reserve, a fee over 300 basis points, decimals over 36.
    """

    cash_reserve: int
    token_reserve: int
    token_decimals: int
    fee_bps: int
    cash_decimals: int = CASH_DECIMALS

    def __post_init__(self) -> None:
        """Refuse what no pool on chain can be."""
        require("cash_reserve", self.cash_reserve, 1, UNITS_LIMIT, whole=True)
        require("token_reserve", self.token_reserve, 1, UNITS_LIMIT, whole=True)
        require("token_decimals", self.token_decimals, 0, DECIMALS_LIMIT, whole=True)
        require("cash_decimals", self.cash_decimals, 0, DECIMALS_LIMIT, whole=True)
        require("fee_bps", self.fee_bps, 0, MAX_FEE_BPS, whole=True)

    def known_in(self, side: Side) -> int | None:
        """Return None: what a pool cannot hold is more than anyone has."""
        return None

    @property
    def fee_pips(self) -> int:
        """Return the fee in millionths of the input."""
        return self.fee_bps * PIPS_PER_BPS

    def net(self, amount_in: int) -> int:
        """Return an input without its fee. ValueError when it is negative."""
        if amount_in < 0:
            raise ValueError(f"amount in {amount_in} is negative; 0 or more is allowed")
        return amount_in - amount_in * self.fee_bps // BPS


@dataclass(frozen=True, slots=True)
class VolatilePool(_Reserves):
    """Cash and a token on x*y = k; k fits a word of 256 bits."""

    def __post_init__(self) -> None:
        """Refuse what no pool on chain can be."""
        # Without arguments super() looks for the class before slots were added.
        _Reserves.__post_init__(self)
        require("k", self.cash_reserve * self.token_reserve, 1, UNITS_LIMIT, whole=True)

    @property
    def mid_price(self) -> Decimal:
        """Cash per whole token in the middle of the pool, at the price scale."""
        with localcontext(CONTEXT):
            cash = from_base_units(self.cash_reserve, self.cash_decimals)
            return price(cash / from_base_units(self.token_reserve, self.token_decimals))

    def quote(self, side: Side, amount_in: int) -> int | None:
        """Return the output of a swap: tokens for BUY, cash for SELL."""
        return _paid(self, side, self.after(side, amount_in))

    def after(self, side: Side, amount_in: int) -> "VolatilePool | None":
        """Return the pool after a swap, without the fee."""
        net = self.net(amount_in)
        cash, tokens = self.cash_reserve, self.token_reserve
        if side is Side.BUY:
            return self._with(cash + net, tokens - amount_out(net, cash, tokens, 0))
        return self._with(cash - amount_out(net, tokens, cash, 0), tokens + net)

    def moved(self, factor: Decimal) -> "VolatilePool | None":
        """Return the pool at `factor` times its price: same product, rounded down.

        ValueError when the factor is not positive.
        """
        if factor <= 0:
            raise ValueError(f"price factor {factor} must be positive")
        over, under = factor.as_integer_ratio()
        cash = isqrt(self.cash_reserve**2 * over // under)
        return self._with(cash, isqrt(self.token_reserve**2 * under // over))

    def reserve_in(self, side: Side) -> int:
        """Return the reserve that a swap's input joins: cash for BUY, tokens for SELL."""
        return self.cash_reserve if side is Side.BUY else self.token_reserve

    def _with(self, cash: int, tokens: int) -> "VolatilePool | None":
        if not (0 < cash * tokens <= UNITS_LIMIT and max(cash, tokens) <= UNITS_LIMIT):
            return None
        return replace(self, cash_reserve=cash, token_reserve=tokens)


@dataclass(frozen=True, slots=True)
class StablePool(_Reserves):
    """Cash and a token that should be worth the same, on x^3 y + x y^3 = k.

    Reserves are taken with 18 decimals; of tokens with more, the rest of a unit stays in the
    pool. ValueError also for a reserve of less than one such unit.
    """

    def __post_init__(self) -> None:
        """Refuse what no pool on chain can be."""
        _Reserves.__post_init__(self)
        require("cash_reserve at 18 decimals", self.normal_cash, 1, UNITS_LIMIT, whole=True)
        require("token_reserve at 18 decimals", self.normal_tokens, 1, UNITS_LIMIT, whole=True)
        k = invariant(self.normal_cash, self.normal_tokens) // _K_SCALE
        require("k", k, 0, UNITS_LIMIT, whole=True)

    @property
    def normal_cash(self) -> int:
        """The cash reserve with 18 decimals, rounded down."""
        return _normal(self.cash_reserve, self.cash_decimals)

    @property
    def normal_tokens(self) -> int:
        """The token reserve with 18 decimals, rounded down."""
        return _normal(self.token_reserve, self.token_decimals)

    @property
    def mid_price(self) -> Decimal:
        """Cash per whole token at the pool's point of the curve, at the price scale."""
        over, under = marginal_price(self.normal_tokens, self.normal_cash)
        with localcontext(CONTEXT):
            return price(Decimal(over) / Decimal(under))

    def quote(self, side: Side, amount_in: int) -> int | None:
        """Return the output of a swap: tokens for BUY, cash for SELL."""
        return _paid(self, side, self.after(side, amount_in))

    def after(self, side: Side, amount_in: int) -> "StablePool | None":
        """Return the pool after a swap, without the fee."""
        net = self.net(amount_in)
        cash, tokens = self.normal_cash, self.normal_tokens
        k = invariant(cash, tokens)
        if side is Side.BUY:
            paid = tokens - solve(cash + _normal(net, self.cash_decimals), k, tokens)
            out = _raw(paid, self.token_decimals)
            return self._with(self.cash_reserve + net, self.token_reserve - out)
        paid = cash - solve(tokens + _normal(net, self.token_decimals), k, cash)
        out = _raw(paid, self.cash_decimals)
        return self._with(self.cash_reserve - out, self.token_reserve + net)

    def moved(self, factor: Decimal) -> "StablePool | None":
        """Return the pool at `factor` times its price: same k, rounded down.

        ValueError when the factor is not positive.
        """
        if factor <= 0:
            raise ValueError(f"price factor {factor} must be positive")
        over, under = factor.as_integer_ratio()
        if over == under:
            return self
        tokens, cash = moved_reserves(self.normal_tokens, self.normal_cash, over, under)
        return self._with(_raw(cash, self.cash_decimals), _raw(tokens, self.token_decimals))

    def reserve_in(self, side: Side) -> int:
        """Return half the reserve that a swap's input joins.

        At its steepest the curve moves, for a small swap, as a constant product of half the
        reserve does; near balance it moves far less.
        """
        return (self.cash_reserve if side is Side.BUY else self.token_reserve) // 2

    def _with(self, cash: int, tokens: int) -> "StablePool | None":
        normal = _normal(cash, self.cash_decimals), _normal(tokens, self.token_decimals)
        too_large = invariant(*normal) // _K_SCALE > UNITS_LIMIT
        if too_large or min(normal) < 1 or max(cash, tokens, *normal) > UNITS_LIMIT:
            return None
        return replace(self, cash_reserve=cash, token_reserve=tokens)


def _paid(before: _Reserves, side: Side, after: _Reserves | None) -> int | None:
    if after is None:
        return None
    if side is Side.BUY:
        return before.token_reserve - after.token_reserve
    return before.cash_reserve - after.cash_reserve


def _normal(units: int, decimals: int) -> int:
    """Return base units as units of 18 decimals, rounded down."""
    unit: int = 10**decimals
    return units * _NORMAL_UNIT // unit


def _raw(normal: int, decimals: int) -> int:
    """Return units of 18 decimals as base units, rounded down."""
    unit: int = 10**decimals
    return normal * unit // _NORMAL_UNIT
