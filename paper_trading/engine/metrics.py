"""Performance figures; None wherever a figure is undefined, never a stand-in number.

Returns are fractions for equal periods, as series of integers (`inference.Series`). Formulas:
Sharpe (1994), Sortino and Price (1994), Young (1991) for Calmar; losses at risk are historical.
The free rate is zero.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from paper_trading.engine import inference
from paper_trading.engine.inference import Series
from paper_trading.engine.money import ONE, RETURN_UNIT, ZERO, exact, return_units

PERIODS_PER_YEAR = 8_760  # hours

#: Share of the worst returns that value at risk leaves out.
TAIL = Decimal("0.05")

#: A record shorter than this says nothing of a year.
LEAST_HOURS_FOR_A_YEAR = 7 * 24

#: An annual return above this, in percent, is an extrapolation without meaning.
LARGEST_ANNUAL_PERCENT = Decimal(10) ** 9

#: Index and worth columns keep 36 decimal places.
_PLACES = 36


@exact
def series(returns: Iterable[Decimal]) -> tuple[int, ...]:
    """Return fractions as a series; digits below 10**-18 are rounded half to even."""
    return tuple(round(one * RETURN_UNIT) for one in returns)


@exact
def returns_of(levels: Sequence[Decimal | None]) -> tuple[int, ...]:
    """Return the returns between the levels of an index, from the first that is known.

    Empty when one but the last is not positive: nothing can be earned on nothing.
    """
    known = [int(level.scaleb(_PLACES)) for level in levels if level is not None]
    if any(level <= 0 for level in known[:-1]):
        return ()
    return tuple(map(return_units, known, known[1:]))


@exact
def sharpe(returns: Series, periods: int) -> Decimal | None:
    """Return mean / standard deviation (n - 1) * sqrt(periods); None without variance."""
    known, variance = inference.moments(returns), sample_variance(returns)
    if known is None or not variance:
        return None
    return known.mean / variance.sqrt() * Decimal(periods).sqrt()


@exact
def sortino(returns: Series, periods: int) -> Decimal | None:
    """Return mean / root of the mean squared loss * sqrt(periods); None without a loss."""
    known, square = inference.moments(returns), mean_square(losses(returns))
    if known is None or known.n < 2 or not square:
        return None
    return known.mean / square.sqrt() * Decimal(periods).sqrt()


@exact
def annualised_volatility(returns: Series, periods: int) -> Decimal | None:
    """Return the standard deviation (n - 1) * sqrt(periods); None for under two returns."""
    variance = sample_variance(returns)
    return None if variance is None else (variance * periods).sqrt() / RETURN_UNIT


@exact
def sample_variance(returns: Series) -> Decimal | None:
    """Return the variance (n - 1), in units squared; None for under two returns."""
    known = inference.moments(returns)
    if known is None or known.n < 2:
        return None
    return known.variance * known.n / (known.n - 1)


def losses(returns: Series) -> list[int]:
    """Return every return, gains taken for zero."""
    return [min(one, 0) for one in returns]


@exact
def mean_square(numbers: Series) -> Decimal | None:
    """Return the mean square, in units squared; None for an empty series."""
    return Decimal(sum(one * one for one in numbers)) / len(numbers) if numbers else None


@exact
def annual_return(growth: Decimal, hours: Decimal | int) -> Decimal | None:
    """Return growth over so many hours (1.1 is +10 %) as a fraction a year.

    None for a record shorter than LEAST_HOURS_FOR_A_YEAR, and above LARGEST_ANNUAL_PERCENT.
    """
    if hours < LEAST_HOURS_FOR_A_YEAR:
        return None
    yearly = compounded(growth, Decimal(PERIODS_PER_YEAR) / hours)
    return None if yearly * 100 > LARGEST_ANNUAL_PERCENT else yearly


@exact
def compounded(growth: Decimal, times: Decimal) -> Decimal:
    """Return growth to a power, less one. Zero growth stays a loss of everything."""
    return (growth.ln() * times).exp() - ONE if growth > 0 else -ONE


@exact
def calmar(annual: Decimal | None, deepest: Decimal | None) -> Decimal | None:
    """Return the annual return over the size of the deepest drawdown; None without one."""
    return annual / abs(deepest) if annual is not None and deepest else None


@exact
def value_at_risk(returns: Series, tail: Decimal = TAIL) -> Decimal | None:
    """Return the quantile of the returns at `tail`, between ranks by a line; None for none."""
    if not returns:
        return None
    ordered = sorted(returns)
    rank = tail * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    found = ordered[below] + (ordered[above] - ordered[below]) * (rank - below)
    return found / RETURN_UNIT


@exact
def conditional_value_at_risk(returns: Series, tail: Decimal = TAIL) -> Decimal | None:
    """Return the mean of the worst returns up to the rank of the tail; None for none."""
    if not returns:
        return None
    worst = sorted(returns)[: int(tail * (len(returns) - 1)) + 1]
    return Decimal(sum(worst)) / len(worst) / RETURN_UNIT


@exact
def profit_factor(won_usd: Decimal, lost_usd: Decimal) -> Decimal | None:
    """Return the sum of wins over the sum of losses, both positive; None without a loss."""
    return won_usd / lost_usd if lost_usd else None


@exact
def mean(total: Decimal, n: int) -> Decimal | None:
    """Return a sum over its number; None for none."""
    return total / n if n else None


@exact
def turnover(bought_usd: Decimal, sold_usd: Decimal, equity_usd: Decimal | None) -> Decimal | None:
    """Return half of all that was bought and sold over mean equity; None without equity.

    All three in one money: `equity_usd` too is at par of cash.
    """
    if equity_usd is None or equity_usd <= ZERO:
        return None
    return (bought_usd + sold_usd) / 2 / equity_usd
