"""What an account has done: every figure with its error, from running totals and hours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from paper_trading.engine import curve as curves
from paper_trading.engine import inference, metrics
from paper_trading.engine.account import Account
from paper_trading.engine.curve import Curve, Drawdown, HourPoint
from paper_trading.engine.inference import Estimate, Series
from paper_trading.engine.money import (
    HUNDRED,
    ONE,
    RATIO_LIMIT,
    RETURN_UNIT,
    ZERO,
    exact,
    ratio,
    usd,
)
from paper_trading.engine.tallies import Tally, TradeStats

_YEAR = metrics.PERIODS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Sureness:
    """Estimates of annual figures; each None when it is undefined or the record too short."""

    #: Of the mean hourly return, times the hours of a year.
    mean_return_percent: Estimate | None
    sharpe: Estimate | None
    sortino: Estimate | None
    #: Wilson's interval.
    win_rate_percent: tuple[Decimal, Decimal] | None
    #: Clustered by market day.
    expectancy_usd: Estimate | None
    expectancy_percent: Estimate | None
    skew: Decimal | None
    kurtosis: Decimal | None
    #: Of the robust errors.
    lags: int


@dataclass(frozen=True, slots=True)
class Compared:
    """An account against one benchmark, held from its first quote on."""

    return_percent: Decimal
    alpha_percent: Estimate | None
    beta: Estimate | None


@dataclass(frozen=True, slots=True)
class Performance:
    """What an account has done. None: undefined as yet, never a stand-in number."""

    #: Time-weighted across deposits.
    total_return_percent: Decimal | None
    annual_return_percent: Decimal | None
    #: Annualised, of hourly returns.
    sharpe: Decimal | None
    sortino: Decimal | None
    volatility_percent: Decimal | None
    #: Of one hour.
    var_percent: Decimal | None
    cvar_percent: Decimal | None
    #: The deepest of all ticks, on the time-weighted index.
    max_drawdown_percent: Decimal
    calmar: Decimal | None
    drawdown: Drawdown | None
    #: Sum of wins over sum of losses.
    profit_factor: Decimal | None
    #: Mean of the trades that were won or lost, and in percent of what was bought.
    expectancy_usd: Decimal | None
    expectancy_percent: Decimal | None
    win_rate_percent: Decimal | None
    wins: int
    losses: int
    #: Time-weighted share of positions in equity.
    exposure_percent: Decimal | None
    #: Half of what was bought and sold, over time-weighted equity, in cash.
    turnover: Decimal | None
    realized_usd: Decimal
    gas_usd: Decimal
    #: Hourly returns that the ratios rest on.
    hours: int
    sureness: Sureness
    #: By name: ETH, and EQUAL_WEIGHT for all tokens in equal parts; None when not quoted.
    benchmarks: Mapping[str, Compared | None]
    trades: TradeStats
    held_mean: timedelta | None


@exact
def performance(
    account: Account, curve: Curve, hours: Mapping[int, HourPoint], trades: TradeStats
) -> Performance:
    """Sum up an account; `hours` are the last points of its hours, by their number."""
    points = tuple(curves.at_full_hours(curve, hours))
    returns = metrics.returns_of([ONE, *map(_index, points)])
    growth = None if curve.last_at is None else curves.index_of(curve)
    annual = None if growth is None else metrics.annual_return(growth, curves.elapsed_hours(curve))
    deepest = ZERO if curve.drawdown is None else curve.drawdown.percent
    decided = trades.wins + trades.losses
    expectancy = metrics.mean(trades.won_usd - trades.lost_usd, decided)
    return Performance(
        total_return_percent=None if growth is None else _percent(growth - ONE),
        annual_return_percent=_percent(annual),
        sharpe=_rounded(metrics.sharpe(returns, _YEAR)),
        sortino=_rounded(metrics.sortino(returns, _YEAR)),
        volatility_percent=_percent(metrics.annualised_volatility(returns, _YEAR)),
        var_percent=_percent(metrics.value_at_risk(returns)),
        cvar_percent=_percent(metrics.conditional_value_at_risk(returns)),
        max_drawdown_percent=deepest,
        calmar=_rounded(metrics.calmar(annual, deepest / HUNDRED)),
        drawdown=curve.drawdown,
        profit_factor=_rounded(metrics.profit_factor(trades.won_usd, trades.lost_usd)),
        expectancy_usd=None if expectancy is None else usd(expectancy),
        expectancy_percent=_rounded(metrics.mean(trades.percent_days.amount, decided)),
        win_rate_percent=_percent(metrics.mean(Decimal(trades.wins), decided)),
        wins=trades.wins,
        losses=trades.losses,
        exposure_percent=_percent(curves.mean_exposure(curve)),
        turnover=_rounded(
            metrics.turnover(trades.bought_usd, trades.sold_usd, curves.mean_equity(curve))
        ),
        realized_usd=account.realized_usd,
        gas_usd=account.gas_usd,
        hours=len(returns),
        sureness=sureness(returns, trades),
        benchmarks=_benchmarks(points, returns, _newest(curve, hours)),
        trades=trades,
        held_mean=trades.held / trades.n if trades.n else None,
    )


@exact
def sureness(returns: Series, trades: TradeStats) -> Sureness:
    """Return how sure the figures are; ratios rest on hourly returns."""
    known, variance = inference.moments(returns), metrics.sample_variance(returns)
    share = inference.wilson(trades.wins, trades.wins + trades.losses)
    shape, mean, sharpe, sortino = None, None, None, None
    if known is not None and variance:
        distances = inference.centred(returns, known)
        shape = inference.shape(distances, known)
        yearly = Decimal(_YEAR) / RETURN_UNIT
        mean = inference.estimate(known.mean * yearly, distances, yearly)
        squares = [one * one for one in distances]
        sharpe = inference.of_ratio(distances, squares, known, variance, _YEAR)
        lost = [one * one for one in metrics.losses(returns)]
        square = Decimal(sum(lost)) / known.n
        sortino = inference.of_ratio(distances, lost, known, square, _YEAR)
    return Sureness(
        mean_return_percent=_scaled(mean, HUNDRED),
        sharpe=_scaled(_as_bailey(sharpe, shape), ONE),
        sortino=_scaled(sortino, ONE),
        win_rate_percent=None
        if share is None
        else (ratio(share[0] * HUNDRED), ratio(share[1] * HUNDRED)),
        expectancy_usd=_scaled(inference.of_mean(trades.usd_days), ONE),
        expectancy_percent=_scaled(inference.of_mean(trades.percent_days), ONE),
        skew=None if shape is None else _rounded(shape[0]),
        kurtosis=None if shape is None else _rounded(shape[1]),
        lags=inference.lags(len(returns)),
    )


def mean_percent(tally: Tally) -> Decimal | None:
    """Return the mean net result of a tally's trades in percent of cost; None for none."""
    return _rounded(metrics.mean(tally.net_percent, tally.n))


def _as_bailey(found: Estimate | None, shape: tuple[Decimal, Decimal] | None) -> Estimate | None:
    """Take the longer of two records: the robust error's, and the one of skew and kurtosis."""
    if found is None or shape is None or found.needed is None:
        return found
    hourly = found.value / Decimal(_YEAR).sqrt()
    least = inference.minimum_track_record(hourly, *shape) or ZERO
    needed = None if least > inference.MOST_PERIODS else max(found.needed, least)
    return Estimate(found.value, found.error, found.low, found.high, needed)


def _newest(curve: Curve, hours: Mapping[int, HourPoint]) -> HourPoint | None:
    """Return the point of the last tick; None before the first."""
    if curve.start is None or curve.last_at is None:
        return None
    return hours.get(curves.hour_of(curve.start, curve.last_at))


def _benchmarks(
    points: Sequence[HourPoint | None], returns: Series, newest: HourPoint | None
) -> dict[str, Compared | None]:
    if newest is None:
        return {"ETH": None, "EQUAL_WEIGHT": None}
    eth = [None if point is None else point.eth_index for point in points]
    basket = [None if point is None else point.basket_index for point in points]
    return {
        "ETH": _compared(eth, returns, newest.eth_index),
        "EQUAL_WEIGHT": _compared(basket, returns, newest.basket_index),
    }


def _compared(
    levels: Sequence[Decimal | None], returns: Series, now: Decimal | None
) -> Compared | None:
    """Compare with an index over the full hours that it is known for, which are the last ones.

    Its own return runs to the last tick, as the account's does.
    """
    if now is None:
        return None
    known = [level for level in levels if level is not None]
    theirs = metrics.returns_of(known)
    found = None
    if theirs and len(returns) >= len(theirs):
        found = inference.regression(returns[-len(theirs) :], theirs, _YEAR)
    total = _percent(now - ONE)
    if total is None:
        return None
    return Compared(
        return_percent=total,
        alpha_percent=None if found is None else _scaled(found[0], HUNDRED),
        beta=None if found is None else _scaled(found[1], ONE),
    )


def _scaled(found: Estimate | None, scale: Decimal) -> Estimate | None:
    """Return an estimate in other units, at the scale of ratios; None when it is out of that."""
    if found is None:
        return None
    if any(abs(one * scale) >= RATIO_LIMIT for one in (found.low, found.high, found.error)):
        return None
    return Estimate(
        value=ratio(found.value * scale),
        error=ratio(found.error * scale),
        low=ratio(found.low * scale),
        high=ratio(found.high * scale),
        needed=_rounded(found.needed),
    )


def _index(point: HourPoint | None) -> Decimal:
    return ONE if point is None else point.index


def _rounded(number: Decimal | None) -> Decimal | None:
    """Return a figure at the scale of ratios; None when it is larger than they may be."""
    return None if number is None or abs(number) >= RATIO_LIMIT else ratio(number)


def _percent(fraction: Decimal | None) -> Decimal | None:
    return None if fraction is None else _rounded(fraction * HUNDRED)
