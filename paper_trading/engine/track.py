"""The track record of an account, and the pure step of the metrics stage over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.account import Account
from paper_trading.engine.metrics import Performance, Point, performance
from paper_trading.engine.money import ZERO, exact, usd

#: Metrics are measured on every so many closed ticks of a session.
METRICS_EVERY = 20

_HOUR = timedelta(hours=1)
#: A deposit was made after the equity point whose market time it carries.
_JUST_AFTER = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What metrics are computed from; it grows with hours of market time and with sells."""

    #: One step before the first equity point, which already bears the first trades' cost.
    start: datetime | None = None
    #: The last equity of every hour since the start, by the hour's number.
    hourly: Mapping[int, Point] = field(default_factory=dict)
    #: When (None before the first equity point) and how much was paid in, in that order.
    deposits: tuple[tuple[datetime | None, Decimal], ...] = ()
    #: What each sell made, its gas taken off.
    realized: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Worth:
    """What an account was worth at a tick, in USD, and the price of its cash."""

    at: datetime
    equity_usd: Decimal
    positions_usd: Decimal
    cash_price_usd: Decimal


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the metrics stage writes."""

    market_time: datetime
    equity_usd: Decimal
    unrealized_usd: Decimal
    performance: Performance


def metrics_due(ticks_closed: int) -> bool:
    """Say whether the tick after so many closed ones is a session's 20th, 40th, ..."""
    return (ticks_closed + 1) % METRICS_EVERY == 0


def net_of_sell(realized_usd: Decimal, gas_usd: Decimal) -> Decimal:
    """Return what a sell made, its gas taken off."""
    return usd(realized_usd - gas_usd)


def start_of(first: datetime, step: timedelta) -> datetime:
    """Return where a track record starts: one step before its first equity point."""
    return first - step


def hour_of(start: datetime, at: datetime) -> int:
    """Return the number of the hour since the start that ends at or after a moment."""
    return -((start - at) // _HOUR)


def observed(
    record: TrackRecord, at: datetime, equity_usd: Decimal, step: timedelta
) -> TrackRecord:
    """Return the record with the equity of one more tick; `step` is the market's."""
    start = start_of(at, step) if record.start is None else record.start
    hourly = {**record.hourly, hour_of(start, at): (at, equity_usd)}
    return replace(record, start=start, hourly=hourly)


@exact
def measure(account: Account, worth: Worth, record: TrackRecord) -> Metrics:
    """Compute the metrics of a tick whose equity is in the record."""
    held = account.positions.values()
    cost = sum((position.cost_usd for position in held), ZERO) * worth.cash_price_usd
    found = performance(
        account,
        _points(record),
        record.realized,
        [(at + _JUST_AFTER, paid) for at, paid in record.deposits if at is not None],
    )
    return Metrics(worth.at, worth.equity_usd, usd(worth.positions_usd - cost), found)


def _points(record: TrackRecord) -> list[Point]:
    """Return the first deposits at the start, then the equity of every hour."""
    if record.start is None:
        return []
    paid = sum((amount for at, amount in record.deposits if at is None), ZERO)
    return [(record.start, paid), *(record.hourly[hour] for hour in sorted(record.hourly))]
