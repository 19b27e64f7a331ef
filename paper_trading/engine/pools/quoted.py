"""The pool that a quote describes: exact where its depth was read on chain, else modelled."""

from decimal import Decimal

from paper_trading.engine.amm import Pool
from paper_trading.engine.enums import FillGrade
from paper_trading.engine.market import Quote
from paper_trading.engine.pools.base import PairPool


def pool_of(quote: Quote, cash_price_usd: Decimal) -> PairPool | None:
    """Return the pool of a quote; None when its depth is unknown.

    ValueError when cash has no price.
    """
    return stated_pool(quote, cash_price_usd)


def stated_pool(quote: Quote, cash_price_usd: Decimal) -> Pool | None:
    """Return the constant-product pool of the figure that a quote states; None without one.

    Of any kind: it takes more for the same figure than a pool that holds its liquidity near the
    price. ValueError when cash has no price.
    """
    return Pool.from_quote(quote, cash_price_usd)


def grade_of(quote: Quote) -> FillGrade:
    """Return how far a fill in the pool of a quote can be trusted."""
    return quote.token.grade
