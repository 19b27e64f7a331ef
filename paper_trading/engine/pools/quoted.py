"""The pool that a quote describes: exact where its depth was read on chain, else modelled."""

from decimal import Decimal, localcontext

from paper_trading.engine.amm import MIN_RESERVE, Pool
from paper_trading.engine.depth import Depth, Range
from paper_trading.engine.enums import FillGrade, PoolKind, Side
from paper_trading.engine.market import DEEPEST_POOL_USD, HIGHEST_PRICE_USD, Quote, Token
from paper_trading.engine.money import CASH_DECIMALS, CONTEXT, ZERO, from_base_units, require
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.pools.solidly import PIPS_PER_BPS, StablePool, VolatilePool

#: How far the price of what was read may be from the quote's, either way. Both come from one
#: reading, but what cash is worth may be disputed.
PRICE_FACTOR = 2


def pool_of(
    quote: Quote, cash_price_usd: Decimal, cash_decimals: int = CASH_DECIMALS
) -> PairPool | None:
    """Return the pool of a quote; None when its depth is unknown.

    Price and decimals are those of what stands for cash in it, as WETH may.

    What was read on chain counts before a stated figure: where it is no pool, holds all but
    nothing, or has another price than the quote, the figure is not taken instead. ValueError when
    cash has no price.
    """
    if quote.depth is None:
        return stated_pool(quote, cash_price_usd, cash_decimals)
    require("cash_price_usd", cash_price_usd, ZERO, HIGHEST_PRICE_USD, above=True)
    try:
        pool = _read_pool(quote.depth, quote.token, cash_decimals)
        mid = pool.mid_price
    except ValueError:
        return None
    thin = min(pool.reserve_in(side) for side in Side) < MIN_RESERVE
    with localcontext(CONTEXT):
        held = from_base_units(pool.reserve_in(Side.BUY), cash_decimals)
        # No figure of more money than this could be kept.
        absurd = held * cash_price_usd > DEEPEST_POOL_USD
        mid_usd, price = mid * cash_price_usd, quote.price_usd
        same = price <= mid_usd * PRICE_FACTOR and mid_usd <= price * PRICE_FACTOR
    return None if thin or absurd or not same else pool


def stated_pool(
    quote: Quote, cash_price_usd: Decimal, cash_decimals: int = CASH_DECIMALS
) -> Pool | None:
    """Return the constant-product pool of the figure that a quote states; None without one.

    Of any kind: it takes more for the same figure than a pool that holds its liquidity near the
    price. ValueError when cash has no price.
    """
    return Pool.from_quote(quote, cash_price_usd, cash_decimals)


def grade_of(quote: Quote) -> FillGrade:
    """Return how far a fill in the pool of a quote can be trusted."""
    return quote.token.grade if quote.depth is None else FillGrade.B


def _read_pool(depth: Depth, token: Token, cash_decimals: int) -> PairPool:
    """Build a pool from what was read; ValueError when no pool on chain can be so."""
    if isinstance(depth, Range):
        return ConcentratedPool.assumed(
            depth.sqrt_price_x96,
            depth.liquidity,
            token.fee_pips,
            depth.tick_spacing,
            cash_is_token0=depth.cash_is_token0,
            token_decimals=token.decimals,
            cash_decimals=cash_decimals,
        )
    if token.kind is PoolKind.SOLIDLY_VOLATILE:
        return VolatilePool(depth.cash, depth.tokens, token.decimals, _bps(token), cash_decimals)
    if token.kind is PoolKind.SOLIDLY_STABLE:
        return StablePool(depth.cash, depth.tokens, token.decimals, _bps(token), cash_decimals)
    return Pool.from_reserves(
        depth.cash, depth.tokens, token.decimals, token.fee_pips, cash_decimals
    )


def _bps(token: Token) -> int:
    fee, rest = divmod(token.fee_pips, PIPS_PER_BPS)
    if rest:
        raise ValueError(f"fee_pips of {token.symbol} was {token.fee_pips}; allowed are hundreds")
    return fee
