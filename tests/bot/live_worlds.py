"""A live market for tests: a back-filled one whose sources say what a test wants, on its clock.

Its time lies in the year 2100, so that no deadline of a tick has passed on the real clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from paper_trading.bot import stages
from paper_trading.bot.managers import Managers
from paper_trading.bot.price_service_integration import RealPriceManager
from paper_trading.engine.trust import Absent, Check
from paper_trading.intelligence.live_step import Pinned, Said, Seen, seen
from paper_trading.models import FeedMode, Market, MarketToken, PaperTradingSession, Tick, Token
from paper_trading.services.sources.base import BACKFILL_STEPS
from tests.bot import worlds

START = datetime(2100, 1, 4, tzinfo=UTC)
DEPTH = Decimal(4_000_000)


@dataclass
class FakeClock:
    """What stands for the database's clock."""

    time: datetime = START + BACKFILL_STEPS * worlds.STEP

    def now(self) -> datetime:
        return self.time

    def move(self, steps: float = 1) -> None:
        self.time += steps * worlds.STEP

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("paper_trading.services.clock.now", self.now)
        monkeypatch.setattr("paper_trading.bot.clock.now", self.now)


def pool_of(symbol: str) -> str:
    """Return the address of a token's pool."""
    return "0x" + symbol.lower().encode().hex().rjust(40, "0")


@dataclass
class ScriptedFeed:
    """Live sources that say what they are told; `asked` counts the calls."""

    prices: dict[str, Decimal]
    depths: dict[str, Decimal] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    checks: dict[str, Decimal] = field(default_factory=dict)
    #: Symbols whose pools are read one for the other.
    mixed_up: dict[str, str] = field(default_factory=dict)
    #: Pools that are read in place of those that tokens have by their symbols.
    pools: dict[str, str] = field(default_factory=dict)
    asked: list[datetime] = field(default_factory=list)
    on_call: Callable[[], None] = lambda: None

    def said(self, pinned: Sequence[Pinned], now: datetime) -> Said:
        self.asked.append(now)
        self.on_call()
        return Said(
            "scripted",
            {one.symbol: self._of(one.symbol, now) for one in pinned},
            {symbol: Check(price, now) for symbol, price in self.checks.items()},
        )

    def _of(self, symbol: str, now: datetime) -> Seen | Absent:
        if symbol in self.absent:
            return Absent(self.absent[symbol])
        priced = self.mixed_up.get(symbol, symbol)
        depth = self.depths.get(priced, DEPTH)
        volume = Decimal(0) if symbol == "USDC" else Decimal(12_000)
        pool = self.pools.get(symbol, pool_of(symbol))
        return seen(self.prices[priced], depth, now, pool, "scripted", len(self.asked), volume)

    def move(self, **percent: float) -> None:
        for symbol, change in percent.items():
            self.prices[symbol] *= 1 + Decimal(str(change)) / 100


@dataclass
class LiveWorld:
    """A live market with its sources and its clock."""

    market: Market
    feed: ScriptedFeed
    clock: FakeClock

    @property
    def managers(self) -> Managers:
        """The stages' managers, with prices from the scripted sources."""
        own = stages.OWN
        price = RealPriceManager(self.market, self.feed)
        return Managers(lambda _: price, own.positions, own.analyzer, own.executor)

    def tick(self, session: PaperTradingSession, steps: float = 1) -> Tick:
        """Let time pass and run one tick."""
        self.clock.move(steps)
        tick = worlds.open_tick(session)
        stages.run_to_end(tick.pk, self.managers)
        tick.refresh_from_db()
        return tick

    def ticks(self, session: PaperTradingSession, count: int) -> Tick:
        return [self.tick(session) for _ in range(count)][-1]


def made_live(market: Market) -> Market:
    """Turn a back-filled recorded market into a live one with a pool for each token."""
    Market.objects.filter(pk=market.pk).update(
        mode=FeedMode.LIVE, file_sha256="", file_path="", name="Live"
    )
    for token in Token.objects.filter(market=market):
        token.pool_address = pool_of(token.symbol)
        token.save(update_fields=["pool_address"])
    return Market.objects.get(pk=market.pk)


def last_prices(market: Market) -> dict[str, Decimal]:
    """Return the closes of the newest bars, by symbol."""
    rows = MarketToken.objects.filter(market=market).select_related("token", "last_bar")
    return {row.token.symbol: row.last_bar.close for row in rows if row.last_bar is not None}


def verdicts(tick: Tick) -> Mapping[str, str]:
    """Return the verdicts of the quotes that a tick read, by symbol."""
    assert tick.batch is not None
    return dict(tick.batch.quotes.values_list("token__symbol", "verdict"))
