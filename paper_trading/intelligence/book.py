"""What an account carries from stage to stage, and what happens to it between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine import accounting, breakers, locks, track
from paper_trading.engine.account import Account, TokenLock
from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.enums import BreakerKind
from paper_trading.engine.money import ZERO, exact, usd
from paper_trading.engine.steps import StepResult
from paper_trading.engine.track import TrackRecord, Worth
from paper_trading.intelligence.analysis import AccountState


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that a stage reads of an account, at one version of its state."""

    account: Account
    version: int
    record: TrackRecord
    breakers: Mapping[BreakerKind, Breaker] = field(default_factory=dict)
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
    return Book(account, 1, track.opened(deposit_usd))


def after_step(book: Book, result: StepResult) -> Book:
    """Return the book after a money stage; the version grows when the stage wrote the account."""
    wrote = result.wrote(book.account)
    return replace(
        book,
        account=result.account,
        total_pnl_usd=result.total_pnl_usd if wrote else book.total_pnl_usd,
        version=book.version + int(wrote),
        breakers=result.breakers,
        record=track.traded(book.record, book.account.positions, result.trades),
    )


def after_tick(book: Book, worth: Worth, prices: Prices, step: timedelta) -> Book:
    """Return the book with the worth of a tick that was executed; `step` is the market's."""
    record = track.observed(book.record, worth, prices, step)
    return replace(book, record=record, last_equity=(worth.at, worth.equity_usd))


@exact
def after_deposit(book: Book, amount_usd: Decimal) -> Book:
    """Return the book with more money in it."""
    return replace(
        book,
        account=accounting.deposit(book.account, amount_usd),
        version=book.version + 1,
        breakers=breakers.after_deposit(
            book.breakers, usd(amount_usd * book.account.cash_price_usd)
        ),
        record=track.paid_in(book.record, amount_usd),
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


def after_lock(book: Book, token_id: int, lock: TokenLock) -> Book:
    """Return the book after a person locked a token."""
    return replace(
        book, account=locks.locked(book.account, token_id, lock), version=book.version + 1
    )


def after_release(book: Book, token_id: int) -> Book:
    """Return the book after a person released the lock of a token."""
    return replace(book, account=locks.released(book.account, token_id), version=book.version + 1)


def after_trip(book: Book, at: datetime) -> Book:
    """Return the book after a tick failed for good."""
    tripped = breakers.trip_for_error(book.breakers, at)
    return replace(book, version=book.version + 1, breakers=tripped)
