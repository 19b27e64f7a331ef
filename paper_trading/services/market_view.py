"""A batch as the stages read it: loaded once a process, because its rows never change.

Every session of the market and every chunk of their fan-outs reads the same batch; what may
change (accounts, positions, ticks) is never kept here.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from paper_trading.engine.market import Batch
from paper_trading.engine.market import Token as TokenValue
from paper_trading.intelligence.series import ClosedBar
from paper_trading.models import PriceBatch, Token
from paper_trading.services.market_rows import (
    batch_value,
    closed_bar,
    quantile_points,
    token_value,
)

#: Batches kept: the newest few of the markets that a worker serves.
KEPT = 32


@dataclass(frozen=True, slots=True)
class Listed:
    """A listed token with its newest closed fast bar at the batch, if there is one."""

    token: TokenValue
    is_cash: bool
    tradable: bool
    bar: ClosedBar | None


@dataclass(frozen=True, slots=True)
class MarketView:
    """Everything that a tick reads of its market."""

    batch: Batch
    #: None while there are too few scores to rank.
    quantiles: tuple[Decimal, ...] | None
    #: By symbol, then id: the order in which the fan-out deals them.
    listed: tuple[Listed, ...]


@lru_cache(maxsize=KEPT)
def market_view(batch_id: int) -> MarketView:
    """Read a batch, its quotes with their bars, and the market's tokens."""
    batch = PriceBatch.objects.select_related("market").get(pk=batch_id)
    quotes = list(batch.quotes.select_related("token", "bar"))
    bars = {row.token_id: closed_bar(row.bar) for row in quotes if row.bar is not None}
    tokens = Token.objects.filter(listings__market=batch.market_id).order_by("symbol", "pk")
    return MarketView(
        batch=batch_value(batch, batch.market.price_chain_id, quotes),
        quantiles=quantile_points(batch),
        listed=tuple(
            Listed(token_value(token), token.is_cash, token.tradable, bars.get(token.pk))
            for token in tokens
        ),
    )
