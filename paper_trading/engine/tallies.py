"""Running statistics of an account's trades, folded record by record.

A trade is a round trip: it counts when the last of its position is sold, with all that the
position realized and all the gas of its swaps, failed ones included. One that made exactly zero
is neither won nor lost, and leaves a streak as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from paper_trading.engine.account import ClosedPosition
from paper_trading.engine.enums import ExitReason, Side, TradeStatus
from paper_trading.engine.equity import market_day
from paper_trading.engine.money import HUNDRED, ZERO, cash_amount, exact, ratio, usd
from paper_trading.engine.trade import TradeRecord

#: What swaps pay, as their records name it; each in USD at par of cash.
COSTS = ("fee_usd", "impact_usd", "drift_usd", "mev_usd", "gas_usd")


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What is known of a closed position."""

    opened_at: datetime
    reason: ExitReason
    closed: ClosedPosition


@dataclass(frozen=True, slots=True)
class Swapped:
    """What is counted of one swap, confirmed or reverted."""

    at: datetime
    token_id: int
    symbol: str
    #: By the names in COSTS.
    costs: Mapping[str, Decimal]
    #: Cash that went into a confirmed buy, or came out of a confirmed sell, at par.
    bought_usd: Decimal = ZERO
    sold_usd: Decimal = ZERO
    trip: RoundTrip | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Round trips of one kind: a token, or an exit reason."""

    name: str
    n: int = 0
    wins: int = 0
    net_usd: Decimal = ZERO
    #: Sum of the net results in percent of what was bought.
    net_percent: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class DaySums:
    """What a variance that is clustered by market day needs, without keeping the days."""

    #: All trades that were won or lost, and their sum.
    trades: int = 0
    amount: Decimal = ZERO
    #: The newest day, its trades that were won or lost, and their sum.
    day: date | None = None
    n: int = 0
    total: Decimal = ZERO
    #: Over the days before it: their number, and the sums of total**2, n * total and n**2.
    days: int = 0
    squares: Decimal = ZERO
    cross: Decimal = ZERO
    counts: int = 0


@dataclass(frozen=True, slots=True)
class TradeStats:
    """Everything that the figures of trades are computed from, however many there were."""

    costs: Mapping[str, Decimal] = field(default_factory=lambda: dict.fromkeys(COSTS, ZERO))
    bought_usd: Decimal = ZERO
    sold_usd: Decimal = ZERO
    n: int = 0
    wins: int = 0
    losses: int = 0
    won_usd: Decimal = ZERO
    #: Positive.
    lost_usd: Decimal = ZERO
    net_percent: Decimal = ZERO
    #: Wins in a row at the end, negative for losses; and the longest of each.
    streak: int = 0
    longest_winning: int = 0
    longest_losing: int = 0
    held: timedelta = timedelta(0)
    shortest: timedelta | None = None
    longest: timedelta | None = None
    by_token: Mapping[int, Tally] = field(default_factory=dict)
    by_exit: Mapping[str, Tally] = field(default_factory=dict)
    usd_days: DaySums = DaySums()
    percent_days: DaySums = DaySums()


@exact
def round_trip(
    opened_at: datetime,
    reason: ExitReason,
    bought_usd: Decimal,
    realized_usd: Decimal,
    gas_usd: Decimal,
) -> RoundTrip:
    """Return a closed position from its totals. ValueError when it took nothing in."""
    if bought_usd <= 0:
        raise ValueError(f"a position that was bought for {bought_usd} USD; allowed is more than 0")
    percent = ratio((realized_usd - gas_usd) / bought_usd * HUNDRED)
    return RoundTrip(opened_at, reason, ClosedPosition(bought_usd, realized_usd, gas_usd, percent))


@exact
def swapped(record: TradeRecord, opened_at: datetime | None) -> Swapped | None:
    """Return what is counted of a record; None for a denial, which paid nothing.

    `opened_at` is the time of the position before the record. ValueError when a sale closed a
    position and it, or the reason, is missing.
    """
    swap = record.swap
    if swap is None:
        return None
    filled, buys = record.status is TradeStatus.FILLED, record.side is Side.BUY
    trip: RoundTrip | None = None
    if record.closed is not None:
        if opened_at is None or record.exit_reason is None:
            raise ValueError(f"a sale of all {record.token.symbol} without a time or a reason")
        trip = RoundTrip(opened_at, record.exit_reason, record.closed)
    return Swapped(
        at=record.market_time,
        token_id=record.token.id,
        symbol=record.token.symbol,
        costs={name: getattr(swap, name) for name in COSTS},
        bought_usd=cash_amount(swap.amount_in) if filled and buys else ZERO,
        sold_usd=cash_amount(swap.amount_out) if filled and not buys else ZERO,
        trip=trip,
    )


@exact
def counted(stats: TradeStats, one: Swapped) -> TradeStats:
    """Return the statistics with one more swap."""
    paid = replace(
        stats,
        costs={name: stats.costs[name] + one.costs[name] for name in COSTS},
        bought_usd=stats.bought_usd + one.bought_usd,
        sold_usd=stats.sold_usd + one.sold_usd,
    )
    return paid if one.trip is None else _closed(paid, one, one.trip)


def _closed(stats: TradeStats, one: Swapped, trip: RoundTrip) -> TradeStats:
    net = usd(trip.closed.realized_usd - trip.closed.gas_usd)
    percent, held = trip.closed.net_percent, one.at - trip.opened_at
    day, decided = market_day(one.at), bool(net)
    exit_tally = _tallied(stats.by_exit.get(trip.reason.value), trip.reason.value, net, percent)
    token_tally = _tallied(stats.by_token.get(one.token_id), one.symbol, net, percent)
    return replace(
        _decided(stats, net) if decided else stats,
        n=stats.n + 1,
        net_percent=stats.net_percent + percent,
        held=stats.held + held,
        shortest=held if stats.shortest is None else min(stats.shortest, held),
        longest=held if stats.longest is None else max(stats.longest, held),
        by_token={**stats.by_token, one.token_id: token_tally},
        by_exit={**stats.by_exit, trip.reason.value: exit_tally},
        usd_days=_on_day(stats.usd_days, day, net) if decided else stats.usd_days,
        percent_days=_on_day(stats.percent_days, day, percent) if decided else stats.percent_days,
    )


def _decided(stats: TradeStats, net_usd: Decimal) -> TradeStats:
    """Count a trade that was won or lost."""
    if net_usd > 0:
        streak = max(stats.streak, 0) + 1
        return replace(
            stats,
            wins=stats.wins + 1,
            won_usd=stats.won_usd + net_usd,
            streak=streak,
            longest_winning=max(stats.longest_winning, streak),
        )
    streak = min(stats.streak, 0) - 1
    return replace(
        stats,
        losses=stats.losses + 1,
        lost_usd=stats.lost_usd - net_usd,
        streak=streak,
        longest_losing=max(stats.longest_losing, -streak),
    )


def _tallied(known: Tally | None, name: str, net_usd: Decimal, percent: Decimal) -> Tally:
    tally = known or Tally(name)
    return replace(
        tally,
        name=name,
        n=tally.n + 1,
        wins=tally.wins + int(net_usd > 0),
        net_usd=tally.net_usd + net_usd,
        net_percent=tally.net_percent + percent,
    )


def _on_day(sums: DaySums, day: date, amount: Decimal) -> DaySums:
    known = replace(sums, trades=sums.trades + 1, amount=sums.amount + amount)
    if sums.day == day:
        return replace(known, n=sums.n + 1, total=sums.total + amount)
    if sums.day is None:
        return replace(known, day=day, n=1, total=amount)
    return replace(
        known,
        day=day,
        n=1,
        total=amount,
        days=sums.days + 1,
        squares=sums.squares + sums.total**2,
        cross=sums.cross + sums.n * sums.total,
        counts=sums.counts + sums.n**2,
    )
