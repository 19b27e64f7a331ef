"""The track record of an account folded anew from its trades, deposits and equity points."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max, Q

from paper_trading.engine import track
from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.enums import ExitReason, LedgerAccount, Side, TradeStatus
from paper_trading.engine.money import ZERO, cash_amount
from paper_trading.engine.tallies import COSTS, RoundTrip, Swapped, round_trip
from paper_trading.engine.track import TrackRecord, Worth
from paper_trading.intelligence.market_view import benchmark_prices
from paper_trading.models import (
    EquityPoint,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
)
from paper_trading.services.market_rows import listed_tokens

#: Equity points that are read at once, with the quotes of their ticks.
PORTION = 200


def rebuild(account: PaperTradingAccount) -> TrackRecord:
    """Fold an account's rows anew; it takes as long as the account is old.

    ValueError when the account has no deposit.
    """
    paid = account.ledger.filter(trade=None, book=LedgerAccount.CASH).order_by("line")
    deposits = list(paid.values_list("market_time", "amount_usd"))
    if not deposits:
        raise ValueError(f"account {account.pk} {account.name} has no deposit")
    record = track.opened(deposits.pop(0)[1])
    record = _with_deposits(record, deposits, None)
    step = timedelta(seconds=account.market.step_seconds)
    for worth, prices in _points(account):
        record = track.observed(record, worth, prices, step)
        record = _with_deposits(record, deposits, worth.at)
    return track.counted(record, _swaps(account))


def _with_deposits(
    record: TrackRecord,
    deposits: list[tuple[datetime | None, Decimal]],
    at: datetime | None,
) -> TrackRecord:
    """Take the deposits that came after the point of a time, before the next one."""
    while deposits and deposits[0][0] == at:
        record = track.paid_in(record, deposits.pop(0)[1])
    return record


def _points(account: PaperTradingAccount) -> Iterator[tuple[Worth, Prices]]:
    keys = list(account.equity_points.order_by("market_time").values_list("pk", flat=True))
    for first in range(0, len(keys), PORTION):
        points = EquityPoint.objects.filter(pk__in=keys[first : first + PORTION])
        read = points.select_related("tick__batch__token_list").order_by("market_time")
        for point in read.prefetch_related("tick__batch__quotes"):
            batch = point.tick.batch
            if batch is None:
                raise ValueError(f"{point.tick} has an equity point and no batch")
            worth = Worth(
                point.market_time,
                point.equity_usd,
                point.positions_usd,
                point.cash_price_usd,
                point.settled,
            )
            quoted = {quote.token_id: quote.price_usd for quote in batch.quotes.all()}
            yield worth, benchmark_prices(listed_tokens(batch), quoted)


def _swaps(account: PaperTradingAccount) -> Iterator[Swapped]:
    """Yield what is counted of every swap, in the order in which they were made."""
    last = Max("trades__pk", filter=Q(trades__side=Side.SELL, trades__status=TradeStatus.FILLED))
    closed = PaperPosition.objects.filter(account=account, is_open=False).annotate(last=last)
    closers = {row.last: row for row in closed}
    sent = PaperTrade.objects.filter(account=account).exclude(status=TradeStatus.DENIED)
    for trade in sent.select_related("token").order_by("pk").iterator(chunk_size=2000):
        yield _swapped(trade, closers.get(trade.pk))


def _swapped(trade: PaperTrade, closed: PaperPosition | None) -> Swapped:
    filled, buys = trade.status == TradeStatus.FILLED, trade.side == Side.BUY
    paid, got = trade.amount_in or 0, trade.amount_out or 0
    return Swapped(
        at=trade.market_time,
        token_id=trade.token_id,
        symbol=trade.token.symbol,
        costs={name: getattr(trade, name) for name in COSTS},
        bought_usd=cash_amount(paid) if filled and buys else ZERO,
        sold_usd=cash_amount(got) if filled and not buys else ZERO,
        trip=None if closed is None else _trip(closed),
    )


def _trip(row: PaperPosition) -> RoundTrip:
    return round_trip(
        row.opened_market_time,
        ExitReason(row.exit_reason),
        row.bought_usd,
        row.realized_usd,
        row.gas_usd,
    )
