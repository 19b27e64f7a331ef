"""Means and their errors: over independent seeds, and over the hours of one run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: Quantile 0.975 of the normal distribution.
Z = 1.959963984540054
#: What a long-run error over a share b of lags adds to it: b, b**2 and b**3, Bartlett kernel.
FIXED_SHARE = (2.9694, 0.4160, -0.5324)
#: A mean lies within so many standard errors of what it should be.
TOLERANCE = 2.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error, and of how many."""

    mean: float
    error: float
    n: int

    @property
    def z(self) -> float:
        """Standard errors from zero; 0 when nothing varied about zero, else infinite."""
        if self.error == 0.0:
            return 0.0 if self.mean == 0.0 else math.copysign(math.inf, self.mean)
        return self.mean / self.error

    @property
    def is_zero(self) -> bool:
        """Say whether zero lies within two standard errors."""
        return abs(self.z) <= TOLERANCE


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean of independent values with the error of their standard deviation (n - 1).

    ValueError for fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"there were {n} values; at least 2 are needed for an error")
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(n), n)


def over_hours(returns: Sequence[float]) -> Estimate:
    """Return the mean of a run's hourly returns with the error of Newey and West (1987).

    Bartlett kernel over 1.3 sqrt(n) lags (Lazarus, Lewis, Stock and Watson, 2018). ValueError
    for fewer than two returns.
    """
    n = len(returns)
    if n < 2:
        raise ValueError(f"there were {n} returns; at least 2 are needed for an error")
    series = np.asarray(returns) - np.mean(returns)
    lags = _lags(n)
    variance = float(series @ series)
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(series[lag:] @ series[:-lag])
    return Estimate(float(np.mean(returns)), math.sqrt(max(variance, 0.0)) / n, n)


def verdict(returns: Sequence[float]) -> int:
    """Say what a test at 5 % on both sides calls a run: +1 gain, -1 loss, 0 neither.

    The critical value is that of Kiefer and Vogelsang (2005) for the share of lags, so the
    interval is the one that the performance figures of an account show.
    """
    found = over_hours(returns)
    share = (_lags(found.n) + 1) / found.n
    critical = Z + sum(part * share**power for power, part in enumerate(FIXED_SHARE, 1))
    if found.error == 0.0 or abs(found.z) <= critical:
        return 0
    return 1 if found.mean > 0 else -1


def _lags(n: int) -> int:
    return math.isqrt(169 * n // 100)


def returns_of(worths: Sequence[float]) -> list[float]:
    """Return the simple returns between successive worths."""
    return [after / before - 1.0 for before, after in pairwise(worths)]
