"""Past prices of pinned pools: five-minute candles, and points of a chart where a pool has none.

Pure, like every live source: it makes requests and reads bodies.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote, urlencode

from paper_trading.engine import money
from paper_trading.engine.market import DEEPEST_POOL_USD, HIGHEST_PRICE_USD
from paper_trading.intelligence.bars import EPOCH, floor
from paper_trading.services.sources.live.base import (
    Answer,
    LiveToken,
    Reason,
    Request,
    SourceFailure,
)

CANDLE_SECONDS = 300
CANDLE = timedelta(seconds=CANDLE_SECONDS)
#: Candles that GeckoTerminal gives a call at most.
PAGE = 1000
#: GeckoTerminal and CoinGecko answer from a cache of a minute: a candle that ended since then
#: may be told as it stood before its end.
CACHED = timedelta(seconds=60)

#: GeckoTerminal's names of the price chains.
NETWORKS: Mapping[int, str] = {1: "eth", 8453: "base", 42161: "arbitrum"}

#: Times from here on (the year 2200) are errors.
LAST_SECOND = 7_258_118_400
#: A high or low is no further than so many times from where its candle opened and closed.
WIDEST = 3
_COLUMNS = 6
_POINT_COLUMNS = 2

#: Why a row was left out.
NOT_A_ROW = "NOT_A_ROW"
BAD_TIME = "BAD_TIME"
BAD_PRICE = "BAD_PRICE"
BAD_VOLUME = "BAD_VOLUME"
CONTRADICTORY = "CONTRADICTORY"
DUPLICATE = "DUPLICATE"
#: Its end was not known yet, or lies ahead.
UNFINISHED = "UNFINISHED"
#: From before the time that was asked for.
TOO_OLD = "TOO_OLD"

#: Reasons that say nothing against the source.
HARMLESS = frozenset({UNFINISHED, TOO_OLD})


@dataclass(frozen=True, slots=True)
class Span:
    """The time that candles are wanted of: from `since` on, ended at `until` at the latest."""

    since: datetime
    until: datetime

    @classmethod
    def before(cls, now: datetime, length: timedelta) -> "Span":
        """Return the span of a length up to the last candle that every cache knows whole."""
        until = floor(now - CACHED, CANDLE_SECONDS)
        return cls(until - length, until)


@dataclass(frozen=True, slots=True)
class Candle:
    """One token in [start, start + 300 s): prices in USD per whole token, to the digit."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    #: Traded in it, in USD; None when the source does not say.
    volume_usd: Decimal | None

    @property
    def end(self) -> datetime:
        """The first moment that no longer belongs to the candle."""
        return self.start + CANDLE


@dataclass(frozen=True, slots=True)
class Candles:
    """What an answer says of a token's past."""

    #: Oldest first, each start once; where nothing was traded there is none.
    candles: tuple[Candle, ...]
    #: How many rows were left out, by reason.
    dropped: Mapping[str, int]
    #: Rows that the answer had, good and bad.
    rows: int
    #: The earliest time of a row; None without any that has one.
    oldest: datetime | None


class _BadRow(Exception):
    """A row that is no candle of the span; the message is the reason."""


class GeckoTerminalCandles:
    """Candles of a pool: `/networks/{n}/pools/{pool}/ohlcv/minute`, newest first, a page a call."""

    name = "geckoterminal"

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def request(self, token: LiveToken, before: datetime) -> Request | None:
        """Return the call for the page of candles before a time; None without a known pool."""
        network = NETWORKS.get(token.price_chain_id)
        if network is None or not token.pool or not token.address:
            return None
        query = urlencode(
            {
                "aggregate": CANDLE_SECONDS // 60,
                "limit": PAGE,
                "currency": "usd",
                # By address: which side of its pool a token is need not be known.
                "token": token.address,
                "before_timestamp": int(before.timestamp()),
            }
        )
        url = f"{self._base_url}/networks/{network}/pools/{token.pool}/ohlcv/minute?{query}"
        shown = f"{self.name} candles of {token.symbol}"
        return Request(url, shown, (token,), headers={"accept": "application/json"})

    def read(self, token: LiveToken, answer: Answer, span: Span) -> Candles:
        """Return the candles of an answer that lie in a span.

        :raises SourceFailure: BAD_BODY when the body is no list of candles of the token's pool.
        """
        body = answer.body
        rows = _at(body, "data", "attributes", "ohlcv_list")
        if not isinstance(rows, list):
            raise SourceFailure(Reason.BAD_BODY, f"{self.name} gave no candles of {token.symbol}")
        sides = [_at(body, "meta", side, "address") for side in ("base", "quote")]
        known = [side.lower() for side in sides if isinstance(side, str)]
        if known and token.address not in known:
            message = f"the pool of {token.symbol} is one of {' and '.join(known)[:100]}"
            raise SourceFailure(Reason.BAD_BODY, message)
        return _gathered(rows, span, answer, _candle)


class CoinGeckoChart:
    """Points of a coin's price on `/coins/{id}/market_chart`, five minutes apart for one day.

    A price of the whole world, not of the pool, and without volumes: what signals need these are
    not ready. A point stands for the candle that it falls in.
    """

    name = "coingecko"
    #: More than one day comes by the hour.
    length = timedelta(days=1)

    def __init__(self, base_url: str, key: str, header: str = "x-cg-demo-api-key") -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"accept": "application/json", header: key}

    def request(self, token: LiveToken) -> Request | None:
        """Return the call for a token's last day; None when it has no id."""
        if not token.coingecko_id:
            return None
        query = urlencode({"vs_currency": "usd", "days": self.length.days, "precision": "full"})
        coin = quote(token.coingecko_id, safe="")
        url = f"{self._base_url}/coins/{coin}/market_chart?{query}"
        return Request(url, f"{self.name} chart of {token.symbol}", (token,), headers=self._headers)

    def read(self, token: LiveToken, answer: Answer, span: Span) -> Candles:
        """Return the points of an answer that lie in a span, as candles.

        :raises SourceFailure: BAD_BODY when the body is no chart.
        """
        rows = _at(answer.body, "prices")
        if not isinstance(rows, list):
            raise SourceFailure(Reason.BAD_BODY, f"{self.name} gave no chart of {token.symbol}")
        return _gathered(rows[::-1], span, answer, _point)


#: Makes a candle of a row, or raises _BadRow.
_Reader = Callable[[Any], Candle]


def _gathered(rows: Sequence[Any], span: Span, answer: Answer, read: _Reader) -> Candles:
    """Return the good rows of a span; of two for one time, the first."""
    settled = answer.received_at - timedelta(seconds=answer.age_seconds) - CACHED
    bounds = Span(span.since, min(span.until, settled))
    found: dict[datetime, Candle] = {}
    dropped: Counter[str] = Counter()
    starts: list[datetime] = []
    for row in rows:
        try:
            candle = read(row)
            starts.append(candle.start)
            _require_within(candle, bounds)
            if candle.start in found:
                raise _BadRow(DUPLICATE)
            found[candle.start] = candle
        except _BadRow as bad:
            dropped[str(bad)] += 1
    ordered = tuple(found[start] for start in sorted(found))
    return Candles(ordered, dict(dropped), len(rows), min(starts, default=None))


def _candle(row: Any) -> Candle:
    """Read `[seconds, open, high, low, close, volume in USD]`."""
    if not isinstance(row, list) or len(row) < _COLUMNS:
        raise _BadRow(NOT_A_ROW)
    start = _moment(row[0], 1)
    if floor(start, CANDLE_SECONDS) != start:
        raise _BadRow(BAD_TIME)
    first, high, low, last = (_price(found) for found in row[1:5])
    if not low <= min(first, last) <= max(first, last) <= high:
        raise _BadRow(CONTRADICTORY)
    if high > max(first, last) * WIDEST or low * WIDEST < min(first, last):
        raise _BadRow(CONTRADICTORY)
    return Candle(start, first, high, low, last, _volume(row[5]))


def _point(row: Any) -> Candle:
    """Read `[milliseconds, price]`."""
    if not isinstance(row, list) or len(row) < _POINT_COLUMNS:
        raise _BadRow(NOT_A_ROW)
    price = _price(row[1])
    start = floor(_moment(row[0], 1000), CANDLE_SECONDS)
    return Candle(start, price, price, price, price, None)


def _require_within(candle: Candle, span: Span) -> None:
    if candle.end > span.until:
        raise _BadRow(UNFINISHED)
    if candle.start < span.since:
        raise _BadRow(TOO_OLD)


def _moment(found: Any, units: int) -> datetime:
    """Read whole units since the epoch, so many a second."""
    number = _number(found, BAD_TIME)
    if not 0 <= number < LAST_SECOND * units or number != number.to_integral_value():
        raise _BadRow(BAD_TIME)
    return EPOCH + timedelta(milliseconds=int(number) * (1000 // units))


def _price(found: Any) -> Decimal:
    number = _number(found, BAD_PRICE)
    if not 0 < number <= HIGHEST_PRICE_USD:
        raise _BadRow(BAD_PRICE)
    # At the scale of rows: what is nothing there is no price.
    price = money.price(number)
    if price == 0:
        raise _BadRow(BAD_PRICE)
    return price


def _volume(found: Any) -> Decimal | None:
    if found is None:
        return None
    number = _number(found, BAD_VOLUME)
    if not 0 <= number <= DEEPEST_POOL_USD:
        raise _BadRow(BAD_VOLUME)
    return money.usd(number)


def _number(found: Any, reason: str) -> Decimal:
    """Return a finite number, also one in quotes."""
    if isinstance(found, bool) or not isinstance(found, Decimal | int | str):
        raise _BadRow(reason)
    try:
        number = Decimal(found)
    except InvalidOperation:
        raise _BadRow(reason) from None
    if not number.is_finite():
        raise _BadRow(reason)
    return number


def _at(body: Any, *path: str) -> Any:
    """Return what lies at a path of names, or None."""
    for name in path:
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body
