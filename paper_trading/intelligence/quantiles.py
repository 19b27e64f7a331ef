"""The evidence rank: where a score lies among frozen quantiles of past scores."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from paper_trading.engine.money import CONTEXT, HUNDRED, ZERO, ratio

#: Fewer scores do not rank anything.
MINIMUM_SCORES = 2000

#: Scores older than this rank nothing.
SCORE_WINDOW = timedelta(days=30)

#: Quantiles run from 0 to 100 % in steps of 0.5 %.
POINTS = 201
_STEPS = POINTS - 1
_PERCENT_PLACES = Decimal("0.0001")


def is_due(frozen_at: datetime | None, market_time: datetime) -> bool:
    """Say whether to freeze anew: once a market day (UTC), and as long as nothing is frozen."""
    if frozen_at is None:
        return True
    return frozen_at.astimezone(UTC).date() < market_time.astimezone(UTC).date()


def freeze(scores: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Return the 201 quantiles (0 to 100 % by 0.5) of scores, interpolated linearly.

    The order of the scores does not matter.

    :raises ValueError: when there are fewer than 2,000 scores.
    """
    if len(scores) < MINIMUM_SCORES:
        raise ValueError(f"there were {len(scores)} scores; at least {MINIMUM_SCORES} are needed")
    ordered = sorted(scores)
    return tuple(_quantile(ordered, step) for step in range(POINTS))


def _quantile(ordered: Sequence[Decimal], step: int) -> Decimal:
    whole, rest = divmod((len(ordered) - 1) * step, _STEPS)
    low = ordered[whole]
    if rest == 0:
        return ratio(low)
    rise = CONTEXT.multiply(CONTEXT.subtract(ordered[whole + 1], low), Decimal(rest))
    return ratio(CONTEXT.add(low, CONTEXT.divide(rise, Decimal(_STEPS))))


def rank(quantiles: Sequence[Decimal], score: Decimal) -> Decimal:
    """Return the percentile of a score, 0 to 100 with 4 places.

    Linear between quantiles; a score that equals several gets the middle of them.

    :raises ValueError: when there are not 201 quantiles.
    """
    if len(quantiles) != POINTS:
        raise ValueError(f"there were {len(quantiles)} quantiles; {POINTS} are needed")
    left, right = bisect_left(quantiles, score), bisect_right(quantiles, score)
    if left < right:
        return _percent(CONTEXT.divide(Decimal(left + right - 1), Decimal(2)))
    if left == 0:
        return _percent(ZERO)
    if left == POINTS:
        return _percent(Decimal(_STEPS))
    low, high = quantiles[left - 1], quantiles[left]
    part = CONTEXT.divide(CONTEXT.subtract(score, low), CONTEXT.subtract(high, low))
    return _percent(CONTEXT.add(Decimal(left - 1), part))


def _percent(steps: Decimal) -> Decimal:
    percent = CONTEXT.divide(CONTEXT.multiply(steps, HUNDRED), Decimal(_STEPS))
    return percent.quantize(_PERCENT_PLACES, rounding=ROUND_HALF_EVEN, context=CONTEXT)
