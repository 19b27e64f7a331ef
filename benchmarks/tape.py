"""Does the pool model follow a real pool? `python -m benchmarks.tape --minutes FILE.csv`.

A file has one row a minute of a Uniswap v3 pool: timestamp, netAmount0, netAmount1 (what the
pool gained, fees included), closeTick and currentLiquidity at the minute's end.
"""

import argparse
import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import isqrt
from pathlib import Path
from statistics import median

from paper_trading.engine.enums import Side
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.pools.ladder import ASSUMED_SPACINGS
from paper_trading.engine.pools.tick_math import Q96, sqrt_ratio_at

#: The pool of the recordings: USDC (token0, 6 decimals) and WETH (18), 0.05 %.
FEE_PIPS, TICK_SPACING, TOKEN_DECIMALS = 500, 10, 18

#: What must hold over all minutes, and over those in which anything was traded.
MEDIAN_TICKS, NINTH_DECILE_TICKS = Decimal("0.5"), Decimal(1)

#: Ten thousand dollars, and what they cost where the pool is deep, to three places.
ORDER_UNITS = 10_000 * 10**6
DEEP_COST_PERCENT = Decimal("0.056")

_PERCENT = 100
_SPANS = (("all minutes", False), ("traded minutes", True))
_HEADINGS = "ticks off         minutes  median    90%  refused"


@dataclass(frozen=True, slots=True)
class Minute:
    """One row of a tape."""

    time: str
    net0: int
    net1: int
    close_tick: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class Followed:
    """How far predictions were off, in ticks; None where the model refused to predict."""

    errors: tuple[int | None, ...]

    def centile(self, share: int) -> Decimal:
        """Return the error that `share` percent do not pass; a refusal is worse than any."""
        ordered = sorted(Decimal("Infinity") if e is None else Decimal(e) for e in self.errors)
        if share == 50:
            return median(ordered)
        return ordered[min(len(ordered) * share // _PERCENT, len(ordered) - 1)]

    @property
    def refused(self) -> int:
        return self.errors.count(None)

    def holds(self) -> bool:
        return self.centile(50) <= MEDIAN_TICKS and self.centile(90) <= NINTH_DECILE_TICKS


def read(path: Path) -> list[Minute]:
    """Read a tape. ValueError with the row when it is no tape, or has under two minutes."""
    with path.open(encoding="utf-8", newline="") as lines:
        minutes = [_minute(number, row) for number, row in enumerate(csv.DictReader(lines), 2)]
    if len(minutes) < 2:
        raise ValueError(f"{path.name} has {len(minutes)} minutes; at least 2 are needed")
    return minutes


def _minute(number: int, row: dict[str, str]) -> Minute:
    try:
        return Minute(
            row["timestamp"],
            int(row["netAmount0"]),
            int(row["netAmount1"]),
            # Some recordings write ticks as 198133.0.
            int(Decimal(row["closeTick"])),
            int(row["currentLiquidity"]),
        )
    except (KeyError, TypeError, ArithmeticError, ValueError) as error:
        raise ValueError(f"line {number} is no minute of a tape: {error!r}") from error


def pool_at(minute: Minute) -> ConcentratedPool:
    """Return the pool as a minute left it.

    A tape tells the tick and not the place within it: the middle is off by half of one at most.
    """
    low, high = sqrt_ratio_at(minute.close_tick), sqrt_ratio_at(minute.close_tick + 1)
    return ConcentratedPool.assumed(
        isqrt(low * high),
        minute.liquidity,
        FEE_PIPS,
        TICK_SPACING,
        cash_is_token0=True,
        token_decimals=TOKEN_DECIMALS,
    )


def predicted_tick(before: Minute, minute: Minute) -> int | None:
    """Return the tick on which a minute's net flow would leave the pool of the minute before.

    None when that is beyond two tick spacings, where the depth is unknown. The flow is taken
    as one swap of what came in on balance.
    """
    if minute.net0 <= 0 and minute.net1 <= 0:
        return before.close_tick
    side, flow = (Side.BUY, minute.net0) if minute.net0 > 0 else (Side.SELL, minute.net1)
    after = pool_at(before).after(side, flow)
    return None if after is None else after.tick


def follow(minutes: Sequence[Minute], traded_only: bool) -> Followed:
    """Predict every minute from the one before it."""
    return Followed(tuple(_errors(minutes, traded_only)))


def _errors(minutes: Sequence[Minute], traded_only: bool) -> Iterator[int | None]:
    for before, minute in pairwise(minutes):
        if traded_only and not (minute.net0 or minute.net1):
            continue
        tick = predicted_tick(before, minute)
        yield None if tick is None else abs(tick - minute.close_tick)


def order_cost_percent(minute: Minute) -> Decimal | None:
    """Return what the order loses against mid, fee included; None when the model refuses."""
    pool = pool_at(minute)
    out = pool.quote(Side.BUY, ORDER_UNITS)
    if out is None:
        return None
    # With token0 in, mid is token1 per token0: the square of the root.
    got = Fraction(out) / (ORDER_UNITS * Fraction(pool.sqrt_price_x96, Q96) ** 2)
    lost = _PERCENT * (1 - got)
    return Decimal(lost.numerator) / Decimal(lost.denominator)


def plain_cost(minute: Minute) -> tuple[float, float]:
    """Return (percent lost, ticks moved) of the order by the plain formulas, without integers."""
    root = 1.0001 ** ((minute.close_tick + 0.5) / 2)
    kept = 1 - FEE_PIPS / 10**6
    grown = 1 + kept * ORDER_UNITS * root / minute.liquidity if minute.liquidity else math.inf
    return _PERCENT * (1 - kept / grown), 2 * math.log(grown) / math.log(1.0001)


def disagreements(minutes: Sequence[Minute]) -> int:
    """Count the minutes in which the order's cost or its refusal is not the plain formulas'."""
    return sum(not _agrees(minute) for minute in minutes)


def _agrees(minute: Minute) -> bool:
    cost = order_cost_percent(minute)
    plain, ticks = plain_cost(minute)
    reach = ASSUMED_SPACINGS * TICK_SPACING
    if cost is None:
        return ticks > reach - 1
    return ticks < reach + 1 and abs(float(cost) - plain) < 1e-4


def failures(minutes: Sequence[Minute]) -> list[str]:
    """Return what does not hold on a tape."""
    found = []
    for name, traded_only in _SPANS:
        followed = follow(minutes, traded_only)
        if followed.errors and not followed.holds():
            found.append(f"{name}: the model is over {MEDIAN_TICKS} tick or a tenth over 1 tick")
    quoted = _quoted(minutes)
    # A pool is deep or thin as most of its minutes are; a thin one has to be refused.
    if 2 * len(quoted) > len(minutes) and round(median(quoted), 3) != DEEP_COST_PERCENT:
        found.append(f"10,000 USD cost {median(quoted):.4f} %, not {DEEP_COST_PERCENT} %")
    if wrong := disagreements(minutes):
        found.append(f"10,000 USD: cost or refusal is not the plain formulas' in {wrong} minutes")
    return found


def _quoted(minutes: Sequence[Minute]) -> list[Decimal]:
    costs = (order_cost_percent(minute) for minute in minutes)
    return [cost for cost in costs if cost is not None]


def table(name: str, minutes: Sequence[Minute]) -> str:
    """Return the figures of a tape as text."""
    lines = [f"{name}: {minutes[0].time} to {minutes[-1].time}", f"  {_HEADINGS}"]
    for span, traded_only in _SPANS:
        followed = follow(minutes, traded_only)
        if followed.errors:
            middle, ninth = followed.centile(50), followed.centile(90)
            lines.append(
                f"  {span:<16}{len(followed.errors):>9}{middle:>8}{ninth:>7}{followed.refused:>9}"
            )
    return "\n".join([*lines, f"  {_order_line(minutes)}"])


def _order_line(minutes: Sequence[Minute]) -> str:
    quoted = _quoted(minutes)
    refused = f"10,000 USD refused (depth unknown) in {len(minutes) - len(quoted)} minutes"
    if not quoted:
        return refused
    return f"{refused}; cost {median(quoted):.4f} % (median of {len(quoted)})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each tape; return 1 when one does not hold, 2 when one is no tape."""
    parser = argparse.ArgumentParser(prog="benchmarks.tape", description=__doc__)
    parser.add_argument("--minutes", type=Path, nargs="+", required=True, metavar="FILE")
    status = 0
    for path in parser.parse_args(arguments).minutes:
        try:
            minutes = read(path)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        print(table(path.name, minutes))
        for failure in failures(minutes):
            print(f"  does not hold: {failure}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
