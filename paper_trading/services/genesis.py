"""A market as its back-fill left it: kept once, so that its batches can be replayed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Max

from paper_trading.engine.seal import seal, seal_rows
from paper_trading.intelligence.market_folding import MarketHead, Native
from paper_trading.intelligence.series import Series
from paper_trading.models import Bar, Market, MarketGenesis

_BAR_COLUMNS = (
    "token_id",
    "slow",
    "seconds",
    "start",
    "closes_at",
    "open",
    "high",
    "low",
    "close",
    "volume_usd",
    "score",
    "round_trip_percent",
    "known_at",
)
#: Names of the columns of a seal that cover the bars, not the genesis itself.
BAR_SEALS = (*(f"bar.{name.removesuffix('_id')}" for name in _BAR_COLUMNS), "bar.readings")
#: What a market is made of: it is folded by these from its first step on.
_MARKET_COLUMNS = (
    "price_chain_id",
    "seed",
    "native_symbol",
    "step_seconds",
    "backfill_steps",
)


def keep(market: Market, market_time: datetime, head: MarketHead, bars: Sequence[Bar]) -> None:
    """Write the head of a back-filled market, sealed together with the bars behind it."""
    row = MarketGenesis(
        market=market,
        step=market.head_step,
        market_time=market_time,
        heads={listing.token.symbol: listing.series.to_json() for listing in head.listings},
        native_price_usd="" if head.native.price_usd is None else str(head.native.price_usd),
        native_observed_at=head.native.observed_at,
        last_bar_id=Bar.objects.filter(market=market).aggregate(last=Max("pk"))["last"] or 0,
    )
    row.seal = {**seal(columns(row)), **bars_seal(bars)}
    row.save()


def columns(row: MarketGenesis) -> dict[str, Any]:
    """Return what the seal of a genesis covers, but for its bars: it and its market's terms."""
    return {
        "step": row.step,
        "market_time": row.market_time,
        "heads": heads_text(row.heads),
        "native_price_usd": row.native_price_usd,
        "native_observed_at": row.native_observed_at,
        "last_bar_id": row.last_bar_id,
        **{f"market.{name}": getattr(row.market, name) for name in _market_columns(row)},
    }


def _market_columns(row: MarketGenesis) -> tuple[str, ...]:
    # A genesis of before there were user signals is sealed like one of a market without any.
    return (*_MARKET_COLUMNS, "signals") if row.market.signals else _MARKET_COLUMNS


def heads_text(heads: Mapping[str, Any]) -> str:
    """Return heads as one text: a JSON store may write a number another way."""
    exact = {symbol: Series.from_json(found).to_json() for symbol, found in heads.items()}
    return json.dumps(exact, sort_keys=True)


def bars_seal(bars: Iterable[Bar]) -> dict[str, str]:
    """Return the seal of the back-fill's bars, a column each."""
    ordered = sorted(bars, key=lambda bar: (bar.token_id, bar.seconds, bar.start))
    return {
        **seal_rows(
            BAR_SEALS[:-1],
            [[getattr(bar, name) for name in _BAR_COLUMNS] for bar in ordered],
        ),
        **seal({BAR_SEALS[-1]: [json.dumps(bar.readings, sort_keys=True) for bar in ordered]}),
    }


def series_of(row: MarketGenesis) -> dict[str, Series]:
    """Return the heads of a genesis by symbol."""
    return {symbol: Series.from_json(found) for symbol, found in row.heads.items()}


def native_of(row: MarketGenesis) -> Native:
    """Return the native token's last price at a genesis."""
    text = row.native_price_usd
    return Native(Decimal(text) if text else None, row.native_observed_at)
