"""What must hold after a run, read from the rows."""

from collections import Counter
from typing import Any

from django.db.models import Count, QuerySet

from paper_trading.bot import track_check
from paper_trading.bot.ledger_check import all_problems
from paper_trading.engine.pending_json import pending_from
from paper_trading.models import (
    EquityPoint,
    InternalError,
    PaperPerformanceMetrics,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    Tick,
    TickStage,
    TickStatus,
)


def findings() -> dict[str, Any]:
    """Return the problems in words, and the numbers of the report."""
    statuses = Counter(Tick.objects.values_list("status", flat=True))
    problems = [*_slots(), *_ends(), *_doubles(), *_overdue()]
    problems += [f"ledger: {problem}" for problem in all_problems()]
    problems += [f"track record: {problem}" for problem in track_check.all_problems()]
    for error in InternalError.objects.all():
        last = error.traceback.strip().splitlines()[-1:]
        problems.append(f"internal error in tick {error.tick_id} {error.stage}: {last}")
    return {
        "problems": problems,
        "slots": Tick.objects.exclude(slot=None).count(),
        "ticks": dict(statuses),
        "takeovers": Tick.objects.filter(attempt__gt=1).count(),
        "fills": PaperTrade.objects.filter(status="FILLED").count(),
    }


def _slots() -> list[str]:
    """Every due slot has one row."""
    problems = []
    for session in PaperTradingSession.objects.all():
        slots = session.ticks.exclude(slot=None).values_list("slot", flat=True)
        rows = Counter(slot for slot in slots if slot is not None)
        due = range(min(rows), session.last_slot + 1) if rows else range(0)
        wrong = [slot for slot in due if rows[slot] != 1]
        if wrong:
            problems.append(f"session {session.pk}: slots without exactly one row: {wrong[:5]}")
    return problems


def _ends() -> list[str]:
    """Every row is final, and each closed tick went through its stages once."""
    open_ones = Tick.objects.filter(status=TickStatus.OPEN)
    failed = Tick.objects.filter(status=TickStatus.FAILED)
    return [f"{tick} is still open in stage {tick.stage}" for tick in open_ones] + [
        f"{tick} failed in stage {tick.stage}" for tick in failed
    ]


def _overdue() -> list[str]:
    """No swap is on its way whose block an account's last exits stage was past.

    The market of these runs has a sound price of every token at every step.
    """
    problems = []
    for account in PaperTradingAccount.objects.exclude(pending=[]):
        last = (
            Tick.objects.filter(session__account=account, status=TickStatus.CLOSED)
            .exclude(batch=None)
            .order_by("batch__market_time")
            .last()
        )
        if last is None or last.batch is None:
            continue
        for one in pending_from(account.pending).values():
            if one.submission.included_at <= last.batch.market_time:
                what = f"{one.plan.side} {one.plan.token.symbol} nonce {one.nonce}"
                problems.append(f"overdue: {account} has {what} on its way after {last}")
    return problems


def _doubles() -> list[str]:
    """No effect is there twice, and every closed tick has its equity."""
    problems = []
    looks: list[tuple[QuerySet[Any], tuple[str, ...]]] = [
        (PaperTrade.objects.all(), ("tick", "stage", "sequence")),
        (EquityPoint.objects.all(), ("tick",)),
        (PaperPerformanceMetrics.objects.all(), ("tick",)),
        (TickStage.objects.all(), ("tick", "stage", "chunk")),
    ]
    for rows, key in looks:
        for found in rows.values(*key).annotate(rows=Count("pk")).filter(rows__gt=1)[:5]:
            what = " ".join(f"{name} {found[name]}" for name in key)
            name = rows.model._meta.verbose_name
            problems.append(f"double effect: {found['rows']} rows of {name} for {what}")
    closed = Tick.objects.filter(status=TickStatus.CLOSED)
    problems += [f"lost effect: {tick} has no equity" for tick in closed.filter(equity=None)[:5]]
    return problems
