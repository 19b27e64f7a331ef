"""Constant-product pools in integers, as on Uniswap v2 but with any fee.

Amounts are base units; a fee is in millionths of the input (3000 is 0.30 %).
"""

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from math import isqrt

from paper_trading.engine.enums import FillGrade, Side
from paper_trading.engine.market import HIGHEST_PRICE_USD, Quote
from paper_trading.engine.money import (
    CASH_DECIMALS,
    CONTEXT,
    DECIMALS_LIMIT,
    ONE,
    UNITS_LIMIT,
    ZERO,
    from_base_units,
    price,
    require,
    to_base_units,
)

PIPS = 1_000_000

#: Share of a provider's liquidity figure that is not counted on (grade C). An assumption:
#: such figures include liquidity that is out of range, and lag behind withdrawals.
DEPTH_HAIRCUT = Decimal("0.20")

#: Below this many base units a reserve cannot carry the price to one basis point.
MIN_RESERVE = 10_000

#: What a pair of Uniswap v2 can hold of each side: its reserves are uint112.
MAX_RESERVE = 2**112 - 1


def amount_out(amount_in: int, reserve_in: int, reserve_out: int, fee_pips: int) -> int:
    """Return what a swap of an exact input pays out, rounded down.

    in*(1e6-fee)*Rout // (Rin*1e6 + in*(1e6-fee)); at 3000 pips this is Uniswap v2.
    ValueError for a negative input, an empty reserve or a fee outside 0..999999.
    """
    if amount_in < 0:
        raise ValueError(f"amount in {amount_in} is negative; 0 or more is allowed")
    if reserve_in <= 0 or reserve_out <= 0:
        raise ValueError(f"reserves {reserve_in} and {reserve_out} must both be positive")
    if not 0 <= fee_pips < PIPS:
        raise ValueError(f"fee {fee_pips} pips is outside 0 to {PIPS - 1}")
    net = amount_in * (PIPS - fee_pips)
    return net * reserve_out // (reserve_in * PIPS + net)


@dataclass(frozen=True, slots=True)
class Pool:
    """Cash and a token in one constant-product pool, in base units."""

    cash_reserve: int
    token_reserve: int
    token_decimals: int
    fee_pips: int
    cash_decimals: int = CASH_DECIMALS

    @classmethod
    def from_quote(
        cls, quote: Quote, cash_price_usd: Decimal, cash_decimals: int = CASH_DECIMALS
    ) -> "Pool | None":
        """Build the pool that a quote describes: half of its liquidity on each side.

        In a pool against WETH that stands for cash, with its price and decimals. None when the
        liquidity is unknown, or a side has under MIN_RESERVE base units or more than a word holds.
        ValueError when cash has no price.
        """
        require("cash_price_usd", cash_price_usd, ZERO, HIGHEST_PRICE_USD, above=True)
        if quote.liquidity_usd is None:
            return None
        with localcontext(CONTEXT):
            counted = ONE - DEPTH_HAIRCUT if quote.token.grade is FillGrade.C else ONE
            side_usd = quote.liquidity_usd / 2 * counted
            cash = to_base_units(side_usd / cash_price_usd, cash_decimals)
            tokens = to_base_units(side_usd / quote.price_usd, quote.token.decimals)
        if min(cash, tokens) < MIN_RESERVE or max(cash, tokens) > UNITS_LIMIT:
            return None
        return cls(cash, tokens, quote.token.decimals, quote.token.fee_pips, cash_decimals)

    @classmethod
    def from_reserves(
        cls,
        cash: int,
        tokens: int,
        token_decimals: int,
        fee_pips: int,
        cash_decimals: int = CASH_DECIMALS,
    ) -> "Pool":
        """Build the pool of reserves that were read from a pair on chain.

        ValueError for a reserve outside 1 to 2**112 - 1, decimals outside 0 to 36 or a fee
        outside 0 to 999,999 millionths; TypeError for what is no whole number.
        """
        require("cash reserve", cash, 1, MAX_RESERVE, whole=True)
        require("token reserve", tokens, 1, MAX_RESERVE, whole=True)
        require("token_decimals", token_decimals, 0, DECIMALS_LIMIT, whole=True)
        require("cash_decimals", cash_decimals, 0, DECIMALS_LIMIT, whole=True)
        require("fee_pips", fee_pips, 0, PIPS - 1, whole=True)
        return cls(cash, tokens, token_decimals, fee_pips, cash_decimals)

    @property
    def mid_price(self) -> Decimal:
        """Cash per whole token in the middle of the pool, at the price scale."""
        with localcontext(CONTEXT):
            cash = from_base_units(self.cash_reserve, self.cash_decimals)
            return price(cash / from_base_units(self.token_reserve, self.token_decimals))

    def quote(self, side: Side, amount_in: int) -> int:
        """Return the output of a swap: tokens for BUY (cash in), cash for SELL (tokens in)."""
        reserve_in, reserve_out = self._reserves(side)
        return amount_out(amount_in, reserve_in, reserve_out, self.fee_pips)

    def after(self, side: Side, amount_in: int) -> "Pool":
        """Return the pool after a swap; the fee stays in it."""
        out = self.quote(side, amount_in)
        if side is Side.BUY:
            return self._with(self.cash_reserve + amount_in, self.token_reserve - out)
        return self._with(self.cash_reserve - out, self.token_reserve + amount_in)

    def moved(self, factor: Decimal) -> "Pool":
        """Return the pool at `factor` times its price: same product, rounded down.

        ValueError when the factor is not positive.
        """
        if factor <= 0:
            raise ValueError(f"price factor {factor} must be positive")
        over, under = factor.as_integer_ratio()
        cash = isqrt(self.cash_reserve**2 * over // under)
        tokens = isqrt(self.token_reserve**2 * under // over)
        return self._with(max(cash, 1), max(tokens, 1))

    def known_in(self, side: Side) -> int | None:
        """Return None: every input has an output."""
        return None

    def reserve_in(self, side: Side) -> int:
        """Return the reserve that a swap's input joins: cash for BUY, tokens for SELL."""
        return self._reserves(side)[0]

    def _reserves(self, side: Side) -> tuple[int, int]:
        if side is Side.BUY:
            return self.cash_reserve, self.token_reserve
        return self.token_reserve, self.cash_reserve

    def _with(self, cash_reserve: int, token_reserve: int) -> "Pool":
        return replace(self, cash_reserve=cash_reserve, token_reserve=token_reserve)
