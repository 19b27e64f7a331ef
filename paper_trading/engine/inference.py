"""How sure a figure is: robust standard errors, intervals, and the record it would take.

Series are integers in units of 10**-18 (`money.RETURN_UNIT`), so that sums over a year of hours
are exact and quick. Every standard error is the root of a long-run variance over n: Newey and
West (1987) with the Bartlett kernel, of the figure's influence function (the delta method), over
L = 1.3 sqrt(n) lags. Intervals are of 95 %, with the critical value of Kiefer and Vogelsang (2005)
for that bandwidth: the pair that Lazarus, Lewis, Stock and Watson (2018) recommend, because the
few lags and the normal quantile of older rules make intervals too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, chain, repeat
from math import isqrt
from operator import mul, sub

from paper_trading.engine.money import ONE, RETURN_UNIT, ZERO, exact
from paper_trading.engine.tallies import DaySums

#: Fewer returns than this give no interval: a robust error of so few is itself a guess.
LEAST_RETURNS = 30

#: A longer record than this, in periods, is none that anyone will have.
MOST_PERIODS = 10**12

#: Quantile 0.975 of the normal distribution.
Z = Decimal("1.959963984540054")

#: What Kiefer and Vogelsang add to it for the share of lags in the periods, Bartlett kernel.
A1, A2, A3 = Decimal("2.9694"), Decimal("0.4160"), Decimal("-0.5324")

#: Quantile 0.975 of Student's distribution with 1, 2, ... degrees of freedom.
_STUDENT = (
    Decimal("12.706205"),
    Decimal("4.302653"),
    Decimal("3.182446"),
    Decimal("2.776445"),
    Decimal("2.570582"),
    Decimal("2.446912"),
    Decimal("2.364624"),
    Decimal("2.306004"),
    Decimal("2.262157"),
    Decimal("2.228139"),
    Decimal("2.200985"),
    Decimal("2.178813"),
    Decimal("2.160369"),
    Decimal("2.144787"),
    Decimal("2.131450"),
    Decimal("2.119905"),
    Decimal("2.109816"),
    Decimal("2.100922"),
    Decimal("2.093024"),
    Decimal("2.085963"),
)

#: Returns in units of 10**-18.
Series = Sequence[int]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its standard error and its interval of 95 %."""

    value: Decimal
    error: Decimal
    low: Decimal
    high: Decimal
    #: Periods of the same kind after which the figure, if it stays as it is, differs from
    #: zero; None when it is zero, or when there are more than MOST_PERIODS.
    needed: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and spread of a series, in its units; n > 0."""

    n: int
    mean: Decimal
    #: Mean squared distance from the mean.
    variance: Decimal


@exact
def moments(series: Series) -> Moments | None:
    """Return the moments of a series; None for an empty one."""
    n = len(series)
    if not n:
        return None
    # In integers, so that what is left of two large sums is exact.
    total, squares = sum(series), sum(map(mul, series, series))
    return Moments(n, Decimal(total) / n, Decimal(n * squares - total**2) / n**2)


def lags(n: int) -> int:
    """Return the number of lags for n periods."""
    return isqrt(169 * n // 100)


@exact
def critical(n: int) -> Decimal:
    """Return quantile 0.975 of a figure over its error, when the error takes so many lags."""
    share = Decimal(lags(n) + 1) / n
    return Z + A1 * share + A2 * share**2 + A3 * share**3


@exact
def long_run_variance(parts: Series) -> Decimal:
    """Return the Bartlett long-run variance of a series whose mean is zero, in its units squared.

    A Bartlett-weighted sum of autocovariances is the mean square of moving sums over L + 1
    periods (zeros beyond both ends) divided by L + 1: one pass, however many lags.
    """
    n, width = len(parts), lags(len(parts)) + 1
    sums = list(accumulate(parts, initial=0))
    ends = chain(sums[1:], repeat(sums[-1], width - 1))
    begins = chain(repeat(0, width - 1), sums[:-1])
    windows = list(map(sub, ends, begins))
    return Decimal(sum(map(mul, windows, windows))) / (width * n)


@exact
def estimate(value: Decimal, influence: Series, scale: Decimal) -> Estimate | None:
    """Return a figure with the error that its influence function gives.

    `influence` sums to about zero; times `scale` it is in units of the figure. None for fewer
    than LEAST_RETURNS periods, or when the error is zero: nothing varied.
    """
    n = len(influence)
    if n < LEAST_RETURNS:
        return None
    error = (long_run_variance(influence) / n).sqrt() * abs(scale)
    if not error:
        return None
    half = critical(n) * error
    return Estimate(value, error, value - half, value + half, _needed(value, error, n))


def _needed(value: Decimal, error: Decimal, n: int) -> Decimal | None:
    """Return the periods at whose number an interval leaves zero out, and one before does not.

    The error shrinks with the root of the record's length, and the critical value, which is
    that of the longer record, towards the normal one.
    """
    if not value:
        return None
    square = n * (error / value) ** 2

    def told(periods: int) -> bool:
        return critical(periods) ** 2 * square <= periods

    # Today's record is a bound, so that the answer agrees with today's interval.
    low, high = (LEAST_RETURNS - 1, n) if told(n) else (n, MOST_PERIODS)
    if not told(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if told(middle) else (middle, high)
    return Decimal(high)


def centred(series: Series, known: Moments) -> list[int]:
    """Return the distances from the mean."""
    mean = round(known.mean)
    return [one - mean for one in series]


@exact
def of_ratio(
    distances: Series, squares: Series, known: Moments, square: Decimal, periods: int
) -> Estimate | None:
    """Return mean / root of a mean square, annualised, with its error.

    `squares` are what `square` is the mean of, in units squared: squared distances for a Sharpe
    ratio, squared losses for a Sortino ratio.
    """
    # A spread under the resolution of a series says nothing of its error.
    if square <= 0 or not round(square):
        return None
    # d(mean / s) = (d mean - mean / (2 square) * d square) / s, in integers.
    top, bottom, level = round(known.mean), 2 * round(square), round(square)
    influence = [
        distance - top * (one - level) // bottom
        for distance, one in zip(distances, squares, strict=True)
    ]
    yearly, root = Decimal(periods).sqrt(), square.sqrt()
    return estimate(known.mean / root * yearly, influence, yearly / root)


@exact
def minimum_track_record(sharpe: Decimal, skew: Decimal, kurtosis: Decimal) -> Decimal | None:
    """Return the periods after which a Sharpe ratio of one period differs from zero.

    1 + (1 - skew SR + (kurtosis - 1) / 4 SR**2) (z / SR)**2: Bailey and Lopez de Prado (2012),
    with z of a two-sided test at 95 %, to agree with the intervals. None when it is zero.
    """
    if not sharpe:
        return None
    shape = ONE - skew * sharpe + (kurtosis - ONE) / 4 * sharpe**2
    return ONE + shape * (Z / sharpe) ** 2


@exact
def shape(distances: Series, known: Moments) -> tuple[Decimal, Decimal] | None:
    """Return skewness and kurtosis (3 for a normal distribution); None without variance."""
    if known.variance <= 0:
        return None
    squares = list(map(mul, distances, distances))
    third = Decimal(sum(map(mul, squares, distances))) / known.n
    fourth = Decimal(sum(map(mul, squares, squares))) / known.n
    return third / (known.variance * known.variance.sqrt()), fourth / known.variance**2


@exact
def regression(series: Series, benchmark: Series, periods: int) -> tuple[Estimate, Estimate] | None:
    """Return alpha, a fraction a year, and beta of least squares on a benchmark's returns.

    Alpha is per period times `periods`; the free rate is zero. None for fewer than
    LEAST_RETURNS periods, and when one of the two did not vary or was fitted without rest.
    """
    known, other = moments(series), moments(benchmark)
    if known is None or other is None or not round(other.variance):
        return None
    mine, theirs = centred(series, known), centred(benchmark, other)
    product = sum(map(mul, mine, theirs))
    beta = Decimal(product) / known.n / other.variance
    # The residual of each period, in units, and its pull on the slope, in units squared.
    bottom = sum(map(mul, theirs, theirs))
    rest = [y - product * x // bottom for y, x in zip(mine, theirs, strict=True)]
    pull = list(map(mul, theirs, rest))
    slope = estimate(beta, pull, ONE / other.variance)
    top, level = round(other.mean), round(other.variance)
    influence = [one - top * part // level for one, part in zip(rest, pull, strict=True)]
    alpha = (known.mean - beta * other.mean) / RETURN_UNIT * periods
    yearly = estimate(alpha, influence, Decimal(periods) / RETURN_UNIT)
    return None if slope is None or yearly is None else (yearly, slope)


@exact
def wilson(wins: int, n: int) -> tuple[Decimal, Decimal] | None:
    """Return Wilson's interval of 95 % for a share, as fractions; None for n of zero.

    It takes trades for independent.
    """
    if not n:
        return None
    share, square = Decimal(wins) / n, Z**2 / n
    middle = (share + square / 2) / (ONE + square)
    half = Z / (ONE + square) * (share * (ONE - share) / n + square / (4 * n)).sqrt()
    return max(middle - half, ZERO), min(middle + half, ONE)


@exact
def of_mean(days: DaySums) -> Estimate | None:
    """Return the mean of trades with an error clustered by market day.

    Trades of one day share a market, so days are what is independent: variance of the mean =
    G / (G - 1) * sum over days of (total - n mean)**2 / n**2, and Student's quantile with G - 1
    degrees of freedom. None for fewer than two days, or when nothing varied.
    """
    clusters = days.days + 1
    if days.day is None or clusters < 2:
        return None
    mean = days.amount / days.trades
    squares = days.squares + days.total**2
    cross = days.cross + days.n * days.total
    counts = days.counts + days.n**2
    spread = squares - 2 * mean * cross + mean**2 * counts
    error = (max(spread, ZERO) * clusters / (clusters - 1)).sqrt() / days.trades
    if not error:
        return None
    half = student(clusters - 1) * error
    return Estimate(mean, error, mean - half, mean + half)


def student(freedom: int) -> Decimal:
    """Return quantile 0.975 of Student's distribution; beyond the table by its expansion."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / freedom + second / freedom**2 + third / freedom**3
