"""Performance figures over exact decimals; None wherever a figure is undefined.

Returns are fractions for equal periods. Figures of trades are net of fees, impact,
slippage, MEV and gas. Trades that made exactly zero are neither wins nor losses.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from paper_trading.engine.account import Account
from paper_trading.engine.money import HUNDRED, ONE, ZERO, exact, ratio, usd

PERIODS_PER_YEAR = 8_760  # hours

_HOUR = timedelta(hours=1)

#: When and how much, in USD: a value of equity, or money paid in.
Point = tuple[datetime, Decimal]


@dataclass(frozen=True, slots=True)
class Performance:
    """What an account has done. None: undefined as yet, never a stand-in number."""

    #: Time-weighted across deposits.
    total_return_percent: Decimal | None
    #: Annualised, of hourly returns.
    sharpe: Decimal | None
    sortino: Decimal | None
    volatility_percent: Decimal | None
    #: The deepest of all ticks.
    max_drawdown_percent: Decimal
    #: Sum of wins over sum of losses.
    profit_factor: Decimal | None
    expectancy_usd: Decimal | None
    win_rate_percent: Decimal | None
    wins: int
    losses: int
    realized_usd: Decimal
    gas_usd: Decimal
    #: Hourly returns that the ratios rest on.
    hours: int


@exact
def performance(
    account: Account,
    equity_points: Sequence[Point],
    realized_by_trade: Sequence[Decimal],
    deposits: Sequence[Point] = (),
) -> Performance:
    """Sum up an account.

    `equity_points` are in order of time; `realized_by_trade` is one number a sell, its gas
    taken off; `deposits` are those after the first point. ValueError for points out of order.
    """
    steps = hourly_returns(equity_points, deposits)
    rate = win_rate(realized_by_trade)
    profit = profit_factor(realized_by_trade)
    expected = expectancy(realized_by_trade)
    return Performance(
        total_return_percent=_percent(total_return(equity_points, deposits)),
        sharpe=_rounded(sharpe(steps, PERIODS_PER_YEAR)),
        sortino=_rounded(sortino(steps, PERIODS_PER_YEAR)),
        volatility_percent=_percent(annualised_volatility(steps, PERIODS_PER_YEAR)),
        max_drawdown_percent=account.max_drawdown_percent,
        profit_factor=_rounded(profit),
        expectancy_usd=None if expected is None else usd(expected),
        win_rate_percent=_percent(rate),
        wins=sum(1 for made in realized_by_trade if made > 0),
        losses=sum(1 for made in realized_by_trade if made < 0),
        realized_usd=account.realized_usd,
        gas_usd=account.gas_usd,
        hours=len(steps),
    )


@exact
def total_return(points: Sequence[Point], deposits: Sequence[Point] = ()) -> Decimal | None:
    """Return the time-weighted return; None for under two points or equity not positive."""
    if len(points) < 2 or any(value <= 0 for _, value in points[:-1]):
        return None
    growth = ONE
    for step in _returns(points, deposits):
        growth *= ONE + step
    return growth - ONE


@exact
def hourly_returns(points: Sequence[Point], deposits: Sequence[Point] = ()) -> tuple[Decimal, ...]:
    """Return one return for every full hour after the first point.

    An hour ends with the last value known then; an hour without a tick returns zero. Empty
    when equity was not positive. ValueError for points out of order.
    """
    hours = tuple(_hourly(points))
    if any(value <= 0 for _, value in hours):
        return ()
    return tuple(_returns(hours, deposits))


@exact
def sharpe(returns: Sequence[Decimal], periods: int) -> Decimal | None:
    """Return mean / standard deviation (n - 1) * sqrt(periods); None without variance."""
    deviation = _deviation(returns)
    if not deviation:
        return None
    return _mean(returns) / deviation * Decimal(periods).sqrt()


@exact
def sortino(returns: Sequence[Decimal], periods: int) -> Decimal | None:
    """Return mean / root of the mean squared loss * sqrt(periods); None without a loss."""
    if len(returns) < 2:
        return None
    downside = _mean([min(step, ZERO) ** 2 for step in returns]).sqrt()
    if not downside:
        return None
    return _mean(returns) / downside * Decimal(periods).sqrt()


@exact
def annualised_volatility(returns: Sequence[Decimal], periods: int) -> Decimal | None:
    """Return the standard deviation (n - 1) * sqrt(periods); None for under two returns."""
    deviation = _deviation(returns)
    return None if deviation is None else deviation * Decimal(periods).sqrt()


@exact
def max_drawdown(values: Iterable[Decimal]) -> Decimal | None:
    """Return the deepest fall from a peak as a fraction, zero or negative; None for no values."""
    deepest: Decimal | None = None
    peak = ZERO
    for value in values:
        peak = max(peak, value)
        fall = value / peak - ONE if peak > 0 else ZERO
        deepest = fall if deepest is None else min(deepest, fall)
    return deepest


@exact
def profit_factor(made: Sequence[Decimal]) -> Decimal | None:
    """Return the sum of wins over the sum of losses; None without a loss."""
    lost = -sum((one for one in made if one < 0), ZERO)
    return sum((one for one in made if one > 0), ZERO) / lost if lost else None


@exact
def expectancy(made: Sequence[Decimal]) -> Decimal | None:
    """Return win share * average win - loss share * average loss; None without either."""
    decided = [one for one in made if one]
    return _mean(decided) if decided else None


@exact
def win_rate(made: Sequence[Decimal]) -> Decimal | None:
    """Return wins over wins and losses, as a fraction; None without either."""
    decided = [one for one in made if one]
    wins = sum(1 for one in decided if one > 0)
    return Decimal(wins) / len(decided) if decided else None


def _hourly(points: Sequence[Point]) -> Iterator[Point]:
    """Yield the first value, then at every hour after it the last value known by then."""
    if not points:
        return
    due, last = points[0]
    previous = due
    for at, value in points:
        if at < previous:
            raise ValueError(f"equity at {at.isoformat()} comes after {previous.isoformat()}")
        while at > due:
            yield due, last
            due += _HOUR
        previous, last = at, value
    if previous == due:
        yield due, last


def _returns(points: Sequence[Point], deposits: Sequence[Point]) -> Iterator[Decimal]:
    """Yield returns between points, with what was paid in between them taken off the end."""
    for (start, before), (end, after) in pairwise(points):
        paid = sum((amount for at, amount in deposits if start < at <= end), ZERO)
        yield (after - paid) / before - ONE


def _mean(numbers: Sequence[Decimal]) -> Decimal:
    return sum(numbers, ZERO) / len(numbers)


def _deviation(numbers: Sequence[Decimal]) -> Decimal | None:
    """Return the sample standard deviation; None for under two numbers."""
    if len(numbers) < 2:
        return None
    mean = _mean(numbers)
    squares = sum(((number - mean) ** 2 for number in numbers), ZERO)
    return (squares / (len(numbers) - 1)).sqrt()


def _rounded(number: Decimal | None) -> Decimal | None:
    return None if number is None else ratio(number)


def _percent(fraction: Decimal | None) -> Decimal | None:
    return None if fraction is None else ratio(fraction * HUNDRED)
