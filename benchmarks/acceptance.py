"""Live prices along a real series: `python -m benchmarks.acceptance --series FILE`.

An upstream speaks HTTP, enforces each documented limit and lets its tokens move as those of a price
file did; the inline bot trades on it through the real sources, on a clock that does not wait. Exits
with 1 when nothing was stored or traded, a refresh took more than one bulk call of a source and
chain, a limit was met, or the replay of the session differs.
"""

import argparse
import os
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import django

from benchmarks.month import START, STEP, Clock
from dexproject.embedded.servers import Servers

if TYPE_CHECKING:
    from paper_trading.models import PaperTradingSession
    from tests.upstream.server import Upstream

#: What the market is begun with, and a day more.
PAST = timedelta(days=8)
CASH = ("USDC", "DAI")


@dataclass(frozen=True)
class Series:
    """Prices that move as those of a file, from each token's own level."""

    #: When each bar closes, on the file's clock.
    closes_at: list[datetime]
    #: Of each of the file's symbols.
    closes: dict[str, list[Decimal]]
    #: The symbol of the file that a token moves with.
    moved_by: dict[str, str]
    levels: dict[str, Decimal]

    def price(self, symbol: str, at: datetime) -> Decimal:
        """Return USD for a token, on the clock of the run."""
        level = self.levels[symbol]
        if symbol not in self.moved_by:
            return level
        closes = self.closes[self.moved_by[symbol]]
        moved = self._at(closes, at) / self._at(closes, START)
        return (level * moved).quantize(Decimal("1e-18"))

    def _at(self, closes: list[Decimal], at: datetime) -> Decimal:
        """Return a price of the file: on the line between two closes."""
        moment = self.closes_at[0] + PAST + (at - START)
        after = bisect_right(self.closes_at, moment)
        if after in (0, len(self.closes_at)):
            return closes[min(after, len(closes) - 1)]
        before = self.closes_at[after - 1]
        part = (moment - before) / (self.closes_at[after] - before)
        return closes[after - 1] + (closes[after] - closes[after - 1]) * Decimal(str(part))

    @property
    def ticks(self) -> int:
        """Return how many ticks it lasts."""
        return int((self.closes_at[-1] - self.closes_at[0] - PAST) / STEP)


@dataclass
class Refreshes:
    """The calls of each refresh."""

    number: int = 0
    most: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    all: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def take(self, calls: Counter[tuple[str, str, str]]) -> None:
        """Take the calls since the last refresh, and begin anew."""
        if calls:
            self.number += 1
            self.all += calls
            self.most |= calls
            calls.clear()


def main() -> int:
    """Start the servers and the upstream, let the bot run, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.acceptance", description=__doc__)
    parser.add_argument("--series", type=Path, required=True, help="a price file, as recorded:")
    parser.add_argument("--ticks", type=int, default=240)
    parser.add_argument("--level", type=int, default=10, choices=range(1, 11))
    options = parser.parse_args()
    with Servers.temporary() as servers:
        os.environ.update(servers.environment())
        django.setup()
        return _measure(options.series, options.ticks, options.level)


def _measure(path: Path, ticks: int, level: int) -> int:
    from django.core.management import call_command

    from paper_trading.services import live_markets, market_setup, token_registry

    call_command("migrate", verbosity=0)
    market_setup.sync_registry()
    clock, refreshes = Clock(), Refreshes()
    with _served(clock, path, ticks) as upstream:
        market = live_markets.live_market(token_registry.DEFAULT_CHAIN_ID)
        past = sum(upstream.calls.values())
        print(f"past: {market.bars.count():,} bars in {past} calls")
        upstream.calls.clear()
        session = _run(market.pk, clock, upstream, refreshes, ticks, level)
        return _report(session, upstream, refreshes, ticks)


@contextmanager
def _served(clock: Clock, path: Path, ticks: int) -> Iterator["Upstream"]:
    from django.test import override_settings

    from paper_trading.services import live_markets
    from tests.bot.live_upstreams import settings_of
    from tests.upstream.server import Upstream
    from tests.upstream.world import registry_world

    world = registry_world(now=clock.now)
    series = read_series(path, dict(world.prices))
    if ticks > series.ticks:
        raise SystemExit(f"{path.name} lasts for {series.ticks} ticks behind its past")
    world.series = series.price
    with (
        Upstream(world) as upstream,
        override_settings(**settings_of(upstream)),
        patch("paper_trading.services.clock.now", clock.now),
        patch("paper_trading.bot.clock.now", clock.now),
    ):
        live_markets.forget()
        yield upstream


def read_series(path: Path, levels: dict[str, Decimal]) -> Series:
    """Return a file's prices for tokens: each moves with its namesake, or with one that is left."""
    from paper_trading.services.sources.recorded import RecordedFile

    file = RecordedFile.load(path)
    closes: dict[str, list[Decimal]] = {symbol: [] for symbol in file.symbols}
    for bars in file.bars:
        said = {bar.symbol: bar.close for bar in bars}
        for symbol, found in closes.items():
            # A bar that is missing: the last price stands, or the first one that comes.
            found.append(said.get(symbol, found[-1] if found else next(iter(said.values()))))
    moving = [symbol for symbol in sorted(levels) if symbol not in CASH]
    named = {one: one.removeprefix("W") for one in moving if one.removeprefix("W") in closes}
    left = [one for one in file.symbols if one not in named.values()] or list(file.symbols)
    rest = [one for one in moving if one not in named]
    others = {one: left[number % len(left)] for number, one in enumerate(rest)}
    step = timedelta(seconds=file.step_seconds)
    return Series([start + step for start in file.starts], closes, named | others, levels)


def _run(
    market_id: int, clock: Clock, upstream: "Upstream", refreshes: Refreshes, ticks: int, level: int
) -> "PaperTradingSession":
    """Let the inline bot run: where it would rest, the clock moves on and a tick is asked for.

    Slots are told by the database's own clock, which does not jump: they are an hour long here.
    """
    from paper_trading.bot import EnhancedPaperTradingBot, controls
    from paper_trading.bot.seeding import admin_user
    from paper_trading.models import Market

    class FastBot(EnhancedPaperTradingBot):
        def _rest(self, seconds: float) -> None:
            refreshes.take(upstream.calls)
            clock.time += STEP
            asking = self._require_session()
            controls.request_tick(asking, asking.account.owner)

    admin_user("")
    market = Market.objects.get(pk=market_id)
    bot = FastBot("Acceptance", level, tick_interval=3_600, max_ticks=ticks, market=market)
    bot.initialize()
    bot.run()
    refreshes.take(upstream.calls)
    if bot.session is None:
        raise RuntimeError("the bot has no session")
    return bot.session


def _report(
    session: "PaperTradingSession", upstream: "Upstream", refreshes: Refreshes, ticks: int
) -> int:
    from django.core.management import call_command

    from paper_trading.models import PaperTrade, Quote, Tick, TickStatus

    closed = Tick.objects.filter(session=session, status=TickStatus.CLOSED).count()
    quotes = Quote.objects.filter(batch__market=session.account.market_id).count()
    fills = PaperTrade.objects.filter(session=session, status="FILLED")
    sides = Counter(fills.values_list("side", flat=True))
    out = StringIO()
    call_command("replay", "--verify", "--session", str(session.pk), stdout=out)
    said = out.getvalue().strip()
    print(f"{closed} of {ticks} ticks closed, {refreshes.number} refreshes, {quotes:,} quotes")
    print("fills: " + (", ".join(f"{side} {sides[side]}" for side in sorted(sides)) or "none"))
    print("| source | chain | calls | a refresh | most in one |")
    print("| --- | --- | ---: | ---: | ---: |")
    for key, calls in sorted(refreshes.all.items()):
        source, _, chain = key
        rate = calls / max(refreshes.number, 1)
        print(f"| {source} | {chain or 'all'} | {calls} | {rate:.2f} | {refreshes.most[key]} |")
    print(f"429: {upstream.throttled.total()}")
    print(said)
    wrong = {
        "no tick was run to its end": closed != ticks,
        "no quotes": quotes == 0,
        "no trades": not sides,
        "more than one bulk call a refresh": any(most > 1 for most in refreshes.most.values()),
        "a limit was met": upstream.throttled.total() > 0,
        "the replay differs": "identical" not in said,
    }
    for what, is_so in wrong.items():
        if is_so:
            print(f"FAILED: {what}")
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
