"""The track record of an account, and the pure step of the metrics stage over it.

Running totals and one point an hour: what a tick adds is bounded, and so is what a measurement
reads. Folding all trades and equity points anew gives the same record to the digit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine import benchmarks as holdings
from paper_trading.engine import curve as curves
from paper_trading.engine import tallies
from paper_trading.engine.account import Account, Position
from paper_trading.engine.benchmarks import Benchmarks, Prices
from paper_trading.engine.curve import Curve, HourPoint
from paper_trading.engine.equity import EquityPoint
from paper_trading.engine.money import ZERO, exact, usd
from paper_trading.engine.performance import Performance, performance
from paper_trading.engine.tallies import Swapped, TradeStats
from paper_trading.engine.trade import TradeRecord

#: Metrics are measured on every so many closed ticks of a session.
METRICS_EVERY = 20


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What metrics are computed from; it grows with hours of market time only."""

    curve: Curve
    trades: TradeStats = field(default_factory=TradeStats)
    benchmarks: Benchmarks = field(default_factory=Benchmarks)
    #: The last point of every hour since the start that has one, by the hour's number.
    hours: Mapping[int, HourPoint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Worth:
    """What an account was worth at a tick, in USD, and the price of its cash."""

    at: datetime
    equity_usd: Decimal
    positions_usd: Decimal
    cash_price_usd: Decimal
    #: False: a mark waits for its second reading; neither peak nor drawdown is taken then.
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the metrics stage writes."""

    market_time: datetime
    equity_usd: Decimal
    unrealized_usd: Decimal
    performance: Performance


def worth_of(point: EquityPoint) -> Worth:
    """Return what an equity point says of an account's worth."""
    return Worth(
        point.at, point.equity_usd, point.positions_usd, point.cash_price_usd, point.settled
    )


def metrics_due(ticks_closed: int) -> bool:
    """Say whether the tick after so many closed ones is a session's 20th, 40th, ..."""
    return (ticks_closed + 1) % METRICS_EVERY == 0


def opened(deposit_usd: Decimal) -> TrackRecord:
    """Return the record of an account with its first deposit."""
    return TrackRecord(curves.opened(deposit_usd))


def paid_in(record: TrackRecord, amount_usd: Decimal) -> TrackRecord:
    """Return the record after a deposit."""
    return replace(record, curve=curves.paid_in(record.curve, amount_usd))


def counted(record: TrackRecord, swaps: Iterable[Swapped]) -> TrackRecord:
    """Return the record with some more swaps, in their order."""
    trades = record.trades
    for one in swaps:
        trades = tallies.counted(trades, one)
    return replace(record, trades=trades)


def traded(
    record: TrackRecord, before: Mapping[int, Position], records: Iterable[TradeRecord]
) -> TrackRecord:
    """Return the record after a step; `before` are the positions that it began with."""
    found = (tallies.swapped(one, _opened_at(before.get(one.token.id))) for one in records)
    return counted(record, [one for one in found if one is not None])


def observed(record: TrackRecord, worth: Worth, prices: Prices, step: timedelta) -> TrackRecord:
    """Return the record with the worth of one more tick; `step` is the market's."""
    curve = curves.observed(
        record.curve,
        worth.at,
        worth.equity_usd,
        worth.positions_usd,
        step,
        settled=worth.settled,
    )
    curve = replace(curve, cash_price_usd=worth.cash_price_usd)
    held = holdings.quoted(record.benchmarks, prices)
    point = HourPoint(
        hour=curves.hour_of(curve.start or worth.at, worth.at),
        at=worth.at,
        equity_usd=worth.equity_usd,
        index=curves.index_of(curve),
        eth_index=held.eth_index,
        basket_index=held.basket_index,
    )
    hours = {**record.hours, point.hour: point}
    return replace(record, curve=curve, benchmarks=held, hours=hours)


@exact
def measure(account: Account, worth: Worth, record: TrackRecord) -> Metrics:
    """Compute the metrics of a tick whose worth is in the record."""
    held = account.positions.values()
    cost = sum((position.cost_usd for position in held), ZERO) * worth.cash_price_usd
    found = performance(account, record.curve, record.hours, record.trades)
    return Metrics(worth.at, worth.equity_usd, usd(worth.positions_usd - cost), found)


def _opened_at(position: Position | None) -> datetime | None:
    return None if position is None else position.opened_at
