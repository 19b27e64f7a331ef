"""Savings as one ratio of sums: 1 - what the managed arm paid / what the baseline paid.

Never a mean or sum of percentages, never clamped: it is negative when management cost more. The
interval of 95 % is that of a circular block bootstrap: blocks of about the root of n trades in
their order, because neighbours share their blocks and their fees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from itertools import accumulate, pairwise
from math import isqrt
from operator import mul

from paper_trading.engine.gas_savings.arms import Outcome
from paper_trading.engine.inference import LEAST_RETURNS
from paper_trading.engine.luck import stream
from paper_trading.engine.money import exact, ratio

DRAWS = 1_000
_WORD = 8


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a managed arm saved against a baseline, over the same trades and blocks."""

    trades: int
    managed_wei: int
    baseline_wei: int
    saved: Decimal
    #: Of 95 %; None for too few trades.
    interval: tuple[Decimal, Decimal] | None
    #: With the shortfall of both arms; None when the baseline's whole cost is not positive.
    net: Decimal | None
    net_interval: tuple[Decimal, Decimal] | None
    mean_delay: Decimal
    p95_delay: int
    failures: int
    baseline_failures: int


def saved(managed: Sequence[int], baseline: Sequence[int]) -> Decimal:
    """Return 1 - sum / sum, at the scale of ratios; ValueError when the baseline paid nothing."""
    found = _saved(sum(managed), sum(baseline))
    if found is None:
        raise ValueError(f"the baseline paid {sum(baseline)} wei; allowed is a sum above 0")
    return found


def interval(
    managed: Sequence[int], baseline: Sequence[int], seed: int, draws: int = DRAWS
) -> tuple[Decimal, Decimal] | None:
    """Return the interval of 95 % of what was saved.

    None for fewer than LEAST_RETURNS trades, or when the baseline of a draw is not positive.
    """
    n = len(baseline)
    if n < LEAST_RETURNS:
        return None
    width = isqrt(n)
    pairs = [_windows(series, width) for series in (managed, baseline)]
    blocks = -(-n // width)
    found = []
    for draw in range(draws):
        luck = stream(_WORD * blocks, seed, "bootstrap", draw)
        starts = [
            int.from_bytes(luck[at : at + _WORD], "big") % n for at in range(0, len(luck), _WORD)
        ]
        sums = [sum(windows[start] for start in starts) for windows in pairs]
        found.append(_saved(sums[0], sums[1]))
    known = sorted(one for one in found if one is not None)
    if len(known) < draws:
        return None
    tail = draws * 25 // 1_000
    return known[tail], known[-1 - tail]


def compare(managed: Outcome, baseline: Outcome, seed: int) -> Comparison:
    """Compare two arms of one world and one list of trades."""
    if len(managed.paid) != len(baseline.paid):
        counts = f"{len(managed.paid)} and {len(baseline.paid)}"
        raise ValueError(f"arms had {counts} trades; allowed are arms of the same trades")
    whole = [
        [paid + lost for paid, lost in zip(arm.paid, arm.shortfall, strict=True)]
        for arm in (managed, baseline)
    ]
    delays = sorted(managed.delays)
    return Comparison(
        trades=len(managed.paid),
        managed_wei=sum(managed.paid),
        baseline_wei=sum(baseline.paid),
        saved=saved(managed.paid, baseline.paid),
        interval=interval(managed.paid, baseline.paid, seed),
        net=_saved(sum(whole[0]), sum(whole[1])),
        net_interval=interval(whole[0], whole[1], seed),
        mean_delay=_mean(delays),
        p95_delay=delays[(95 * len(delays) - 1) // 100],
        failures=managed.failures,
        baseline_failures=baseline.failures,
    )


def attribution(arms: Sequence[Sequence[int]]) -> list[Decimal]:
    """Return what each arm saved against the one before it, the baseline first."""
    return [saved(after, before) for before, after in pairwise(arms)]


@exact
def composed(parts: Sequence[Decimal]) -> Decimal:
    """Return what savings after each other make together: 1 - product of 1 - s."""
    return ratio(1 - reduce(mul, (1 - part for part in parts), Decimal(1)))


def _windows(series: Sequence[int], width: int) -> list[int]:
    """Return the sum of the block from each place on, around the end."""
    sums = list(accumulate([*series, *series[: width - 1]], initial=0))
    return [sums[at + width] - sums[at] for at in range(len(series))]


@exact
def _saved(managed: int, baseline: int) -> Decimal | None:
    return ratio(1 - Decimal(managed) / baseline) if baseline > 0 else None


@exact
def _mean(values: Sequence[int]) -> Decimal:
    return ratio(Decimal(sum(values)) / len(values))
