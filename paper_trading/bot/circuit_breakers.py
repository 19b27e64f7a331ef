"""Circuit breakers and token locks of one account: how they stand, and what people may do.

The money stages of every tick evaluate them (engine.breakers, engine.locks) and store them in
their transaction. Nothing is kept here between two calls: what is told is read from the rows,
so that a restart changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from paper_trading.bot import clock, events, journal
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.rules import book_of, breakers_of, save_breakers
from paper_trading.engine import breakers as circuit
from paper_trading.engine.account import TokenLock
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import BreakerKind, TradingState
from paper_trading.engine.locks import LONGEST_REASON
from paper_trading.engine.strategy import RANGES
from paper_trading.intelligence import book as books
from paper_trading.intelligence.book import Book
from paper_trading.models import (
    AccountEventKind,
    FeedMode,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
    Token,
)
from paper_trading.services import account_state


class CircuitBreakerManager:
    """The breakers and locks of an account. `can_trade` asks; `reset`, `lock`, `release` act.

    What acts needs a user and a reason, and is an event of the account's journal, which a
    replay applies again.
    """

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id

    def breakers(self) -> Mapping[BreakerKind, Breaker]:
        """Return every breaker; one that has no row never tripped."""
        found = breakers_of(self.account_id)
        return {kind: found.get(kind, Breaker(kind)) for kind in BreakerKind}

    def state(self) -> TradingState:
        """Return HALTED when a person halted the running session, else what the breakers say."""
        if self._running().filter(halted=True).exists():
            return TradingState.HALTED
        return circuit.state_of(breakers_of(self.account_id))

    def reasons(self) -> dict[BreakerKind, str]:
        """Return why entries are stopped: a sentence with its numbers for each tripped breaker."""
        found = self.breakers()
        return {kind: circuit.reason(found[kind]) for kind in circuit.tripped(found)}

    def locks(self) -> dict[int, TokenLock]:
        """Return the locks by token id, until when and why; one that is over goes with a tick."""
        return account_state.locks_from_json(self._row().locks)

    def can_trade(self, token_id: int | None = None) -> tuple[bool, str]:
        """Say whether entries are allowed, of a token too when one is named, and if not, why."""
        state = self.state()
        if state is TradingState.HALTED:
            return False, Code.STATE_HALTED.text
        if state is TradingState.REDUCING:
            return False, " ".join(self.reasons().values())
        if self._running().filter(entries_paused=True).exists():
            return False, Code.ENTRIES_PAUSED.text
        lock = None if token_id is None else self.locks().get(token_id)
        if lock is None or market_now(self._row()) >= lock.until:
            return True, ""
        return False, f"{lock.reason}, until {lock.until.isoformat()}"

    def reset(self, kind: BreakerKind, user: User, reason: str) -> None:
        """Reset a tripped breaker: losses count from the present equity, failures from 0."""
        why = _reason(reason)
        with transaction.atomic():
            row, before = self._locked()
            if kind not in circuit.tripped(before.breakers):
                raise ControlRefused(f"{_words(kind)} is not tripped.")
            after = books.after_reset(before, kind)
            save_breakers(row.pk, before.breakers, after.breakers, user, why)
            account_state.write(row, after.account)
            journal.record_event(
                row, AccountEventKind.BREAKER_RESET, breaker=kind, reason=why, requested_by=user
            )
            text = f"{_words(kind)} was reset by {user}: {why}"
            events.breaker(row.owner_id, row.pk, None, kind, tripped=False, text=text)

    def lock(self, token: Token, minutes: int, user: User, reason: str) -> TokenLock:
        """Lock a token's entries for some minutes of market time; exits pass."""
        why = _reason(reason)
        least, most = (int(bound) for bound in RANGES["lock_minutes"])
        if not least <= minutes <= most:
            raise ControlRefused(f"Was {minutes} minutes; allowed are {least} to {most}.")
        with transaction.atomic():
            row, before = self._locked()
            if token.is_cash or not row.market.listings.filter(token=token).exists():
                raise ControlRefused(f"{token.symbol} is not traded on {row.market}.")
            until = market_now(row) + timedelta(minutes=minutes)
            lock = TokenLock(until, why, by_person=True)
            account_state.write(row, books.after_lock(before, token.pk, lock).account)
            journal.record_event(
                row,
                AccountEventKind.TOKEN_LOCK,
                token=token,
                market_time=until,
                reason=why,
                requested_by=user,
            )
            text = f"{token.symbol} is locked until {until.isoformat()} by {user}: {why}"
            events.lock(row, "locked", text)
        return lock

    def release(self, token: Token, user: User, reason: str) -> None:
        """Release the lock of a token, whoever made it."""
        why = _reason(reason)
        with transaction.atomic():
            row, before = self._locked()
            if token.pk not in before.account.locks:
                raise ControlRefused(f"{token.symbol} is not locked.")
            account_state.write(row, books.after_release(before, token.pk).account)
            journal.record_event(
                row,
                AccountEventKind.TOKEN_RELEASE,
                token=token,
                reason=why,
                requested_by=user,
            )
            text = f"The lock of {token.symbol} was released by {user}: {why}"
            events.lock(row, "unlocked", text)

    def _running(self) -> QuerySet[PaperTradingSession]:
        return PaperTradingSession.objects.filter(
            account=self.account_id, status=SessionStatus.RUNNING
        )

    def _row(self) -> PaperTradingAccount:
        return PaperTradingAccount.objects.select_related("market").get(pk=self.account_id)

    def _locked(self) -> tuple[PaperTradingAccount, Book]:
        """Lock the account and read its book, inside a transaction."""
        row = (
            PaperTradingAccount.objects.select_for_update(of=("self",), no_key=True)
            .select_related("market")
            .get(pk=self.account_id)
        )
        return row, book_of(row)


def market_now(row: PaperTradingAccount) -> datetime:
    """Return an account's market time: the clock live, else that of its last tick.

    :raises ControlRefused: when it had no tick yet.
    """
    if row.market.mode == FeedMode.LIVE:
        return clock.now()
    newest = row.equity_points.order_by("-market_time").first()
    if newest is None:
        raise ControlRefused(f"{row.name} has no market time yet: run a tick first.")
    return newest.market_time


def _reason(text: str) -> str:
    why = text.strip()
    if not 0 < len(why) <= LONGEST_REASON:
        raise ControlRefused(f"A reason of 1 to {LONGEST_REASON} characters is needed.")
    return why


def _words(kind: BreakerKind) -> str:
    return kind.replace("_", " ").capitalize()
