"""Means and their errors: over independent seeds, and over the hours of one run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: Quantile 0.975 of the normal distribution.
Z = 1.959963984540054
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

    Bartlett kernel; the lags are the largest L with L <= 4 (n / 100)**(2/9) (1994).
    """
    n = len(returns)
    if n < 2:
        raise ValueError(f"there were {n} returns; at least 2 are needed for an error")
    series = np.asarray(returns) - np.mean(returns)
    lags = math.floor(4.0 * (n / 100.0) ** (2.0 / 9.0))
    variance = float(series @ series)
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(series[lag:] @ series[:-lag])
    return Estimate(float(np.mean(returns)), math.sqrt(max(variance, 0.0)) / n, n)


def verdict(returns: Sequence[float]) -> int:
    """Say what a test at 5 % on both sides calls a run: +1 gain, -1 loss, 0 neither."""
    found = over_hours(returns)
    if found.error == 0.0 or abs(found.z) <= Z:
        return 0
    return 1 if found.mean > 0 else -1


def returns_of(worths: Sequence[float]) -> list[float]:
    """Return the simple returns between successive worths."""
    return [after / before - 1.0 for before, after in pairwise(worths)]
