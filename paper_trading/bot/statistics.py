"""What sessions have done, counted from rows: the report of a limited run."""

import time
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q, QuerySet

from paper_trading.bot import ledger_check
from paper_trading.engine.enums import Side, TradeStatus
from paper_trading.models import (
    InternalError,
    PaperAIThoughtLog,
    PaperPosition,
    PaperTrade,
    PaperTradingSession,
    PriceBatch,
    SessionStatus,
    Tick,
    TickStatus,
)

_POLL_SECONDS = 0.25


def wait_until_ended(session_ids: Sequence[int]) -> None:
    """Wait until sessions are stopped and none of their ticks is open."""
    while (
        PaperTradingSession.objects.filter(
            pk__in=session_ids, status=SessionStatus.RUNNING
        ).exists()
        or Tick.objects.filter(session__in=session_ids, status=TickStatus.OPEN).exists()
    ):
        time.sleep(_POLL_SECONDS)


def report(session_ids: Sequence[int]) -> dict[str, Any]:
    """Return the counts of sessions, of their market's batches, and whether the books hold."""
    sessions = PaperTradingSession.objects.filter(pk__in=session_ids).select_related(
        "account__market"
    )
    problems = ledger_check.all_problems()
    markets = {session.account.market_id for session in sessions}
    return {
        "sessions": [_session(session) for session in sessions.order_by("pk")],
        "price_batches": PriceBatch.objects.filter(market__in=markets).count(),
        "ledger_ok": not problems,
        "ledger_problems": problems[:20],
        "internal_errors": _internal_errors(sessions),
        "tick_ms": _durations(session_ids),
    }


def _internal_errors(sessions: QuerySet[PaperTradingSession]) -> int:
    """Count what failed inside in these sessions, or outside of any tick since they began."""
    began = sessions.aggregate(began=Min("started_at"))["began"]
    errors = Q(tick__session__in=sessions)
    if began is not None:
        errors |= Q(tick=None, created_at__gte=began)
    failed = Tick.objects.filter(session__in=sessions, status=TickStatus.FAILED)
    return InternalError.objects.filter(errors).count() + failed.count()


def _session(session: PaperTradingSession) -> dict[str, Any]:
    ticks = _count(Tick.objects.filter(session=session), "status")
    trades = PaperTrade.objects.filter(session=session)
    held = PaperPosition.objects.filter(account=session.account, is_open=True)
    # A position belongs to its account; it counts for the session that sold it.
    sold = trades.filter(side=Side.SELL, status=TradeStatus.FILLED)
    closed = PaperPosition.objects.filter(is_open=False, pk__in=sold.values("position"))
    thoughts = PaperAIThoughtLog.objects.filter(tick__session=session)
    point = session.account.equity_points.order_by("-market_time").first()
    return {
        "session": session.pk,
        "account": session.account.name,
        "level": session.intel_level,
        "stop_reason": session.stop_reason,
        "closed": ticks.get(TickStatus.CLOSED, 0),
        "skipped": ticks.get(TickStatus.SKIPPED, 0),
        "expired": ticks.get(TickStatus.EXPIRED, 0),
        "failed_ticks": ticks.get(TickStatus.FAILED, 0),
        "metrics_rows": session.metrics.count(),
        "decisions": _count(thoughts, "action"),
        "codes": _count(thoughts, "code"),
        "trades": trades.filter(status=TradeStatus.FILLED).count(),
        "positions_open": held.count(),
        "positions_closed": _count(closed, "exit_reason"),
        "denials": _count(trades.filter(status=TradeStatus.DENIED), "code"),
        "failures": _count(trades.filter(status=TradeStatus.FAILED), "code"),
        "equity_usd": None if point is None else f"{point.equity_usd.normalize():f}",
    }


def _count(rows: QuerySet[Any], column: str) -> dict[str, int]:
    counted = rows.values(column).annotate(n=Count("pk")).order_by(column)
    return {row[column]: row["n"] for row in counted}


def _durations(session_ids: Sequence[int]) -> dict[str, int | None]:
    """Return the median and the 95th percentile of closed ticks, in milliseconds."""
    took = ExpressionWrapper(F("closed_at") - F("opened_at"), output_field=DurationField())
    spans = sorted(
        Tick.objects.filter(session__in=session_ids, status=TickStatus.CLOSED)
        .annotate(took=took)
        .values_list("took", flat=True)
    )
    if not spans:
        return {"p50": None, "p95": None}
    at = {"p50": len(spans) // 2, "p95": min(len(spans) - 1, len(spans) * 95 // 100)}
    return {name: round(spans[place].total_seconds() * 1000) for name, place in at.items()}
