"""What is wrong, read from the rows: the doctor's checks of sessions, ticks, money and files."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q, QuerySet

from paper_trading.bot import clock, endings, ledger_check
from paper_trading.bot.findings import Finding, Severity, Trouble
from paper_trading.bot.opening import slot_start
from paper_trading.engine.enums import BreakerKind
from paper_trading.engine.words import number_of
from paper_trading.models import (
    BreakerState,
    FeedMode,
    InternalError,
    ManualRequest,
    Market,
    MarketSignal,
    PaperTradingAccount,
    PaperTradingSession,
    RequestKind,
    SessionStatus,
    Tick,
    TickStatus,
)
from paper_trading.services import signal_folder
from paper_trading.services.sources.catalogue import RecordChanged, source_of

#: What takes so long is no hiccup: the sweeper looks every second.
GRACE = timedelta(seconds=10)
#: A session may miss so many slots in a row.
MISSED_SLOTS = 3
#: How long a failure is news.
NEWS = timedelta(days=1)


def findings() -> list[Finding]:
    """Look at everything as of one moment, and write nothing."""
    with ledger_check.snapshot():
        now = clock.now()
        return [found for check in _CHECKS for found in check(now)]


def sessions_not_served(now: datetime) -> Iterable[Finding]:
    """Find running sessions for which nothing opens a slot."""
    for session in _running():
        due = slot_start(session.last_slot + 1, session.interval_ms)
        patience = max(GRACE, timedelta(milliseconds=MISSED_SLOTS * session.interval_ms))
        if now - due > patience:
            what = f"No slot of {_name(session)} is opened: beat or every worker is away."
            yield Finding(Trouble.SESSION_NOT_SERVED, Severity.BROKEN, what, due)


def sessions_on_archived_accounts(_: datetime) -> Iterable[Finding]:
    """Find running sessions whose account is archived."""
    for session in _running().filter(account__archived_at__isnull=False):
        what = f"{_name(session)} runs on an archived account."
        yield Finding(
            Trouble.SESSION_ON_ARCHIVED_ACCOUNT,
            Severity.BROKEN,
            what,
            session.account.archived_at,
        )


def stuck_ticks(now: datetime) -> Iterable[Finding]:
    """Find open ticks that no sweeper has taken over or ended."""
    late = Q(lease_until__lt=now - GRACE)
    late |= Q(deadline_at__lt=now - GRACE, stage__in=endings.TRADING)
    ticks = Tick.objects.filter(late, status=TickStatus.OPEN).select_related("session__account")
    for tick in ticks.order_by("pk"):
        what = (
            f"Tick {tick.number} of {_name(tick.session)} is open in stage {tick.stage}"
            f" at attempt {tick.attempt}, and nothing goes on with it."
        )
        yield Finding(Trouble.TICK_STUCK, Severity.BROKEN, what, tick.opened_at)


def failed_ticks(now: datetime) -> Iterable[Finding]:
    """Count ticks that failed for good, news and history apart."""
    failed = Tick.objects.filter(status=TickStatus.FAILED)
    for severity, when, age in _ages("closed_at", now):
        seen = failed.filter(age).aggregate(n=Count("pk"), since=Min("closed_at"), last=Max("pk"))
        if seen["n"]:
            what = f"{number_of(seen['n'], 'tick')} failed {when}, last the tick {seen['last']}."
            yield Finding(Trouble.TICK_FAILED, severity, what, seen["since"])


def internal_errors(now: datetime) -> Iterable[Finding]:
    """Count exceptions that were kept, news and history apart."""
    for severity, when, age in _ages("created_at", now):
        kept = InternalError.objects.filter(age)
        newest = kept.order_by("-pk").first()
        if newest is not None:
            seen = kept.aggregate(n=Count("pk"), since=Min("created_at"))
            what = f"{number_of(seen['n'], 'exception')} kept {when}, last in {newest}"
            yield Finding(Trouble.INTERNAL_ERROR, severity, what, seen["since"])


def tripped_breakers(_: datetime) -> Iterable[Finding]:
    """Find tripped breakers: one for failures inside is a defect, the others do their work."""
    tripped = BreakerState.objects.filter(tripped=True, account__archived_at=None)
    for breaker in tripped.select_related("account").order_by("pk"):
        inside = breaker.kind == BreakerKind.INTERNAL_ERROR
        what = f"{breaker.get_kind_display()} of {breaker.account} is tripped: no entries."
        if breaker.tripped_market_time is not None:
            what += f" Market time {breaker.tripped_market_time:%Y-%m-%d %H:%M}."
        severity = Severity.BROKEN if inside else Severity.NOTE
        yield Finding(Trouble.BREAKER_TRIPPED, severity, what)


def ledger_problems(_: datetime) -> Iterable[Finding]:
    """Find accounts whose books differ from a fold over their fills."""
    for account in PaperTradingAccount.objects.order_by("pk"):
        problems = ledger_check.problems(account)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            yield Finding(Trouble.LEDGER_PROBLEM, Severity.BROKEN, f"{problems[0]}{more}")


def unreadable_records(_: datetime) -> Iterable[Finding]:
    """Find recorded markets of accounts in use whose file is gone or changed."""
    running = Count(
        "accounts__sessions", filter=Q(accounts__sessions__status=SessionStatus.RUNNING)
    )
    markets = Market.objects.filter(mode=FeedMode.RECORDED, accounts__archived_at=None)
    for market in markets.annotate(running=running).distinct().order_by("pk"):
        try:
            source_of(market)
        except RecordChanged as changed:
            severity = Severity.BROKEN if market.running else Severity.NOTE
            what = f"The file of {market} cannot be used: {changed}"
            yield Finding(Trouble.RECORD_UNREADABLE, severity, what)


def signals_off(_: datetime) -> Iterable[Finding]:
    """Find files of the signal folder that are broken, and signals that markets go on without."""
    for one in signal_folder.examine():
        if one.signal is None:
            what = f"Signal {one.name} of the folder is switched off: {one.reason}"
            yield Finding(Trouble.SIGNAL_OFF, Severity.NOTE, what)
    used = Q(market__accounts__isnull=False, market__accounts__archived_at=None)
    rows = MarketSignal.objects.filter(used, off_step__isnull=False).select_related("market")
    for row in rows.distinct().order_by("pk"):
        what = f"Signal {row} is switched off from step {row.off_step} on: {row.off_reason}"
        yield Finding(Trouble.SIGNAL_OFF, Severity.NOTE, what)


def waiting_requests(now: datetime) -> Iterable[Finding]:
    """Find requests by people that no tick has taken up."""
    waiting = ManualRequest.objects.filter(tick=None, requested_at__lt=now - GRACE)
    rows = waiting.select_related("session__account", "token").order_by("pk")
    for request in rows:
        running = request.session.status == SessionStatus.RUNNING
        if request.kind == RequestKind.TICK:
            what = f"A tick of {_name(request.session)} was asked for, and none was opened."
            severity = Severity.BROKEN if running else Severity.NOTE
        else:
            interval = timedelta(milliseconds=request.session.interval_ms)
            if running and now - request.requested_at < 2 * interval + GRACE:
                continue
            what = f"{request.token} of {_name(request.session)} shall be closed, and is not yet."
            severity = Severity.NOTE
        yield Finding(Trouble.REQUEST_WAITING, severity, what, request.requested_at)


def unmanaged_positions(_: datetime) -> Iterable[Finding]:
    """Find accounts that hold positions while no session of theirs runs."""
    held = Count("positions", filter=Q(positions__is_open=True), distinct=True)
    runs = Count("sessions", filter=Q(sessions__status=SessionStatus.RUNNING), distinct=True)
    accounts = PaperTradingAccount.objects.filter(archived_at=None).annotate(
        held=held, runs=runs, stopped=Max("sessions__stopped_at")
    )
    for account in accounts.filter(held__gt=0, runs=0).order_by("pk"):
        what = f"{account} holds {number_of(account.held, 'position')} that no session manages."
        yield Finding(Trouble.POSITIONS_UNMANAGED, Severity.NOTE, what, account.stopped)


_CHECKS: tuple[Callable[[datetime], Iterable[Finding]], ...] = (
    sessions_not_served,
    sessions_on_archived_accounts,
    stuck_ticks,
    failed_ticks,
    internal_errors,
    tripped_breakers,
    ledger_problems,
    unreadable_records,
    signals_off,
    waiting_requests,
    unmanaged_positions,
)


def _running() -> QuerySet[PaperTradingSession]:
    running = PaperTradingSession.objects.filter(status=SessionStatus.RUNNING)
    return running.select_related("account").order_by("pk")


def _name(session: PaperTradingSession) -> str:
    return f"session {session.pk} ({session.account})"


def _ages(column: str, now: datetime) -> Iterable[tuple[Severity, str, Q]]:
    """Tell the failures of the last day, which are news, from older ones, which are history."""
    news = Q(**{f"{column}__gte": now - NEWS})
    yield Severity.BROKEN, "within the last day", news
    yield Severity.NOTE, "longer than a day ago", ~news
