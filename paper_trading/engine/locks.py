"""Locks of single tokens: no entries until a market time, for a stated reason; exits pass.

A person locks a token, or a rule of the strategy does when its swaps keep failing.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from paper_trading.engine.account import Account, TokenLock
from paper_trading.engine.codes import IN_NO_BLOCK
from paper_trading.engine.enums import TradeStatus
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.trade import TradeRecord
from paper_trading.engine.words import number_of

#: Of a reason, so that the record of a denial keeps it with its time.
LONGEST_REASON = 120


def locked(account: Account, token_id: int, lock: TokenLock) -> Account:
    """Return the account with a lock in place of any other one of the token.

    ValueError for a reason that is empty or too long, and a time without a zone.
    """
    if not 0 < len(lock.reason) <= LONGEST_REASON:
        raise ValueError(
            f"reason of a lock was {lock.reason!r}; allowed are 1 to {LONGEST_REASON} characters"
        )
    if lock.until.tzinfo is None:
        raise ValueError(f"lock until {lock.until.isoformat()} has no time zone")
    return replace(account, locks={**account.locks, token_id: lock})


def released(account: Account, token_id: int) -> Account:
    """Return the account without the lock of a token."""
    rest = {key: lock for key, lock in account.locks.items() if key != token_id}
    return replace(account, locks=rest)


def current(account: Account, at: datetime) -> Account:
    """Return the account without the locks that are over at a market time."""
    if all(at < lock.until for lock in account.locks.values()):
        return account
    rest = {key: lock for key, lock in account.locks.items() if at < lock.until}
    return replace(account, locks=rest)


def denial(account: Account, token_id: int, at: datetime) -> str:
    """Return why a token is not bought at a market time, and until when; empty when it may be."""
    lock = account.locks.get(token_id)
    if lock is None or at >= lock.until:
        return ""
    return f"{lock.reason}, until {lock.until:%Y-%m-%d %H:%M:%S}"


def after_swaps(
    account: Account, trades: Iterable[TradeRecord], strategy: Strategy, at: datetime
) -> Account:
    """Return the account with its failed swaps in a row counted, and locked what has too many.

    Entries and exits count alike. A lock begins a new row; it never shortens another lock.
    """
    for record in trades:
        if record.swap is not None and record.code not in IN_NO_BLOCK:
            account = _counted(account, record, strategy, at)
    return account


def _counted(account: Account, record: TradeRecord, strategy: Strategy, at: datetime) -> Account:
    token_id, failed = record.token.id, record.status is TradeStatus.FAILED
    row = account.failed_swaps.get(token_id, 0) + 1 if failed else 0
    limit = strategy.lock_after_failures
    if limit is None or row < limit:
        return _with_row(account, token_id, row)
    until = at + timedelta(minutes=strategy.lock_minutes)
    known = account.locks.get(token_id)
    if known is None or known.until < until:
        reason = f"{number_of(row, 'failed swap')} in a row"
        account = locked(account, token_id, TokenLock(until, reason, by_person=False))
    return _with_row(account, token_id, 0)


def _with_row(account: Account, token_id: int, row: int) -> Account:
    if account.failed_swaps.get(token_id, 0) == row:
        return account
    rest = {key: count for key, count in account.failed_swaps.items() if key != token_id}
    return replace(account, failed_swaps={**rest, token_id: row} if row else rest)
