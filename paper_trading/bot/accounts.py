"""Accounts and sessions: open, fund, reset, start."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from paper_trading.bot import clock, intervals, journal, track_rows
from paper_trading.bot.opening import slot_of
from paper_trading.bot.rules import book_of, save_breakers
from paper_trading.engine import accounting, ledger, track
from paper_trading.engine.money import HIGHEST_DEPOSIT_USD, usd
from paper_trading.engine.seal import seal
from paper_trading.intelligence import book as books
from paper_trading.intelligence.levels import appetite
from paper_trading.models import (
    AccountEventKind,
    FeedMode,
    LedgerEntry,
    Market,
    PaperStrategyConfiguration,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
    Tick,
    TickStatus,
)
from paper_trading.services import account_state
from paper_trading.services.price_feed_service import live_step_of

STARTING_CASH_USD = Decimal(10_000)


class ControlRefused(Exception):
    """A person asked for something that cannot be done now; the message says why."""


def open_account(
    owner: User, name: str, market: Market, deposit_usd: Decimal = STARTING_CASH_USD
) -> PaperTradingAccount:
    """Open an account with a first deposit, as a ledger posting like any other."""
    amount = _amount(deposit_usd)
    try:
        with transaction.atomic():
            row = PaperTradingAccount.objects.create(owner=owner, name=name, market=market)
            account_state.write(row, accounting.open_account(amount))
            _post_deposit(row, amount, owner)
            track_rows.save(row.pk, track.opened(amount))
    except IntegrityError as error:
        if "account_name_once_an_owner" not in str(error):
            raise
        raise ControlRefused(f"{owner} already has an account named {name!r}.") from error
    return row


def deposit(
    account: PaperTradingAccount, amount_usd: Decimal, user: User | None = None
) -> PaperTradingAccount:
    """Add money to an account; returns and drawdown are not moved by it."""
    amount = _amount(amount_usd)
    with transaction.atomic():
        row = PaperTradingAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        if row.archived_at is not None:
            raise ControlRefused(f"{row.name} is archived and takes no deposit.")
        before = book_of(row)
        after = books.after_deposit(before, amount)
        account_state.write(row, after.account)
        save_breakers(row.pk, before.breakers, after.breakers)
        _post_deposit(row, amount, user)
        track_rows.save(row.pk, after.record)
    return row


def reset(account: PaperTradingAccount) -> PaperTradingAccount:
    """Archive an account with all its records and open it anew with the first deposit."""
    with transaction.atomic():
        row = PaperTradingAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        if row.archived_at is not None:
            raise ControlRefused(f"{row.name} is archived already.")
        if row.sessions.filter(status=SessionStatus.RUNNING).exists():
            raise ControlRefused(f"{row.name} has a running session; stop it first.")
        _refuse_open_tick(row)
        first = row.ledger.filter(trade=None, line=0).get()
        row.archived_at = clock.now()
        row.save(update_fields=["archived_at"])
        return open_account(row.owner, row.name, row.market, first.amount_usd)


def open_session(
    account: PaperTradingAccount,
    strategy: PaperStrategyConfiguration,
    intel_level: int = 5,
    interval_ms: int = intervals.DEFAULT_MS,
    tick_limit: int | None = None,
) -> PaperTradingSession:
    """Start a session on an account.

    It reads the market from the first step after the back-fill or, when the account has
    traded before, from the step after its last: an account's time never goes back.
    """
    appetite(intel_level)
    try:
        intervals.check(interval_ms)
    except ValueError as error:
        raise ControlRefused(f"{str(error).capitalize()}.") from error
    try:
        with transaction.atomic():
            row = PaperTradingAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
            if row.archived_at is not None:
                raise ControlRefused(f"{row.name} is archived; open a session on its successor.")
            _refuse_open_tick(row)
            session = PaperTradingSession(
                account=row,
                strategy=strategy,
                intel_level=intel_level,
                interval_ms=interval_ms,
                seed=account.market.seed,
                tick_limit=tick_limit,
                start_step=_start_step(row, account.market),
                last_slot=slot_of(clock.now(), interval_ms),
            )
            session.seal = seal(journal.session_columns(session))
            session.save(force_insert=True)
            return session
    except IntegrityError as error:
        if "session_one_running_an_account" not in str(error):
            raise
        raise ControlRefused(f"{account.name} already has a running session.") from error


def _start_step(account: PaperTradingAccount, market: Market) -> int:
    """Return the first step that a new session reads; of a live market, that of the clock."""
    if market.mode == FeedMode.LIVE:
        return live_step_of(clock.now(), market.step_seconds)
    steps = Tick.objects.filter(session__account=account, step__isnull=False)
    newest = steps.order_by("-step").values_list("step", flat=True).first()
    return market.backfill_steps if newest is None else newest + 1


def _refuse_open_tick(row: PaperTradingAccount) -> None:
    """Two sessions must not trade one account at once: a stopped one finishes its tick first."""
    if Tick.objects.filter(session__account=row, status=TickStatus.OPEN).exists():
        raise ControlRefused(f"A tick of {row.name} is still open; try again in a moment.")


def _amount(amount_usd: Decimal) -> Decimal:
    if not amount_usd.is_finite() or not 0 < amount_usd <= HIGHEST_DEPOSIT_USD:
        raise ControlRefused(
            f"Deposit was {amount_usd} USD; allowed is more than 0 and at most 1,000,000,000,000."
        )
    return usd(amount_usd)


def _post_deposit(row: PaperTradingAccount, amount_usd: Decimal, user: User | None) -> None:
    line = row.ledger.filter(trade=None).count()
    newest = row.equity_points.order_by("-market_time").first()
    journal.record_event(row, AccountEventKind.DEPOSIT, amount_usd=amount_usd, requested_by=user)
    market_time = None if newest is None else newest.market_time
    LedgerEntry.objects.bulk_create(deposit_rows(row.pk, amount_usd, line, market_time))


def deposit_rows(
    account_id: int, amount_usd: Decimal, line: int, market_time: datetime | None
) -> list[LedgerEntry]:
    """Return the postings of a deposit, not yet saved; lines count from `line`."""
    return [
        LedgerEntry(
            account_id=account_id,
            line=line + number,
            market_time=market_time,
            book=posting.book,
            amount_usd=posting.amount_usd,
            units=posting.units,
        )
        for number, posting in enumerate(ledger.deposit_postings(amount_usd))
    ]
