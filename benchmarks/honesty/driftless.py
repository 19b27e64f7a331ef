"""On a market without drift the bot must lose what it pays, and must not be called a success."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from benchmarks.honesty.estimates import TOLERANCE, over_seeds, returns_of, verdict
from benchmarks.honesty.reports import Report
from benchmarks.honesty.traders import BACKFILL_BLOCKS, GeneratedMarket, Trader
from benchmarks.honesty.walks import Shape, Walk
from paper_trading.engine.strategy import Strategy

BLOCK_SECONDS, POINTS = 300, 5
DAYS = 2
_PER_DAY = 86_400 // BLOCK_SECONDS
#: Size of the test of a run, in percent, half of it on each side: what it calls falsely.
SIZE_PERCENT = 5.0
#: What equity may differ by from moves of the price less costs, in USD: its rounding.
MOST_UNEXPLAINED_USD = 1e-9


@dataclass(frozen=True, slots=True)
class Outcome:
    """One level on one seed; money in USD."""

    level: int
    net: float
    cost: float
    traded: float
    entries: int
    unexplained: float
    #: What the test calls the run as it is, and with its costs given back.
    called: int
    called_gross: int


def run(seed: int, levels: Sequence[int], days: float = DAYS) -> list[Outcome]:
    """Trade one seed's market at some levels, with the settings as shipped."""
    strategy = Strategy()
    blocks = int(days * _PER_DAY)
    walk = Walk(seed, Shape(BLOCK_SECONDS, POINTS, BACKFILL_BLOCKS + blocks))
    market = GeneratedMarket(walk, seed, strategy)
    traders = [Trader(level, strategy, seed) for level in levels]
    for _ in range(blocks):
        step = market.step(POINTS)
        for trader in traders:
            trader.tick(step, timedelta(seconds=BLOCK_SECONDS))
    return [_outcome(trader) for trader in traders]


def _outcome(trader: Trader) -> Outcome:
    net = [float(equity) for equity, _ in trader.hourly]
    gross = [float(equity + cost) for equity, cost in trader.hourly]
    return Outcome(
        level=trader.level,
        net=float(trader.net_usd),
        cost=float(trader.cost_usd),
        traded=float(trader.traded_usd),
        entries=trader.entries,
        unexplained=abs(float(trader.unexplained_usd)),
        called=verdict(returns_of(net)),
        called_gross=verdict(returns_of(gross)),
    )


def report(runs: Sequence[Sequence[Outcome]], days: float = DAYS) -> Report:
    """Sum up the runs of many seeds, level by level."""
    found = [_level([outcomes[place] for outcomes in runs]) for place in range(len(runs[0]))]
    failures = [one["failed"] for one in found if one["failed"]]
    return Report(
        title=f"A market without drift: {len(runs)} seeds of {days:g} days",
        method=(
            "The price is a martingale. Net is equity at mid prices less the deposit; costs are"
            " fee, impact, drift until inclusion, MEV and gas of every swap. In every run net +"
            " costs must equal what the moves of the price made of the units held, to 1e-9 USD;"
            " over seeds it must be zero within two standard errors. A run is called significant"
            " when the 95 % interval of its mean hourly return (Newey-West, as the metrics have it)"
            " excludes zero, on either side. `gross called` is the share of runs that are called so"
            " with their costs given back: their true mean is zero, so every call is false, and"
            " the share must be 5 % at most, within two standard errors of a share over the seeds."
            " On net results a call of a gain is false, too, on one side of the same test: 2.5 %,"
            " within two errors. A call of a loss is true, because the costs are real."
        ),
        head=(
            "level", "entries", "traded USD", "net USD", "costs USD", "net + costs USD", "error",
            "z", "net %", "costs %", "gross called %", "called gain %", "called loss %",
        ),
        rows=tuple(one["row"] for one in found),
        data={"seeds": len(runs), "days": days, "levels": [one["data"] for one in found]},
        failures=tuple(failures),
    )  # fmt: skip


def most_called(size_percent: float, runs: int) -> float:
    """Return the highest share of runs, in percent, that a test of a size may call by chance."""
    error = math.sqrt(size_percent * (100.0 - size_percent) / runs)
    return size_percent + TOLERANCE * error


def _level(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    gap = over_seeds([one.net + one.cost for one in outcomes])
    n, level = len(outcomes), outcomes[0].level
    net, cost, traded = (
        sum(getattr(one, name) for one in outcomes) / n for name in ("net", "cost", "traded")
    )
    gains, losses, gross = (
        100.0 * sum(hits) / n
        for hits in (
            [one.called > 0 for one in outcomes],
            [one.called < 0 for one in outcomes],
            [one.called_gross != 0 for one in outcomes],
        )
    )
    share = 100.0 / traded if traded else 0.0
    entries = sum(one.entries for one in outcomes) / n
    worst, failed = max(one.unexplained for one in outcomes), ""
    if worst > MOST_UNEXPLAINED_USD:
        failed = f"level {level}: {worst:.3g} USD of net + costs came from no move of the price"
    elif not gap.is_zero:
        failed = f"level {level}: net + costs was {gap.mean:.2f} USD, {gap.z:.1f} errors from zero"
    elif gross > most_called(SIZE_PERCENT, n):
        failed = f"level {level}: {gross:.1f} % of the runs were called, costs given back"
    elif gains > most_called(SIZE_PERCENT / 2, n):
        failed = f"level {level}: {gains:.1f} % of the runs were called a gain"
    return {
        "row": (
            level, f"{entries:.1f}", f"{traded:,.0f}", f"{net:.2f}", f"{cost:.2f}",
            f"{gap.mean:.2f}", f"{gap.error:.2f}", f"{gap.z:.2f}", f"{net * share:.3f}",
            f"{cost * share:.3f}", f"{gross:.1f}", f"{gains:.1f}", f"{losses:.1f}",
        ),
        "data": {
            "level": level, "net_usd": net, "cost_usd": cost, "traded_usd": traded,
            "gap_usd": gap.mean, "gap_error_usd": gap.error, "called_gain_percent": gains,
            "called_loss_percent": losses, "gross_called_percent": gross, "entries": entries,
            "most_unexplained_usd": worst,
        },
        "failed": failed,
    }  # fmt: skip
