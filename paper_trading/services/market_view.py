"""A batch as the stages read it: loaded once a process, because its rows never change.

Every session of the market and every chunk of their fan-outs reads the same batch; what may
change (accounts, positions, ticks) is never kept here.
"""

from functools import lru_cache

from paper_trading.intelligence.market_view import Listed, MarketView
from paper_trading.models import PriceBatch
from paper_trading.services.market_rows import (
    batch_value,
    closed_bar,
    listed_tokens,
    quantile_points,
)

__all__ = ["Listed", "MarketView", "market_view", "read_view"]

#: Batches kept: the newest few of the markets that a worker serves.
KEPT = 32


@lru_cache(maxsize=KEPT)
def market_view(batch_id: int) -> MarketView:
    """Read a batch, its quotes with their bars, and the market's tokens."""
    return read_view(batch_id)


def read_view(batch_id: int) -> MarketView:
    """Read a batch as it stands now: whoever looks for changes must not be given what was kept."""
    batch = PriceBatch.objects.select_related("market", "token_list").get(pk=batch_id)
    quotes = list(batch.quotes.select_related("bar"))
    tokens = listed_tokens(batch)
    return MarketView.of(
        batch_value(batch, batch.market.price_chain_id, quotes, tokens),
        quantile_points(batch),
        tokens,
        {row.token_id: closed_bar(row.bar) for row in quotes if row.bar is not None},
        batch.market.signals,
    )
