"""A new live market for tests, and sources that know its past."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from paper_trading.engine.trust import Absent
from paper_trading.intelligence.live_step import Seen, seen
from paper_trading.models import FeedMode, Market, MarketToken, Token
from paper_trading.services.back_fill import PastSources, live_token
from paper_trading.services.sources.live.base import (
    Answer,
    LiveToken,
    Reason,
    Request,
    SourceFailure,
)
from paper_trading.services.sources.live.candles import CoinGeckoChart, GeckoTerminalCandles
from tests.bot.live_worlds import DEPTH, FakeClock, pool_of
from tests.builders import make_market, make_token

SYMBOLS = ("AAA", "BBB", "USDC", "WETH")
#: On a tick's grid, two minutes behind a candle's end.
LATE = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)


def new_market(symbols: Sequence[str] = SYMBOLS) -> Market:
    """Return a live market that has not begun."""
    market = make_market(
        mode=FeedMode.LIVE, step_seconds=15, backfill_steps=0, native_symbol="WETH", name="Live"
    )
    for symbol in symbols:
        token = make_token(
            symbol=symbol,
            pool_address=pool_of(symbol),
            price_address="0x" + pool_of(symbol)[:1:-1],
            is_cash=symbol == "USDC",
            coingecko_id=symbol.lower(),
        )
        MarketToken.objects.create(market=market, token=token)
    return market


@dataclass
class Depths:
    """A source that says how deep pools are; of symbols in `unknown` it does not."""

    name: str = "depths"
    batch_limit: int = 30
    unknown: Sequence[str] = ()

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        return [Request("https://depths.example", "depths", tuple(tokens))]

    def read(self, request: Request, answer: Answer) -> dict[str, Seen | Absent]:
        known = (one for one in request.tokens if one.symbol not in self.unknown)
        return {
            one.symbol: seen(Decimal(1), DEPTH, answer.received_at, one.pool, self.name)
            for one in known
        }


@dataclass
class Past:
    """What the sources answer: walks of so many candles, by symbol; failures are raised first."""

    clock: FakeClock
    counts: dict[str, int]
    failures: dict[str, list[SourceFailure]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    #: Candles that a call has at most.
    page: int = 1000

    def ask(self, source: str, request: Request) -> Answer:
        """Answer like GeckoTerminal or CoinGecko."""
        symbol = request.tokens[0].symbol if source != "depths" else "all"
        self.asked.append((source, symbol))
        waiting = self.failures.get(f"{source} {symbol}", self.failures.get(source, []))
        if waiting:
            raise waiting.pop(0)
        if source == "coingecko":
            points = [[at * 1000, price] for at, price, *_ in self.rows(symbol)[:200]]
            return Answer({"prices": points[::-1]}, self.clock.time)
        if source == "depths":
            return Answer({}, self.clock.time)
        before = int(parse_qs(urlsplit(request.url).query)["before_timestamp"][0])
        rows = [row for row in self.rows(symbol) if row[0] < before][: self.page]
        return Answer({"data": {"attributes": {"ohlcv_list": rows}}}, self.clock.time)

    def rows(self, symbol: str) -> list[list[Any]]:
        """Return the candles of a symbol, newest first; the first one is not over."""
        end = int(self.clock.time.timestamp()) // 300 * 300 + 300
        luck, price, found = random.Random(symbol), Decimal(100), []
        for number in range(self.counts.get(symbol, 0)):
            before = price
            move = Decimal(f"{luck.gauss(0, 0.004):.9f}")
            price = (price * (1 + move)).quantize(Decimal("1e-12"))
            figures = [before, max(before, price), min(before, price), price]
            if symbol == "USDC":
                figures = [Decimal("0.999")] * 4
            at = end - (self.counts[symbol] - number) * 300
            found.append([at, *figures, Decimal(1000 + number % 7)])
        return found[::-1]


@dataclass
class Gated:
    """Sources behind a gate like that of budgets, which says how long it stays shut."""

    past: Past
    #: Calls a minute.
    calls: int = 1000
    waits: list[float] = field(default_factory=list)
    _made: list[datetime] = field(default_factory=list)
    _cooling: dict[str, datetime] = field(default_factory=dict)

    def ask(self, source: str, request: Request) -> Answer:
        """Answer, refuse what is not to be asked yet, or let a failure cool its source down."""
        now = self.past.clock.time
        if source in self._cooling and now < self._cooling[source]:
            left = (self._cooling[source] - now).total_seconds()
            raise SourceFailure(Reason.COOLING, "cools down", left)
        recent = [at for at in self._made if now - at < MINUTE]
        if len(recent) >= self.calls:
            left = (recent[-self.calls] + MINUTE - now).total_seconds()
            raise SourceFailure(Reason.NO_BUDGET, "as many as allowed", left)
        self._made.append(now)
        try:
            return self.past.ask(source, request)
        except SourceFailure:
            self._cooling[source] = now + timedelta(seconds=8)
            raise

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.past.clock.time += timedelta(seconds=seconds)


def clock_at(moment: datetime) -> FakeClock:
    return FakeClock(moment)


def sources(depths: Depths | None = None, chart: bool = False) -> PastSources:
    """Return sources as the settings of an installation would make them."""
    return PastSources(
        GeckoTerminalCandles("https://pools.example"),
        CoinGeckoChart("https://coins.example", "key") if chart else None,
        depths,
    )


def token_value(symbol: str) -> LiveToken:
    return live_token(Token.objects.get(symbol=symbol))
