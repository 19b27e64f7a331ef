"""An edge planted behind the signal must show in the result, and its end must silence the veto.

Whenever a token's bar closes with a rank of at least `RANK`, its price gains 60 bp in the mean
over the next 12 hours; one such gain at a time a token. The generator reads the folded market up
to that bar and nothing else. Half-way the edge is taken away.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from benchmarks.honesty.estimates import over_seeds
from benchmarks.honesty.reports import Report
from benchmarks.honesty.traders import BACKFILL_BLOCKS, GeneratedMarket, Trader
from benchmarks.honesty.walks import Shape, Walk
from paper_trading.bot.replay.market import MemoryStep
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.levels import LEVELS
from paper_trading.intelligence.quantiles import rank

BLOCK_SECONDS, POINTS = 3600, 6
RANK = Decimal(70)
GAIN = 0.0060
GAIN_BLOCKS = 12
#: Days with the edge, and days without it.
DAYS_ON, DAYS_OFF = 20, 40
_PER_DAY = 86_400 // BLOCK_SECONDS
#: Breakers as wide as they go, so that the veto alone can stop entries; fills in their tick, which
#: the question does not depend on.
STRATEGY = Strategy(
    use_transaction_manager=False,
    max_losing_exits=1000,
    max_failed_transactions=1000,
    max_portfolio_loss_percent=Decimal(100),
    max_daily_loss_percent=Decimal(100),
    max_drawdown_percent=Decimal(100),
)


@dataclass(slots=True)
class Planter:
    """Knows which tokens are gaining, and for how many blocks more."""

    blocks: int = GAIN_BLOCKS
    _left: dict[str, int] = field(default_factory=dict)

    @property
    def edge(self) -> float:
        """The expected simple return of a grid point while a token gains."""
        return math.expm1(math.log1p(GAIN) / (self.blocks * POINTS))

    def edges(self) -> dict[str, float]:
        """Return the edges of the next block, by symbol."""
        now = dict.fromkeys(self._left, self.edge)
        self._left = {symbol: left - 1 for symbol, left in self._left.items() if left > 1}
        return now

    def look(self, step: MemoryStep) -> None:
        """Start a gain for every token whose bar closed at the step with a high rank."""
        points = step.view.quantiles
        for one in step.view.listed:
            bar, symbol = one.bar, one.token.symbol
            if points is None or bar is None or bar.score is None or symbol in self._left:
                continue
            if bar.bar.end == step.market_time and rank(points, bar.score) >= RANK:
                self._left[symbol] = self.blocks


@dataclass(frozen=True, slots=True)
class Outcome:
    """One level on one seed; money in USD, of the days with the edge."""

    level: int
    net: float
    cost: float
    captured: float
    bought: float
    entries: int
    #: Whether the veto kept the level out when the edge ended, and its share of ticks until then.
    silent_before: bool
    silent_share_on: float
    #: Share of ticks in the last ten days.
    silent_share_end: float
    #: Until the veto was first silent after the end of the edge; None: never in the run.
    days: float | None
    trades: int | None


def run(seed: int, levels: Sequence[int], fee_pips: int) -> list[Outcome]:
    """Trade one seed's market with the edge, then without it."""
    return trade(seed, levels, fee_pips, DAYS_ON, DAYS_OFF)


def trade(
    seed: int, levels: Sequence[int], fee_pips: int, days_on: int, days_off: int
) -> list[Outcome]:
    """Trade so many days with the edge and without it."""
    blocks = (days_on + days_off) * _PER_DAY
    walk = Walk(seed, Shape(BLOCK_SECONDS, POINTS, BACKFILL_BLOCKS + blocks))
    market = GeneratedMarket(walk, seed, STRATEGY, fee_pips)
    planter, edges = Planter(), dict[str, float]()
    watches = [_Watch(Trader(level, STRATEGY, seed)) for level in levels]
    for block in range(blocks):
        step = market.step(POINTS, edges)
        planted = changes(step, edges)
        for watch in watches:
            watch.trader.tick(step, timedelta(seconds=BLOCK_SECONDS), planted)
            watch.note(block + 1, days_on * _PER_DAY, blocks)
        planter.look(step)
        edges = planter.edges() if block + 1 < days_on * _PER_DAY else {}
    return [watch.outcome() for watch in watches]


def changes(step: MemoryStep, edges: Mapping[str, float]) -> dict[int, Decimal]:
    """Return what the edge adds to each token's price over a block in the mean, in USD.

    It is relative to the price before the block: the mean of the product of independent factors
    is the product of their means.
    """
    found: dict[int, Decimal] = {}
    for listing in step.folded.head.listings:
        edge = edges.get(listing.token.symbol)
        if edge is not None and listing.last_bar is not None:
            grown = math.expm1(POINTS * math.log1p(edge))
            found[listing.token.id] = listing.last_bar.bar.open * Decimal(repr(grown))
    return found


@dataclass(slots=True)
class _Watch:
    """Follows one trader through both halves."""

    trader: Trader
    on: tuple[float, float, float, float, int] | None = None
    silent_on: int = 0
    ticks_on: int = 0
    silent_before: bool = False
    silent_end: int = 0
    ticks_end: int = 0
    closed_on: int = 0
    first: tuple[float, int] | None = None

    def note(self, done: int, ticks_on: int, ticks: int) -> None:
        """Look at the trader after so many ticks."""
        trader, silent = self.trader, self.trader.silent
        if done <= ticks_on:
            self.silent_on += int(silent)
            self.ticks_on += 1
        if done == ticks_on:
            self.on = (
                float(trader.net_usd),
                float(trader.cost_usd),
                float(trader.captured_usd),
                float(trader.bought_usd),
                trader.entries,
            )
            self.silent_before, self.closed_on = silent, trader.closed
        elif done > ticks_on and silent and self.first is None and not self.silent_before:
            self.first = ((done - ticks_on) / _PER_DAY, trader.closed - self.closed_on)
        if done > max(ticks_on, ticks - 10 * _PER_DAY):
            self.silent_end += int(silent)
            self.ticks_end += 1

    def outcome(self) -> Outcome:
        """Return what was seen. ValueError before the edge has ended."""
        if self.on is None:
            raise ValueError("the edge has not ended")
        net, cost, captured, bought, entries = self.on
        return Outcome(
            level=self.trader.level,
            net=net,
            cost=cost,
            captured=captured,
            bought=bought,
            entries=entries,
            silent_before=self.silent_before,
            silent_share_on=self.silent_on / self.ticks_on,
            silent_share_end=self.silent_end / self.ticks_end,
            days=None if self.first is None else self.first[0],
            trades=None if self.first is None else self.first[1],
        )


def report(runs: Sequence[Sequence[Outcome]], fee_pips: int) -> Report:
    """Sum up the runs of many seeds, level by level."""
    found = [_level([outcomes[place] for outcomes in runs]) for place in range(len(runs[0]))]
    return Report(
        title=(
            f"A planted edge of {GAIN * 10_000:.0f} bp: {len(runs)} seeds, {DAYS_ON} days with it,"
            f" {DAYS_OFF} without, pool fee {fee_pips / 10_000:g} %"
        ),
        method=(
            f"A bar of one hour that closes at a rank of {RANK} or more lets its token gain"
            f" {GAIN * 10_000:.0f} bp in the mean over {GAIN_BLOCKS} hours. Plant, cost and net are"
            " basis points of what was bought while the edge was there; plant is what its drift"
            " made of the units held. Net + cost - plant must be zero within two standard errors"
            " over seeds. Silent: the veto, P(mean net > 0), keeps the level out. `never`: runs"
            " in which it was open when the edge ended and stayed open to the end; days and"
            " closed trades until it was first silent are medians over the others that were open."
        ),
        head=(
            "level", "veto below %", "entries", "plant bp", "cost bp", "net bp", "gap bp",
            "error bp", "z", "silent with edge %", "silent at its end %", "fell silent", "never",
            "days", "trades", "silent last 10 days %",
        ),
        rows=tuple(one["row"] for one in found),
        data={
            "seeds": len(runs), "fee_pips": fee_pips, "days_on": DAYS_ON, "days_off": DAYS_OFF,
            "levels": [one["data"] for one in found],
        },
        failures=tuple(failed for one in found for failed in one["failed"]),
    )  # fmt: skip


def _level(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    n, level = len(outcomes), outcomes[0].level
    bought = sum(one.bought for one in outcomes)
    scale = 10_000.0 * n / bought if bought else 0.0
    gap = over_seeds([one.net + one.cost - one.captured for one in outcomes])
    net, cost, captured = (
        scale * sum(getattr(one, name) for one in outcomes) / n
        for name in ("net", "cost", "captured")
    )
    open_ = [one for one in outcomes if not one.silent_before]
    fell = [one for one in open_ if one.days is not None]
    failed = []
    if not gap.is_zero:
        failed.append(f"level {level}: net + cost - plant was {gap.z:.1f} errors from zero")
    if 2 * len(fell) < len(open_):
        failed.append(
            f"level {level}: the veto stayed open in {len(open_) - len(fell)} of {len(open_)} runs"
            f" for {DAYS_OFF} days without the edge"
        )
    days = median(one.days for one in fell if one.days is not None) if fell else None
    trades = median(one.trades for one in fell if one.trades is not None) if fell else None
    on = 100.0 * sum(one.silent_share_on for one in outcomes) / n
    end = 100.0 * sum(one.silent_share_end for one in outcomes) / n
    before = 100.0 * (n - len(open_)) / n
    entries = sum(one.entries for one in outcomes) / n
    return {
        "row": (
            level, LEVELS[level - 1].min_outcome_percent, f"{entries:.1f}", f"{captured:.1f}",
            f"{cost:.1f}", f"{net:.1f}", f"{gap.mean * scale:.1f}", f"{gap.error * scale:.1f}",
            f"{gap.z:.2f}", f"{on:.0f}", f"{before:.0f}", f"{len(fell)}/{len(open_)}",
            len(open_) - len(fell), "" if days is None else f"{days:.1f}",
            "" if trades is None else f"{trades:g}", f"{end:.0f}",
        ),
        "data": {
            "level": level, "plant_bp": captured, "cost_bp": cost, "net_bp": net,
            "gap_bp": gap.mean * scale, "gap_error_bp": gap.error * scale, "entries": entries,
            "silent_on_percent": on, "silent_before_percent": before, "open": len(open_),
            "fell_silent": len(fell), "median_days": days, "median_trades": trades,
            "silent_end_percent": end,
        },
        "failed": failed,
    }  # fmt: skip
