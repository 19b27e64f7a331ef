"""Stage close: the tick's final state, the session's count, and its limit."""

from django.db import transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from paper_trading.bot import events, progress
from paper_trading.bot.clock import ClockTimestamp
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    EquityPoint,
    PaperTradingSession,
    SessionStatus,
    StopReason,
    Tick,
    TickStatus,
)


def close(tick: Tick) -> None:
    """Close a tick whose stages are done, and stop a session that reached its limit."""
    started = timezone.now()
    with transaction.atomic():
        closed = Tick.objects.filter(
            pk=tick.pk, status=TickStatus.OPEN, stage=Stage.CLOSE, attempt=tick.attempt
        ).update(status=TickStatus.CLOSED, closed_at=ClockTimestamp())
        if not closed:
            raise progress.Fenced(f"{tick} was closed by another worker")
        progress.record(tick, Stage.CLOSE, started, {})
        PaperTradingSession.objects.filter(pk=tick.session_id).update(
            ticks_closed=F("ticks_closed") + 1
        )
        stopped = PaperTradingSession.objects.filter(
            pk=tick.session_id,
            status=SessionStatus.RUNNING,
            tick_limit__lte=F("ticks_closed"),
        ).update(
            status=SessionStatus.STOPPED,
            stop_reason=StopReason.TICK_LIMIT,
            stopped_at=ClockTimestamp(),
        )
        point = EquityPoint.objects.filter(tick=tick).values_list("equity_usd", flat=True).first()
        events.ended(tick, TickStatus.CLOSED, point, stage_times(tick))
        if stopped:
            account = tick.session.account
            events.status(
                account.owner_id, account.pk, tick.session_id, "stopped", "Tick limit reached."
            )


def stage_times(tick: Tick) -> dict[str, int]:
    """Return milliseconds by stage; the analysis from its first start to its last end."""
    spans = tick.stages.values("stage").annotate(began=Min("started_at"), ended=Max("finished_at"))
    return {
        row["stage"]: round((row["ended"] - row["began"]).total_seconds() * 1000) for row in spans
    }
