"""How likely it is that what a level takes has a positive mean, given how set-ups went."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from paper_trading.engine.money import HUNDRED
from paper_trading.intelligence.boundary import decimal_of

#: Prior of the mean net outcome: normal about 0, in percent.
PRIOR_MEAN_SD_PERCENT = 1.0
#: Prior of the spread between days, in percent, and the days of evidence it is worth: without
#: it two similar days would pass for certainty. Set-ups end at their stop or their target, by
#: default -5 % and +10 %, and those of one day end alike: days spread by about 6 %.
PRIOR_DAY_SD_PERCENT = 6.0
PRIOR_DAYS = 5.0
#: Outcomes of older days no longer count.
OUTCOME_DAYS = 30


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """Matured net outcomes of one UTC day: how many, and their sum in percent.

    :raises ValueError: when the day holds no outcome.
    """

    day: date
    n: int
    sum_percent: Decimal

    def __post_init__(self) -> None:
        """Refuse a day without outcomes: it is no evidence."""
        if self.n < 1:
            raise ValueError(f"outcomes of {self.day} were {self.n}; at least 1 is needed")


def recent(days: Iterable[DayOutcome], today: date) -> tuple[DayOutcome, ...]:
    """Return the days that still count on a market day, oldest first."""
    ordered = sorted(days, key=lambda outcome: outcome.day)
    oldest = today - timedelta(days=OUTCOME_DAYS)
    return tuple(outcome for outcome in ordered if outcome.day > oldest)


def probability_positive(days: Sequence[DayOutcome]) -> Decimal:
    """Return P(mean net outcome > 0) in percent, 12 places; 50 without data.

    The mean m is that of all outcomes, sum(S_d) / sum(n_d). A mean of day means would be too
    low: a rise makes more set-ups than a fall does, and each of its good ones would weigh less.
    Outcomes of a day move together, so days are the sample: they are worth Kish's effective
    number, k = (sum n_d)^2 / sum n_d^2 (Survey Sampling, 1965), and the variance between them is
    that of the cluster-robust error of m (Liang and Zeger 1986),
    v = sum n_d^2 (S_d / n_d - m)^2 / sum n_d^2, as a sum k * v over k - 1 shrunk to its prior.
    Normal posterior: precision 1/tau^2 + k/s^2, mean (k * m / s^2) / precision. With days of one
    size these are the plain mean and variance of day means. Order does not matter.

    :raises ValueError: when a day appears twice.
    """
    seen = [outcome.day for outcome in days]
    if len(set(seen)) != len(seen):
        twice = next(day for day in seen if seen.count(day) > 1)
        raise ValueError(f"{twice} appeared more than once; one outcome a day is allowed")
    if not days:
        return decimal_of(50.0)
    n = sum(outcome.n for outcome in days)
    squares = sum(outcome.n**2 for outcome in days)
    mean = math.fsum(float(outcome.sum_percent) for outcome in days) / n
    count = n**2 / squares
    off = math.fsum((float(outcome.sum_percent) - outcome.n * mean) ** 2 for outcome in days)
    spread = count * off / squares
    between = (PRIOR_DAYS * PRIOR_DAY_SD_PERCENT**2 + spread) / (PRIOR_DAYS + count - 1.0)
    precision = 1.0 / PRIOR_MEAN_SD_PERCENT**2 + count / between
    z = count * mean / between / math.sqrt(precision)
    return decimal_of(float(HUNDRED) * 0.5 * math.erfc(-z / math.sqrt(2.0)))
