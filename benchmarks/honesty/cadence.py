"""One market seen every 15 s, every minute and every 5 minutes must give about as many entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from benchmarks.honesty.reports import Report
from benchmarks.honesty.traders import BACKFILL_BLOCKS, GeneratedMarket, Trader
from benchmarks.honesty.walks import Shape, Walk
from paper_trading.engine.strategy import Strategy

BLOCK_SECONDS, POINTS = 300, 20
#: Grid points between two ticks: 15 s, 60 s and 5 minutes.
EVERY = (1, 4, 20)
DAYS = 2
#: The most entries over the fewest, less one, in percent.
MOST_APART_PERCENT = 25.0
#: A breaker ends a run's entries on luck of a few exits, and the rest of its days compare nothing.
#: Fills are those of their tick: the next price comes sooner at one cadence than at another.
UNBROKEN = Strategy(
    use_transaction_manager=False,
    max_losing_exits=1000,
    max_portfolio_loss_percent=Decimal(100),
    max_daily_loss_percent=Decimal(100),
    max_drawdown_percent=Decimal(100),
)
_PER_DAY = 86_400 // BLOCK_SECONDS


@dataclass(frozen=True, slots=True)
class Outcome:
    """One level on one seed at one cadence."""

    level: int
    seconds: int
    entries: int


def run(seed: int, levels: Sequence[int], days: float = DAYS) -> list[Outcome]:
    """Trade one seed's path at every cadence."""
    return [one for points in EVERY for one in _at(points, seed, levels, days)]


def _at(points: int, seed: int, levels: Sequence[int], days: float) -> list[Outcome]:
    strategy = UNBROKEN
    blocks = int(days * _PER_DAY)
    shape = Shape(BLOCK_SECONDS, POINTS, BACKFILL_BLOCKS + blocks)
    market = GeneratedMarket(Walk(seed, shape), seed, strategy)
    traders = [Trader(level, strategy, seed) for level in levels]
    seconds = points * shape.point_seconds
    for _ in range(blocks * POINTS // points):
        step = market.step(points)
        for trader in traders:
            trader.tick(step, timedelta(seconds=seconds))
    return [Outcome(trader.level, seconds, trader.entries) for trader in traders]


def report(runs: Sequence[Sequence[Outcome]], days: float = DAYS) -> Report:
    """Count entries a day by level and cadence over all seeds."""
    flat = [one for outcomes in runs for one in outcomes]
    levels = sorted({one.level for one in flat})
    found = [_level([one for one in flat if one.level == level]) for level in levels]
    seen = len(runs) * days
    return Report(
        title=f"One market at three cadences: {len(runs)} seeds of {days:g} days",
        method=(
            "The same path on a grid of 15 s, seen as steps of 15 s, 60 s and 5 minutes; bars are"
            " of 5 minutes in all three. Entries are filled buys; breakers of losses are wide"
            " open. Apart is the most over the"
            f" fewest, less one; at most {MOST_APART_PERCENT:g} % is allowed."
        ),
        head=("level", "15 s, a day", "60 s, a day", "5 min, a day", "entries", "apart %"),
        rows=tuple(
            (
                level,
                *(f"{count / seen:.2f}" for count in one["counts"]),
                "/".join(map(str, one["counts"])),
                "" if one["apart"] is None else f"{one['apart']:.1f}",
            )
            for level, one in zip(levels, found, strict=True)
        ),
        data={"seeds": len(runs), "days": days, "levels": dict(zip(levels, found, strict=True))},
        failures=tuple(
            f"level {level}: {'no entries' if one['apart'] is None else one['apart']} % apart"
            for level, one in zip(levels, found, strict=True)
            if one["apart"] is None or one["apart"] > MOST_APART_PERCENT
        ),
    )


def _level(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    cadences = sorted({one.seconds for one in outcomes})
    counts = [sum(one.entries for one in outcomes if one.seconds == each) for each in cadences]
    apart = round(100.0 * (max(counts) / min(counts) - 1.0), 1) if min(counts) else None
    return {"counts": counts, "apart": apart}
