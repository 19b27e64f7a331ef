"""A token whose depth was read on chain, and a level that leaves the size to its pool."""

from dataclasses import replace
from decimal import Decimal

from paper_trading.engine.depth import Depth, Range
from paper_trading.engine.enums import PoolKind
from paper_trading.engine.market import Batch
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.steps import Rules
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.ways import pool_in
from tests.engine.pool_kinds import LIQUIDITY, SQRT_2000
from tests.engine.pools import NOON, TOKEN, batch_of
from tests.engine.worlds import APPETITE, rules

#: 2,000 USDC a token, of which nothing is known beyond two spacings.
KNOWN = Range(SQRT_2000, LIQUIDITY, 10, cash_is_token0=True)
ABC = replace(TOKEN, fee_pips=500, kind=PoolKind.V3)
DIRECT = Strategy(use_transaction_manager=False)
MANAGED = Strategy(use_transaction_manager=True)


def read(depth: Depth | None = KNOWN, liquidity: str | None = "2000000") -> Batch:
    world = batch_of(token=ABC, liquidity=liquidity)
    quotes = {ABC.id: replace(world.quotes[ABC.id], depth=depth)}
    return replace(world, quotes=quotes, market_time=NOON, sigma_annual={ABC.id: Decimal(0)})


def ranged(world: Batch) -> ConcentratedPool:
    pool = pool_in(world, world.quotes[ABC.id])
    assert isinstance(pool, ConcentratedPool)
    return pool


def greedy(strategy: Strategy = DIRECT) -> Rules:
    """A level that leaves the size to the pool."""
    whole = Decimal(100)
    appetite = replace(
        APPETITE, max_position_percent=whole, max_exposure_percent=whole, max_pool_percent=whole
    )
    wide = replace(strategy, max_position_size_percent=whole)
    return rules(wide, appetite, managed=strategy.use_transaction_manager)
