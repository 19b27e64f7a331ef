"""Rows of a past that never happened: closed positions with their trades, postings and ticks."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    ExitReason,
    LedgerAccount,
    Side,
    Stage,
    TradeStatus,
    TransactionKind,
    TransactionStatus,
)
from paper_trading.models import (
    Bar,
    EquityPoint,
    LedgerEntry,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
    SimulatedTransaction,
    StopReason,
    Tick,
    TickStatus,
    Trigger,
)

_APART = timedelta(minutes=5)
_COST = Decimal(100)
_MADE = Decimal("-0.25")
_GAS = Decimal("0.01")
_UNITS = 10**18
_FIRST_NONCE = 1_000_000


def add_closed_trades(account: PaperTradingAccount, closed: int) -> None:
    """Give an account so many closed positions, each bought and sold on one tick.

    They end where the market's own record begins.
    """
    token = account.market.listings.order_by("pk")[0].token
    session = _past_session(account)
    bars = Bar.objects.filter(market=account.market).order_by("start")
    first = bars[0].start - (closed + 1) * _APART
    ticks = Tick.objects.bulk_create(_ticks(session, first, closed), batch_size=2000)
    EquityPoint.objects.bulk_create((_point(account, tick) for tick in ticks), batch_size=2000)
    positions = PaperPosition.objects.bulk_create(
        (_position(account, session, token.pk, tick) for tick in ticks), batch_size=2000
    )
    trades = PaperTrade.objects.bulk_create(
        (
            _trade(position, tick, side)
            for position, tick in zip(positions, ticks, strict=True)
            for side in Side
        ),
        batch_size=2000,
    )
    SimulatedTransaction.objects.bulk_create(
        (_transaction(trade, number) for number, trade in enumerate(trades)), batch_size=2000
    )
    LedgerEntry.objects.bulk_create(
        (line for trade in trades for line in _postings(trade)), batch_size=2000
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _past_session(account: PaperTradingAccount) -> PaperTradingSession:
    now = timezone.now()
    running = account.sessions.get()
    return PaperTradingSession.objects.create(
        account=account,
        strategy=running.strategy,
        status=SessionStatus.STOPPED,
        stop_reason=StopReason.REQUESTED,
        stopped_at=now,
        last_slot=0,
    )


def _ticks(session: PaperTradingSession, first: datetime, count: int) -> Iterator[Tick]:
    for number in range(1, count + 1):
        at = first + number * _APART
        yield Tick(
            session=session,
            slot=number,
            number=number,
            trigger=Trigger.BEAT,
            status=TickStatus.CLOSED,
            stage=Stage.CLOSE,
            opened_at=at,
            closed_at=at,
            market_time=at,
        )


def _point(account: PaperTradingAccount, tick: Tick) -> EquityPoint:
    if tick.market_time is None:
        raise ValueError(f"{tick} has no market time")
    return EquityPoint(
        account=account,
        tick=tick,
        market_time=tick.market_time,
        cash_usd=account.cash_usd,
        positions_usd=0,
        equity_usd=account.cash_usd,
        drawdown_percent=0,
    )


def _position(
    account: PaperTradingAccount, session: PaperTradingSession, token_id: int, tick: Tick
) -> PaperPosition:
    return PaperPosition(
        account=account,
        session=session,
        token_id=token_id,
        is_open=False,
        units=0,
        cost_usd=0,
        bought_usd=_COST,
        high_price_usd=_COST,
        mark_price_usd=_COST,
        marked_market_time=tick.opened_at,
        realized_usd=_MADE,
        gas_usd=2 * _GAS,
        opened_market_time=tick.opened_at,
        closed_market_time=tick.opened_at,
        closed_at=tick.opened_at,
        exit_reason=ExitReason.STOP_LOSS,
    )


def _trade(position: PaperPosition, tick: Tick, side: Side) -> PaperTrade:
    sold = side is Side.SELL
    return PaperTrade(
        account_id=position.account_id,
        session_id=tick.session_id,
        tick=tick,
        stage=Stage.AUTO_CLOSE if sold else Stage.EXECUTION,
        sequence=0,
        position=position,
        token_id=position.token_id,
        side=side,
        status=TradeStatus.FILLED,
        code=Code.OK,
        exit_reason=ExitReason.STOP_LOSS if sold else "",
        market_time=tick.opened_at,
        amount_in=_UNITS,
        amount_out=_UNITS,
        gas_usd=_GAS,
        realized_usd=_MADE if sold else None,
    )


def _transaction(trade: PaperTrade, number: int) -> SimulatedTransaction:
    return SimulatedTransaction(
        account_id=trade.account_id,
        trade=trade,
        kind=TransactionKind.SWAP,
        status=TransactionStatus.CONFIRMED,
        nonce=_FIRST_NONCE + number,
        gas_used=100_000,
        gas_price_wei=10**9,
        l1_fee_wei=0,
        fee_wei=10**14,
        fee_usd=_GAS,
    )


def _postings(trade: PaperTrade) -> Iterator[LedgerEntry]:
    books = (LedgerAccount.CASH, LedgerAccount.POSITION, LedgerAccount.GAS, LedgerAccount.CASH)
    amounts = (_COST, -_COST, _GAS, -_GAS)
    for line, (book, amount) in enumerate(zip(books, amounts, strict=True)):
        yield LedgerEntry(
            account_id=trade.account_id, trade=trade, line=line, book=book, amount_usd=amount
        )
