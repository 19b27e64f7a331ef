"""What happens to an account between its stages, applied to its book."""

from decimal import Decimal

from paper_trading.bot.replay.checks import NoJournal
from paper_trading.engine.account import TokenLock
from paper_trading.engine.enums import BreakerKind
from paper_trading.intelligence import book as books
from paper_trading.intelligence.book import Book
from paper_trading.models import AccountEvent, AccountEventKind
from paper_trading.models.account import OF_TOKENS


def happened(book: Book, event: AccountEvent, amount_usd: Decimal | None) -> Book:
    """Return the book after an event; a deposit is of `amount_usd`.

    :raises NoJournal: when the event does not say of which token it is.
    """
    if event.kind == AccountEventKind.DEPOSIT and amount_usd is not None:
        return books.after_deposit(book, amount_usd)
    if event.kind == AccountEventKind.BREAKER_RESET:
        return books.after_reset(book, BreakerKind(event.breaker))
    if event.kind in OF_TOKENS:
        return _locked(book, event)
    if event.market_time is not None:
        return books.after_trip(book, event.market_time)
    return book


def _locked(book: Book, event: AccountEvent) -> Book:
    """Lock a token until the event's time, or release it."""
    if event.token_id is None:
        raise NoJournal(f"event at version {event.version} names no token")
    if event.kind == AccountEventKind.TOKEN_LOCK and event.market_time is not None:
        lock = TokenLock(event.market_time, event.reason, by_person=True)
        return books.after_lock(book, event.token_id, lock)
    return books.after_release(book, event.token_id)
