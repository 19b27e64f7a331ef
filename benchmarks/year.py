"""How many bytes a year of live ticks takes: `python -m benchmarks.year`.

Ticks run through the real stages on a server of their own, on a clock that jumps from tick to
tick; the growth of each table, indexes included, is taken to a year.
"""

import argparse
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import django

from dexproject.embedded.servers import Servers

if TYPE_CHECKING:
    from paper_trading.engine.trust import Absent
    from paper_trading.intelligence.live_step import Pinned, Said, Seen
    from paper_trading.models import Market, PaperTradingSession
    from paper_trading.services.sources.live.base import Answer, LiveToken, Request

STEP = timedelta(seconds=15)
TICKS_A_YEAR = 365 * 24 * 240
#: In the future of any machine: no deadline of a tick has passed.
START = datetime(2100, 1, 4, 0, 2, tzinfo=UTC)
#: Ticks whose growth is left out: pages of small tables fill up first.
WARM_UP = 100
#: Ticks after which dead rows are cleared, as autovacuum does it.
VACUUM_TICKS = 100
_DEPTH = Decimal(4_000_000)

#: Tables by what they hold; those of the market are there once, the others once a session.
GROUPS: Mapping[str, Sequence[str]] = {
    "market: batches, quotes": ("pricebatch", "quote"),
    "market: bars, set-ups": (
        "bar",
        "scorequantiles",
        "setupbook",
        "setup",
        "setupday",
        "frozenexperience",
    ),
    "session: ticks, stages": ("tick", "tickstage", "manualrequest"),
    "session: thoughts": ("paperaithoughtlog",),
    "session: equity, metrics": ("equitypoint", "equityhour", "paperperformancemetrics"),
    "session: trades, ledger": (
        "papertrade",
        "simulatedtransaction",
        "ledgerentry",
        "paperposition",
    ),
}


class Depths:
    """A source that knows how deep each pool is."""

    name = "depths"
    batch_limit = 30

    def requests(self, tokens: Sequence["LiveToken"]) -> list["Request"]:
        """Return one call."""
        from paper_trading.services.sources.live.base import Request

        return [Request("https://depths.invalid", "depths", tuple(tokens))]

    def read(self, request: "Request", answer: "Answer") -> Mapping[str, "Seen | Absent"]:
        """Return the same depth for each token."""
        from paper_trading.intelligence.live_step import seen

        return {
            one.symbol: seen(Decimal(100), _DEPTH, answer.received_at, one.pool, self.name)
            for one in request.tokens
        }


class Walks:
    """Live sources whose prices wander, and the clock that they are asked by."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.time = START
        self._luck = random.Random(1)  # noqa: S311 - the same walks in every run
        self.prices = dict.fromkeys(symbols, Decimal(100))
        self._oldest: dict[str, Decimal] = {}

    def now(self) -> datetime:
        """Return what stands for the database's clock."""
        return self.time

    def ask(self, source: str, request: "Request") -> "Answer":
        """Answer for GeckoTerminal with candles that wander, back from 100 USD."""
        from paper_trading.services.sources.live.base import Answer

        if source == Depths.name:
            return Answer({}, self.time)
        symbol = request.tokens[0].symbol
        before = int(parse_qs(urlsplit(request.url).query)["before_timestamp"][0])
        rows, price = [], self._oldest.get(symbol, Decimal(100))
        for number in range(1, 1001):
            after = self._moved(symbol, price, "0.002")
            low, high = min(price, after), max(price, after)
            rows.append([before - number * 300, after, high, low, price, Decimal(9_000)])
            price = after
        self._oldest[symbol] = price
        return Answer({"data": {"attributes": {"ohlcv_list": rows}}}, self.time)

    def said(self, pinned: Sequence["Pinned"], now: datetime) -> "Said":
        """Say a price of each token, with a check from elsewhere once a minute."""
        from paper_trading.engine.trust import Check
        from paper_trading.intelligence.live_step import Said, seen

        for symbol, price in self.prices.items():
            self.prices[symbol] = self._moved(symbol, price, "0.0005")
        found = {
            one.symbol: seen(
                self.prices[one.symbol], _DEPTH, now, one.pool, "dexscreener", None, Decimal(900)
            )
            for one in pinned
        }
        minute = now.second < STEP.seconds
        checks = {one.symbol: Check(self.prices[one.symbol], now) for one in pinned if minute}
        return Said("dexscreener", found, checks)

    def _moved(self, symbol: str, price: Decimal, sigma: str) -> Decimal:
        if symbol == "USDC":
            return Decimal(1)
        move = Decimal(f"{self._luck.gauss(0, 1):.9f}") * Decimal(sigma)
        return (price * (1 + move)).quantize(Decimal("1e-12"))


def main() -> int:
    """Start a server, back-fill a market, tick, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.year", description=__doc__)
    parser.add_argument("--ticks", type=int, default=600, help="ticks measured (default 600)")
    parser.add_argument("--level", type=int, default=5, help="intelligence level (default 5)")
    options = parser.parse_args()
    ticks = max(VACUUM_TICKS, options.ticks)
    with Servers.temporary() as servers:
        os.environ.update(servers.environment())
        django.setup()
        _measure(ticks, options.level)
    return 0


def _measure(ticks: int, level: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    walks = Walks(())
    with _clock(walks):
        market, session = _live(walks, level)
        for name, size in _past_sizes().items():
            print(f"{name:<28}{size / 1e6:9.1f} MB of back-fill")
        _run(market, session, walks, WARM_UP)
        before = _sizes()
        _run(market, session, walks, ticks)
        after = _sizes()
        trades = session.account.trades.count()
    tokens = len(walks.prices)
    print(f"\n{ticks} ticks of {tokens} tokens, level {level}, {trades} trades tried")
    print(f"{'':<28}{'bytes a tick':>13}{'GB a year':>13}")
    for name in GROUPS:
        grown = (after[name] - before[name]) / ticks
        print(f"{name:<28}{grown:13,.0f}{grown * TICKS_A_YEAR / 1e9:13.2f}")


@contextmanager
def _clock(walks: Walks) -> Iterator[None]:
    with (
        patch("paper_trading.services.clock.now", walks.now),
        patch("paper_trading.bot.clock.now", walks.now),
    ):
        yield


def _live(walks: Walks, level: int) -> tuple["Market", "PaperTradingSession"]:
    """Return a live market with its past, and a running session on it."""
    from paper_trading.bot import accounts
    from paper_trading.bot.seeding import admin_user
    from paper_trading.models import PaperStrategyConfiguration
    from paper_trading.services import market_setup
    from paper_trading.services.back_fill import PastSources, back_fill
    from paper_trading.services.sources.live.candles import GeckoTerminalCandles

    market_setup.sync_registry()
    market = market_setup.live_market()
    candles = GeckoTerminalCandles("https://pools.invalid")
    back_fill(market, PastSources(candles, depths=Depths()), walks.ask)
    symbols = market.listings.values_list("token__symbol", flat=True)
    walks.prices = dict.fromkeys(symbols, Decimal(100))
    owner = admin_user("")
    strategy = PaperStrategyConfiguration.objects.create(owner=owner, name="Benchmark")
    account = accounts.open_account(owner, "Benchmark", market)
    return market, accounts.open_session(account, strategy, level, 3_600_000)


def _run(market: "Market", session: "PaperTradingSession", walks: Walks, ticks: int) -> None:
    from benchmarks.markets import open_tick
    from paper_trading.bot import stages
    from paper_trading.bot.managers import Managers
    from paper_trading.bot.price_service_integration import RealPriceManager

    price, own = RealPriceManager(market, walks), stages.OWN
    managers = Managers(lambda _: price, own.positions, own.analyzer, own.executor)
    for number in range(1, ticks + 1):
        walks.time += STEP
        stages.run_to_end(open_tick(session.account.owner, session.pk), managers)
        if number % VACUUM_TICKS == 0:
            _vacuum()


def _vacuum() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM")


def _sizes() -> dict[str, int]:
    from django.db import connection

    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        for group, names in GROUPS.items():
            found[group] = 0
            for name in names:
                cursor.execute("SELECT pg_total_relation_size(%s)", [f"paper_trading_{name}"])
                found[group] += cursor.fetchone()[0]
    return found


def _past_sizes() -> dict[str, int]:
    return {name: size for name, size in _sizes().items() if name.startswith("market")}


if __name__ == "__main__":
    sys.exit(main())
