"""How often set-ups of a rank bin ended above zero: shown with its interval, gating nothing.

Beta-binomial. The prior stands at break-even and is worth `PRIOR_DAYS`. Set-ups of one day move
together, so a day is one trial, not its set-ups; days of unlike size are worth Kish's effective
number of clusters, (sum n)^2 / sum n^2, which is the number of days when all are alike.
"""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from paper_trading.engine.decision import Decision, PWin
from paper_trading.engine.money import CONTEXT, HUNDRED
from paper_trading.engine.words import number_of
from paper_trading.intelligence.boundary import decimal_of

#: Matured set-ups of older days no longer count.
P_WIN_DAYS = 90
#: Days of evidence that the prior is worth.
PRIOR_DAYS = 5.0
#: Rank bins are deciles.
BINS = 10
#: Probability outside of the interval, half on each side.
OUTSIDE = 0.05

_PLACES = Decimal("0.0001")
_HALVINGS = 60
_TERMS = 400
_ENOUGH = 1e-15
_TINY = 1e-300


def bin_of(confidence: Decimal) -> int:
    """Return the rank bin, 0 to 9, of a rank in percent; 100 belongs to the last one."""
    return min(int(confidence // BINS), BINS - 1)


def p_win(days: Sequence[tuple[int, int]], break_even_percent: Decimal) -> PWin:
    """Return the figures of one rank bin from (set-ups, winners) of each day, in percent.

    :raises ValueError: when a day has no set-up, or other winners than 0 to its set-ups.
    """
    for n, wins in days:
        if n < 1 or not 0 <= wins <= n:
            raise ValueError(f"a day had {wins} winners of {n}; 0 to n of at least 1 is needed")
    total, winners = sum(n for n, _ in days), sum(wins for _, wins in days)
    trials = total**2 / sum(n * n for n, _ in days) if days else 0.0
    won = trials * winners / total if total else 0.0
    even = float(break_even_percent) / 100.0
    alpha, beta = PRIOR_DAYS * even + won, PRIOR_DAYS * (1.0 - even) + trials - won
    share = CONTEXT.divide(HUNDRED * winners, Decimal(total)) if total else None
    return PWin(
        share=None if share is None else _rounded(share),
        mean=_percent(alpha / (alpha + beta)),
        low=_percent(beta_quantile(OUTSIDE / 2, alpha, beta)),
        high=_percent(beta_quantile(1.0 - OUTSIDE / 2, alpha, beta)),
        n=total,
        days=len(days),
        break_even=_rounded(break_even_percent),
    )


def _percent(share: float) -> Decimal:
    return _rounded(decimal_of(100.0 * share))


def _rounded(percent: Decimal) -> Decimal:
    return percent.quantize(_PLACES, rounding=ROUND_HALF_EVEN, context=CONTEXT)


def in_words(decision: Decision) -> str:
    """Return what a decision's rank means and how such set-ups went; empty when it has no rank."""
    rank = decision.confidence if decision.twin is None else decision.twin.confidence
    won = decision.p_win
    if rank is None or won is None:
        return ""
    words = f"{_shown(rank)}: {_place(rank)}"
    even = f"break-even {_shown(won.break_even)} %"
    if won.share is None:
        return f"{words}; no such set-up has matured yet, {even}"
    wins = CONTEXT.divide(CONTEXT.multiply(won.share, Decimal(won.n)), HUNDRED)
    return (
        f"{words}; of such set-ups {wins:,.0f} of {won.n:,} won in {number_of(won.days, 'day')},"
        f" p_win {_shown(won.mean)} % [{_shown(won.low)}, {_shown(won.high)}], {even}"
    )


def _place(rank: Decimal) -> str:
    if rank == HUNDRED:
        return "at the top of all set-ups"
    return f"top {_shown(CONTEXT.subtract(HUNDRED, rank))} % of set-ups"


def _shown(percent: Decimal) -> str:
    """Return a percentage in whole numbers, finer where that would be 0 or 100 without being so."""
    for places in range(-_PLACES.adjusted()):
        text = f"{percent:.{places}f}"
        if Decimal(text) not in (0, 100) or Decimal(text) == percent:
            return text
    return f"{percent.normalize():f}"


def beta_quantile(share: float, alpha: float, beta: float) -> float:
    """Return x with I_x(alpha, beta) = share, by halving; both parameters > 0, share in (0, 1)."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if beta_share(middle, alpha, beta) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def beta_share(x: float, alpha: float, beta: float) -> float:
    """Return the regularised incomplete beta function I_x(alpha, beta) for x in [0, 1].

    The continued fraction of Abramowitz and Stegun 26.5.8, evaluated by Lentz's method on the
    side of the mean where it converges fast.
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    logs = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
    front = math.exp(logs + alpha * math.log(x) + beta * math.log1p(-x))
    if x < (alpha + 1.0) / (alpha + beta + 2.0):
        return front * _fraction(x, alpha, beta) / alpha
    return 1.0 - front * _fraction(1.0 - x, beta, alpha) / beta


def _fraction(x: float, a: float, b: float) -> float:
    upper, lower = 1.0, _away(1.0 - (a + b) * x / (a + 1.0))
    lower = 1.0 / lower
    value = lower
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            lower = 1.0 / _away(1.0 + term * lower)
            upper = _away(1.0 + term / upper)
            value *= upper * lower
        if abs(upper * lower - 1.0) < _ENOUGH:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
