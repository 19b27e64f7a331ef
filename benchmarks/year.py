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
    from paper_trading.intelligence.live_step import Pinned, Said
    from paper_trading.models import Market, PaperTradingSession
    from paper_trading.services.sources.live.base import Answer, Request

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


class Walks:
    """Live sources whose prices wander, and the clock that they are asked by."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.time = START
        self._luck = random.Random(1)
        self.prices = dict.fromkeys(symbols, Decimal(100))

    def now(self) -> datetime:
        """Return what stands for the database's clock."""
        return self.time

    def ask(self, _: str, request: "Request") -> "Answer":
        """Answer for GeckoTerminal with candles that wander."""
        from paper_trading.services.sources.live.base import Answer

        before = int(parse_qs(urlsplit(request.url).query)["before_timestamp"][0])
        rows, price = [], Decimal(100)
        for number in range(1, 1001):
            after = self._moved(request.tokens[0].symbol, price, "0.002")
            low, high = min(price, after), max(price, after)
            rows.append([before - number * 300, after, high, low, price, Decimal(9_000)])
            price = after
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
    ticks = max(VACUUM_TICKS, parser.parse_args().ticks)
    with Servers.temporary() as servers:
        os.environ.update(servers.environment())
        django.setup()
        _measure(ticks)
    return 0


def _measure(ticks: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    walks = Walks(())
    with _clock(walks):
        market, session = _live(walks)
        for name, size in _past_sizes().items():
            print(f"{name:<28}{size / 1e6:9.1f} MB of back-fill")
        _run(market, session, walks, WARM_UP)
        before = _sizes()
        _run(market, session, walks, ticks)
        after = _sizes()
    print(f"\n{ticks} ticks of {len(walks.prices)} tokens      bytes a tick    GB a year")
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


def _live(walks: Walks) -> tuple["Market", "PaperTradingSession"]:
    """Return a live market with its past, and a running session on it."""
    from paper_trading.bot import accounts
    from paper_trading.bot.seeding import admin_user
    from paper_trading.models import PaperStrategyConfiguration
    from paper_trading.services import market_setup
    from paper_trading.services.back_fill import PastSources, back_fill
    from paper_trading.services.sources.live.candles import GeckoTerminalCandles

    market_setup.sync_registry()
    market = market_setup.live_market()
    back_fill(market, PastSources(GeckoTerminalCandles("https://pools.invalid")), walks.ask)
    symbols = market.listings.values_list("token__symbol", flat=True)
    walks.prices = dict.fromkeys(symbols, Decimal(100))
    owner = admin_user("")
    strategy = PaperStrategyConfiguration.objects.create(owner=owner, name="Benchmark")
    account = accounts.open_account(owner, "Benchmark", market)
    return market, accounts.open_session(account, strategy, 5, 3_600_000)


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
