"""Ticks that end without closing: expired past their deadline, or failed for good."""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from paper_trading.bot import events, journal
from paper_trading.bot.clock import ClockTimestamp
from paper_trading.bot.rules import breakers_of, save_breakers
from paper_trading.engine.breakers import trip_for_error
from paper_trading.engine.enums import BreakerKind, Stage
from paper_trading.engine.words import number_of
from paper_trading.models import (
    AccountEventKind,
    PaperTradingAccount,
    Tick,
    TickReason,
    TickStatus,
)

logger = logging.getLogger(__name__)

#: Past the deadline none of these runs: they would trade on old prices.
TRADING = (Stage.PRICES, Stage.AUTO_CLOSE, Stage.ANALYSIS, Stage.EXECUTION)


def expire(tick_ids: Sequence[int]) -> None:
    """Close ticks that missed their deadline before they were done trading; what they did stands.

    One that missed it because something keeps failing inside stops entries, as `fail` does.
    """
    for tick in _open(tick_ids).filter(stage__in=TRADING):
        with transaction.atomic():
            # The account is locked before the tick, as the stages do.
            account = _locked(tick) if tick.errors.filter(token=None).exists() else None
            if not _end(tick, TickStatus.EXPIRED, TickReason.DEADLINE):
                continue
            logger.warning("tick %s stage %s: expired past its deadline", tick.pk, tick.stage)
            if account is not None:
                text = f"Tick {tick.number} failed in stage {tick.stage} until it expired."
                _trip(tick, account, text)


def fail(tick: Tick) -> None:
    """Give a tick up after too many attempts: no entries until a person has looked."""
    with transaction.atomic():
        account = _locked(tick)
        if not _end(tick, TickStatus.FAILED, TickReason.ATTEMPTS):
            return
        tried = number_of(tick.attempt, "attempt")
        text = f"Tick {tick.number} failed in stage {tick.stage} after {tried}."
        logger.error("tick %s stage %s: %s", tick.pk, tick.stage, text)
        _trip(tick, account, text)


def abandon(account: PaperTradingAccount) -> None:
    """End the open ticks of an account whose session is replaced, whatever their deadline.

    A worker that is at one of them finds itself fenced; what the tick did stands.
    """
    for tick in Tick.objects.select_related("session__account").filter(
        session__account=account, status=TickStatus.OPEN
    ):
        with transaction.atomic():
            _end(tick, TickStatus.EXPIRED, TickReason.SESSION_STOPPED)


def skip(tick: Tick, reason: TickReason) -> bool:
    """Record an open tick that had nothing to read as SKIPPED; False when it moved on."""
    return _end(tick, TickStatus.SKIPPED, reason, number=None)


def _open(tick_ids: Sequence[int]) -> QuerySet[Tick]:
    ticks = Tick.objects.select_related("session__account")
    return ticks.filter(pk__in=tick_ids, status=TickStatus.OPEN)


def _end(tick: Tick, status: TickStatus, reason: TickReason, **columns: None) -> bool:
    ended = Tick.objects.filter(
        pk=tick.pk, status=TickStatus.OPEN, stage=tick.stage, attempt=tick.attempt
    ).update(status=status, reason=reason, closed_at=ClockTimestamp(), **columns)
    if ended:
        events.ended(tick, status)
    return bool(ended)


def _locked(tick: Tick) -> PaperTradingAccount:
    accounts = PaperTradingAccount.objects.select_for_update(no_key=True)
    return accounts.get(pk=tick.session.account_id)


def _trip(tick: Tick, account: PaperTradingAccount, text: str) -> None:
    """Trip the account's breaker of internal errors, as an event of its journal."""
    kind, at = BreakerKind.INTERNAL_ERROR, tick.market_time or tick.opened_at
    before = breakers_of(account.pk)
    save_breakers(account.pk, before, trip_for_error(before, at))
    account.state_version += 1
    account.save(update_fields=["state_version"])
    journal.record_event(
        account, AccountEventKind.BREAKER_TRIP, breaker=kind, market_time=at, reason=text
    )
    events.breaker(
        account.owner_id, account.pk, tick.session_id, kind.value, tripped=True, text=text
    )
