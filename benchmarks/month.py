"""Thirty days of live ticks on a fast clock: `python -m benchmarks.month`.

The real sources ask an upstream over HTTP, which enforces each documented limit on the same clock;
budgets are the real ones, on servers of their own. Exits with 1 when a limit was exceeded or a
price was older than its bound.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import django

from dexproject.embedded.servers import Servers

if TYPE_CHECKING:
    from paper_trading.intelligence.live_step import Said
    from paper_trading.models import Market
    from tests.upstream.server import Upstream

STEP = timedelta(seconds=15)
DAY = timedelta(days=1)
#: A month of 31 days, so that no second one helps.
START = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class Clock:
    """What stands for the database's clock."""

    time: datetime = START

    def now(self) -> datetime:
        """Return the time."""
        return self.time


@dataclass
class Found:
    """What a run has seen."""

    ticks: int = 0
    #: Tokens without a price, over all ticks.
    without: int = 0
    oldest_seconds: float = 0.0
    served: dict[str, int] = field(default_factory=dict)
    checks: int = 0

    def take(self, said: "Said", now: datetime) -> None:
        """Take one step."""
        from paper_trading.intelligence.live_step import Seen

        self.ticks += 1
        self.served[said.source] = self.served.get(said.source, 0) + 1
        self.checks += len(said.checks)
        for one in said.seen.values():
            if not isinstance(one, Seen):
                self.without += 1
                continue
            age = (now - one.reading.observed_at).total_seconds()
            self.oldest_seconds = max(self.oldest_seconds, age)


def main() -> int:
    """Start the servers and the upstream, ask for so many days, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.month", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--keys", action="store_true", help="with keys of CoinGecko and Alchemy")
    options = parser.parse_args()
    with Servers.temporary() as servers:
        os.environ.update(servers.environment())
        django.setup()
        return _measure(options.days, with_keys=options.keys)


def _measure(days: int, *, with_keys: bool) -> int:
    from django.core.management import call_command

    from paper_trading.services import market_setup

    call_command("migrate", verbosity=0)
    market_setup.sync_registry()
    clock, found, began = Clock(), Found(), time.monotonic()
    with _served(clock, with_keys=with_keys) as upstream:
        market = market_setup.live_market()
        for number in range(1, days + 1):
            _day(market, clock, found)
            seconds = time.monotonic() - began
            print(f"day {number} of {days}: {seconds:.0f} s", file=sys.stderr, flush=True)
        return _report(upstream, found, days)


def _day(market: "Market", clock: Clock, found: Found) -> None:
    from paper_trading.services.live_markets import LiveSources
    from paper_trading.services.price_feed_service import pinned_of
    from paper_trading.services.sources import usage

    sources, pinned, end = LiveSources(market), pinned_of(market), clock.time + DAY
    while clock.time < end:
        found.take(sources.said(pinned, clock.time), clock.time)
        clock.time += STEP
    usage.tidy(clock.time)


@contextmanager
def _served(clock: Clock, *, with_keys: bool) -> Iterator["Upstream"]:
    from django.test import override_settings

    from paper_trading.services import live_markets
    from tests.bot.live_upstreams import settings_of, waves
    from tests.upstream.server import Upstream
    from tests.upstream.world import registry_world

    world = registry_world(now=clock.now)
    world.series = waves
    keys: dict[str, Any] = {"COINGECKO_DEMO_KEY": "demo", "ALCHEMY_KEY": "key"}
    with Upstream(world) as upstream:
        values = settings_of(upstream) | (keys if with_keys else {})
        with override_settings(**values), patch("paper_trading.services.clock.now", clock.now):
            live_markets.forget()
            yield upstream


def _report(upstream: "Upstream", found: Found, days: int) -> int:
    print(f"{found.ticks} ticks of {STEP.seconds} s, {days} days, nine tokens on two price chains")
    print(f"tokens without a price: {found.without}; oldest price {found.oldest_seconds:.1f} s")
    print("served by: " + ", ".join(f"{name} {count}" for name, count in found.served.items()))
    print("| source | calls | a day | most in a window | limit | month | limit | 429 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, meter in upstream.meters.items():
        calls, limit = upstream.count(name), meter.limit
        window = f"{limit.calls} in {limit.window.total_seconds():.0f} s"
        month = "" if limit.per_month is None else f"{limit.per_month:,}"
        print(
            f"| {name} | {calls:,} | {calls / days:,.0f} | {meter.highest} | {window}"
            f" | {max(meter.by_month.values(), default=0):,} | {month} |"
            f" {upstream.throttled[name]} |"
        )
    is_old = found.oldest_seconds > _bound()
    return int(upstream.throttled.total() > 0 or found.without > 0 or is_old)


def _bound() -> float:
    from paper_trading.engine.trust import OLDEST

    return OLDEST.total_seconds()


if __name__ == "__main__":
    sys.exit(main())
