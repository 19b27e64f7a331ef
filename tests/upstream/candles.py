"""The past that providers tell: candles of pools and charts of coins, from the world's series."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.upstream.world import UpstreamToken, View

CANDLE = timedelta(minutes=5)
#: How often the series is looked at within a candle.
LOOKS = 5
#: Candles of a pool that a provider keeps.
KEPT = timedelta(days=30)


def ohlcv(view: View, token: UpstreamToken, query: dict[str, str]) -> dict[str, Any]:
    """Return the page of a pool's candles before a time, newest first."""
    symbol = next(one.symbol for one in view.world.tokens if one.address == query["token"].lower())
    before = datetime.fromtimestamp(int(query["before_timestamp"]), UTC)
    end = _floor(min(before, view.world.now()))
    oldest = view.world.now() - KEPT
    starts = [end - n * CANDLE for n in range(1, int(query["limit"]) + 1)]
    rows = [_row(view, symbol, start) for start in starts if start >= oldest]
    return {
        "data": {"id": "one", "type": "ohlcv_request_response", "attributes": {"ohlcv_list": rows}},
        "meta": {
            "base": {"address": token.address, "symbol": token.symbol},
            "quote": {"address": view.world.token(token.quote, token.chain_id).address},
        },
    }


def chart(view: View, symbol: str, days: int) -> dict[str, Any]:
    """Return a coin's prices of the last days, five minutes apart."""
    now = view.world.now()
    times = [now - n * CANDLE for n in range(days * 288, -1, -1)]
    return {"prices": [[_ms(at), view.world.price_at(symbol, at)] for at in times]}


def _row(view: View, symbol: str, start: datetime) -> list[Any]:
    found = [view.world.price_at(symbol, start + n * CANDLE / LOOKS) for n in range(LOOKS + 1)]
    prices: list[Decimal] = [found[0], max(found), min(found), found[-1]]
    volume = view.world.volume(symbol)
    return [int(start.timestamp()), *prices, volume]


def _floor(at: datetime) -> datetime:
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(CANDLE.total_seconds()), UTC)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
