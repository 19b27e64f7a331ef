"""What people may ask of a session: start, pause, halt, stop, tick, close a position."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from paper_trading.bot import clock, events
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.opening import slot_of
from paper_trading.engine.words import number_of
from paper_trading.models import (
    ManualRequest,
    PaperTradingSession,
    RequestKind,
    SessionStatus,
    StopReason,
    Token,
)

__all__ = ["ControlRefused"]


def start(session: PaperTradingSession) -> None:
    """Start a stopped session again; the slots it missed while stopped were not due."""
    try:
        with transaction.atomic():
            row = _locked(session)
            if row.status == SessionStatus.RUNNING:
                raise ControlRefused(f"Session {row.pk} is running already.")
            if row.account.archived_at is not None:
                raise ControlRefused(f"{row.account.name} is archived.")
            if row.stop_reason in (StopReason.RECORD_ENDED, StopReason.RECORD_CHANGED):
                raise ControlRefused(f"Session {row.pk} has no more prices to read.")
            if row.account.sessions.filter(pk__gt=row.pk).exists():
                raise ControlRefused(f"Session {row.pk} has a successor; start that one.")
            row.status, row.stop_reason, row.stopped_at = SessionStatus.RUNNING, "", None
            row.last_slot = slot_of(clock.now(), row.interval_ms)
            if row.tick_limit is not None and row.ticks_closed >= row.tick_limit:
                row.tick_limit = None
            row.save()
            _tell(row, "started", "Session started.")
    except IntegrityError as error:
        if "session_one_running_an_account" not in str(error):
            raise
        raise ControlRefused("The account already has a running session.") from error


def stop(session: PaperTradingSession, reason: StopReason = StopReason.REQUESTED) -> None:
    """Stop a session: no tick starts any more; an open one finishes."""
    with transaction.atomic():
        row = _running(session)
        row.status, row.stop_reason = SessionStatus.STOPPED, reason
        row.stopped_at = clock.now()
        row.save(update_fields=["status", "stop_reason", "stopped_at"])
        held = row.account.positions.filter(is_open=True).count()
        verb = "is" if held == 1 else "are"
        left = f" {number_of(held, 'open position')} {verb} no longer managed."
        note = left if held else ""
        _tell(row, "stopped", f"Session stopped.{note}")


def pause(session: PaperTradingSession) -> None:
    """Pause entries; ticks, marks and exits go on."""
    _set(session, "entries_paused", wanted=True, word="paused", text="Entries are paused.")


def resume(session: PaperTradingSession) -> None:
    """Let entries happen again."""
    _set(session, "entries_paused", wanted=False, word="resumed", text="Entries are allowed.")


def halt(session: PaperTradingSession) -> None:
    """Halt trading: neither entries nor exits until it is released."""
    _set(session, "halted", wanted=True, word="halted", text="Trading is halted.")


def unhalt(session: PaperTradingSession) -> None:
    """Release a halt."""
    _set(session, "halted", wanted=False, word="released", text="Trading is no longer halted.")


def request_tick(session: PaperTradingSession, user: User) -> ManualRequest:
    """Ask for a tick now; it goes through the same chain as any other."""
    with transaction.atomic():
        row = _running(session)
        return ManualRequest.objects.create(session=row, kind=RequestKind.TICK, requested_by=user)


def request_close(session: PaperTradingSession, token: Token, user: User) -> ManualRequest:
    """Ask for a position to be sold at the next tick."""
    with transaction.atomic():
        row = _running(session)
        if not row.account.positions.filter(token=token, is_open=True).exists():
            raise ControlRefused(f"There is no open position in {token.symbol}.")
        if row.requests.filter(kind=RequestKind.CLOSE_POSITION, token=token, tick=None).exists():
            raise ControlRefused(f"{token.symbol} is already marked to be closed.")
        return ManualRequest.objects.create(
            session=row, kind=RequestKind.CLOSE_POSITION, token=token, requested_by=user
        )


def _locked(session: PaperTradingSession) -> PaperTradingSession:
    return (
        PaperTradingSession.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account")
        .get(pk=session.pk)
    )


def _running(session: PaperTradingSession) -> PaperTradingSession:
    row = _locked(session)
    if row.status != SessionStatus.RUNNING:
        raise ControlRefused(f"Session {row.pk} is stopped.")
    return row


def _set(session: PaperTradingSession, flag: str, *, wanted: bool, word: str, text: str) -> None:
    with transaction.atomic():
        row = _running(session)
        if getattr(row, flag) == wanted:
            raise ControlRefused(f"Session {row.pk}: {text[0].lower()}{text[1:-1]} already.")
        setattr(row, flag, wanted)
        row.save(update_fields=[flag])
        _tell(row, word, text)


def _tell(row: PaperTradingSession, word: str, text: str) -> None:
    events.status(row.account.owner_id, row.account_id, row.pk, word, text)
