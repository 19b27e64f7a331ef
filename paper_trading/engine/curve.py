"""The equity curve of an account as a time-weighted index, folded tick by tick.

The index is 1 when the account opens. Between two deposits it is proportional to equity; a
deposit moves both sides of that proportion, so that it is no return.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.money import HUNDRED, ONE, ZERO, exact, price, ratio, usd

HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A fall of the index from its peak, in percent of the peak."""

    percent: Decimal
    peak_at: datetime
    trough_at: datetime
    #: When the peak was reached again; None while it was not.
    recovered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Running figures of the curve; every tick's equity point is in them."""

    #: Index and worth at the last deposit, the deposit included in the worth.
    base_index: Decimal
    base_usd: Decimal
    #: The last equity, with what was paid in since.
    worth_usd: Decimal
    #: One step before the first point, which already bears the first trades' cost.
    start: datetime | None = None
    last_at: datetime | None = None
    peak_index: Decimal = ONE
    peak_at: datetime | None = None
    #: The deepest so far; None while the index never fell.
    drawdown: Drawdown | None = None
    #: Positions at their marks over equity at the last point, a fraction; None of no equity.
    exposure: Decimal | None = ZERO
    #: Microseconds between points, those of them with an exposure, and what held through them
    #: times their number; equity is counted in cash, as what is bought and sold is.
    microseconds: int = 0
    exposed_microseconds: int = 0
    exposure_microseconds: Decimal = ZERO
    equity_microseconds: Decimal = ZERO
    #: USD price of cash at the last point: what is paid in counts at it.
    cash_price_usd: Decimal = ONE


@dataclass(frozen=True, slots=True)
class HourPoint:
    """The last point of an hour since the start of the curve; indices are 1 at their start."""

    hour: int
    at: datetime
    equity_usd: Decimal
    index: Decimal
    eth_index: Decimal | None = None
    basket_index: Decimal | None = None


def opened(deposit_usd: Decimal) -> Curve:
    """Return the curve of an account with its first deposit."""
    return Curve(base_index=ONE, base_usd=deposit_usd, worth_usd=deposit_usd)


@exact
def index_of(curve: Curve) -> Decimal:
    """Return the index now: 1 plus the time-weighted return as a fraction."""
    return price(curve.base_index * curve.worth_usd / curve.base_usd)


@exact
def paid_in(curve: Curve, amount_usd: Decimal) -> Curve:
    """Return the curve after a deposit of cash at par, which counts from the last point on."""
    worth_usd = curve.worth_usd + usd(amount_usd * curve.cash_price_usd)
    return replace(curve, base_index=index_of(curve), base_usd=worth_usd, worth_usd=worth_usd)


@exact
def observed(
    curve: Curve,
    at: datetime,
    equity_usd: Decimal,
    positions_usd: Decimal,
    step: timedelta,
    *,
    settled: bool = True,
) -> Curve:
    """Return the curve with the equity point of one more tick; `step` is the market's.

    A point that is not `settled` moves neither the peak nor the deepest drawdown: one reading
    decides nothing that stays. ValueError when the point is not later than the last one.
    """
    if curve.last_at is not None and at <= curve.last_at:
        raise ValueError(
            f"equity at {at.isoformat()} comes after {curve.last_at.isoformat()}; "
            "allowed is a later time"
        )
    passed = 0 if curve.last_at is None else (at - curve.last_at) // _MICROSECOND
    start = at - step if curve.start is None else curve.start
    moved = replace(
        _held(curve, passed),
        start=start,
        last_at=at,
        worth_usd=equity_usd,
        exposure=ratio(positions_usd / equity_usd) if equity_usd > 0 else None,
    )
    return _with_drawdown(moved, at, start) if settled else moved


def hour_of(start: datetime, at: datetime) -> int:
    """Return the number of the hour since the start that ends at or after a moment."""
    return -((start - at) // HOUR)


def full_hours(curve: Curve) -> int:
    """Return how many hours have passed since the start."""
    if curve.start is None or curve.last_at is None:
        return 0
    return (curve.last_at - curve.start) // HOUR


def at_full_hours(curve: Curve, hours: Mapping[int, HourPoint]) -> Iterator[HourPoint | None]:
    """Yield the last point known at the end of each full hour; None before the first point."""
    last: HourPoint | None = None
    for hour in range(1, full_hours(curve) + 1):
        last = hours.get(hour, last)
        yield last


@exact
def elapsed_hours(curve: Curve) -> Decimal:
    """Return the hours from the start to the last point, parts of an hour included."""
    if curve.start is None or curve.last_at is None:
        return ZERO
    return Decimal((curve.last_at - curve.start) // _MICROSECOND) / (HOUR // _MICROSECOND)


@exact
def mean_exposure(curve: Curve) -> Decimal | None:
    """Return the time-weighted share of positions in equity, over the time that had equity.

    None for under two points, and when there never was any.
    """
    if not curve.exposed_microseconds:
        return None
    return curve.exposure_microseconds / curve.exposed_microseconds


@exact
def mean_equity(curve: Curve) -> Decimal | None:
    """Return the time-weighted equity at par of cash; None for under two points."""
    if not curve.microseconds:
        return None
    return usd(curve.equity_microseconds / curve.microseconds)


def _held(curve: Curve, passed: int) -> Curve:
    """Let what the last point left hold for some microseconds."""
    worth = usd(curve.worth_usd / curve.cash_price_usd)
    held = replace(
        curve,
        microseconds=curve.microseconds + passed,
        equity_microseconds=curve.equity_microseconds + worth * passed,
    )
    if curve.exposure is None:
        return held
    return replace(
        held,
        exposed_microseconds=curve.exposed_microseconds + passed,
        exposure_microseconds=curve.exposure_microseconds + curve.exposure * passed,
    )


def _with_drawdown(curve: Curve, at: datetime, start: datetime) -> Curve:
    """Bring the peak and the deepest drawdown up to a point."""
    index, peak_at, deepest = index_of(curve), curve.peak_at or start, curve.drawdown
    if index >= curve.peak_index:
        open_ = deepest is not None and deepest.recovered_at is None
        if deepest is not None and open_ and deepest.peak_at == peak_at:
            deepest = replace(deepest, recovered_at=at)
        return replace(curve, peak_index=index, peak_at=at, drawdown=deepest)
    percent = ratio((curve.peak_index - index) / curve.peak_index * HUNDRED)
    if percent > (ZERO if deepest is None else deepest.percent):
        deepest = Drawdown(percent, peak_at, at)
    return replace(curve, peak_at=peak_at, drawdown=deepest)
