"""A live market on the real sources, asked of an upstream that stands for all providers."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from paper_trading.bot import stages
from paper_trading.models import Market, PaperTradingSession, Tick, Token
from paper_trading.services import back_fill, live_markets, market_setup, redis_client
from tests.bot import worlds
from tests.bot.live_worlds import FakeClock
from tests.bot.worlds import Snapshot
from tests.upstream.server import Upstream
from tests.upstream.world import PRICES, World, registry_world

#: A time whose deadlines have not passed on the real clock.
START = datetime(2100, 1, 4, tzinfo=UTC)
STEP = timedelta(seconds=15)
#: Enough for signals and ranks, and less to fold than a week.
PAST = timedelta(days=4)
CHAIN_ID = 84532
SOURCES = ("dexscreener", "geckoterminal", "coingecko", "defillama", "alchemy")


def waves(symbol: str, at: datetime) -> Decimal:
    """Return a price that goes up and down: there is something to buy and to sell."""
    seconds = (at - START).total_seconds()
    number = sorted(PRICES).index(symbol)
    size = 0.0005 if symbol in ("USDC", "DAI") else 0.02 + 0.002 * number
    swing = math.sin(seconds / (900 + 130 * number)) + 0.3 * math.sin(seconds / 211 + number)
    factor = Decimal(str(round(1 + size * swing, 8)))
    return (Decimal(PRICES[symbol]) * factor).quantize(Decimal("1e-12"))


@dataclass
class UpstreamWorld:
    """A live market, what its sources say, and the clock of both."""

    market: Market
    server: Upstream
    world: World
    clock: FakeClock

    def tick(self, session: PaperTradingSession, seconds: float = 15) -> Tick:
        """Let time pass and run one tick."""
        self.clock.time += timedelta(seconds=seconds)
        tick = worlds.open_tick(session)
        stages.run_to_end(tick.pk)
        tick.refresh_from_db()
        return tick

    @property
    def today(self) -> tuple[datetime, datetime]:
        """Return a span that holds all that was asked."""
        return self.clock.time - timedelta(hours=12), self.clock.time + timedelta(minutes=1)

    def ticks(self, session: PaperTradingSession, count: int) -> Tick:
        return [self.tick(session) for _ in range(count)][-1]


def settings_of(upstream: Upstream) -> dict[str, Any]:
    """Return the settings that send every source to the upstream."""
    return {
        "SOURCE_URLS": {source: upstream.url(source) for source in SOURCES},
        "RPC_URLS": {},
        "ALLOW_PRIVATE_SOURCES": True,
    }


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch, **more: Any) -> Iterator[tuple[Upstream, FakeClock]]:
    """Serve the nine tokens on a clock of its own, with budgets that nobody has used."""
    clock = FakeClock(START)
    clock.install(monkeypatch)
    world = registry_world(CHAIN_ID, now=clock.now)
    world.series = waves
    with Upstream(world) as upstream, override_settings(**{**settings_of(upstream), **more}):
        live_markets.forget()
        # Budgets of an earlier test, on rows that are gone.
        redis_client.client(settings.CACHE_DB).flushdb()
        try:
            yield upstream, clock
        finally:
            live_markets.forget()


@dataclass(frozen=True)
class LiveSnapshot:
    """A live market with its past, and the tokens of the registry that it lists."""

    tokens: tuple[Token, ...]
    #: With the newest bars, and with all of them, which a replay reads.
    market: Snapshot
    whole: Snapshot

    @classmethod
    def make(cls, monkeypatch: pytest.MonkeyPatch) -> "LiveSnapshot":
        """Begin a live market with the past that the upstream tells."""
        monkeypatch.setattr(back_fill, "LENGTH", PAST)
        with served(monkeypatch) as (upstream, _):
            market_setup.sync_registry()
            market = live_markets.live_market(CHAIN_ID)
            assert upstream.throttled.total() == 0
        tokens = tuple(Token.objects.all())
        return cls(tokens, Snapshot.of(market), Snapshot.of(market, whole=True))

    def restore(self, *, whole: bool) -> Market:
        """Insert the rows under their old keys and return the market."""
        Token.objects.bulk_create(self.tokens)
        return (self.whole if whole else self.market).restore()


@contextmanager
def live_upstream(
    monkeypatch: pytest.MonkeyPatch, snapshot: LiveSnapshot, *, whole: bool = False, **more: Any
) -> Iterator[UpstreamWorld]:
    """Serve a live market that has begun with its past."""
    with served(monkeypatch, **more) as (upstream, clock):
        yield UpstreamWorld(snapshot.restore(whole=whole), upstream, upstream.world, clock)
