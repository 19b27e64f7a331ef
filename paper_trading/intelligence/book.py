"""What an account carries from stage to stage, and what happens to it between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine import accounting, breakers
from paper_trading.engine.account import Account
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.enums import BreakerKind, Side, TradeStatus
from paper_trading.engine.equity import EquityPoint
from paper_trading.engine.money import ZERO
from paper_trading.engine.steps import StepResult
from paper_trading.engine.track import TrackRecord, net_of_sell, observed
from paper_trading.intelligence.analysis import AccountState


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that a stage reads of an account, at one version of its state."""

    account: Account
    version: int
    breakers: Mapping[BreakerKind, Breaker] = field(default_factory=dict)
    record: TrackRecord = field(default_factory=TrackRecord)
    #: Equity at the newest tick, and when; None before the first.
    last_equity: tuple[datetime, Decimal] | None = None
    #: Equity less deposits at the last stage that wrote the account.
    total_pnl_usd: Decimal = ZERO

    def state(self) -> AccountState:
        """Return what decisions read."""
        return AccountState(self.version, self.account)


def opened(deposit_usd: Decimal) -> Book:
    """Return the book of a new account with its first deposit."""
    account = accounting.open_account(deposit_usd)
    return Book(account, 1, record=TrackRecord(deposits=((None, deposit_usd),)))


def after_step(book: Book, result: StepResult) -> Book:
    """Return the book after a money stage; the version grows when the stage wrote the account."""
    wrote = result.wrote(book.account)
    realized = book.record.realized
    for trade in result.trades:
        sold = trade.status is TradeStatus.FILLED and trade.side is Side.SELL
        if sold and trade.realized_usd is not None and trade.swap is not None:
            realized = (*realized, net_of_sell(trade.realized_usd, trade.swap.gas_usd))
    return replace(
        book,
        account=result.account,
        total_pnl_usd=result.total_pnl_usd if wrote else book.total_pnl_usd,
        version=book.version + int(wrote),
        breakers=result.breakers,
        record=replace(book.record, realized=realized),
    )


def after_tick(book: Book, point: EquityPoint, step: timedelta) -> Book:
    """Return the book with the equity of a tick that was executed."""
    record = observed(book.record, point.at, point.equity_usd, step)
    return replace(book, record=record, last_equity=(point.at, point.equity_usd))


def after_deposit(book: Book, amount_usd: Decimal) -> Book:
    """Return the book with more money in it."""
    at = None if book.last_equity is None else book.last_equity[0]
    paid = (*book.record.deposits, (at, amount_usd))
    return replace(
        book,
        account=accounting.deposit(book.account, amount_usd),
        version=book.version + 1,
        breakers=breakers.after_deposit(book.breakers, amount_usd),
        record=replace(book.record, deposits=paid),
    )


def after_reset(book: Book, kind: BreakerKind) -> Book:
    """Return the book after a person reset a breaker."""
    equity = book.account.cash_usd if book.last_equity is None else book.last_equity[1]
    after = breakers.reset(book.breakers.get(kind, Breaker(kind)), equity)
    return replace(
        book,
        account=accounting.after_reset(book.account, kind),
        version=book.version + 1,
        breakers={**book.breakers, kind: after},
    )


def after_trip(book: Book, at: datetime) -> Book:
    """Return the book after a tick failed for good."""
    tripped = breakers.trip_for_error(book.breakers, at)
    return replace(book, version=book.version + 1, breakers=tripped)
