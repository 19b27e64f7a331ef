"""Stage open: due slots become ticks, and every slot leaves exactly one row."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, FloatField
from django.db.models.functions import Cast, Extract, Floor
from django.utils import timezone

from paper_trading.bot import clock
from paper_trading.bot.clock import ClockTimestamp
from paper_trading.bot.progress import LEASE, SHORTEST_DEADLINE
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    FeedMode,
    ManualRequest,
    PaperTradingSession,
    RequestKind,
    SessionStatus,
    StrategyVersion,
    Tick,
    TickReason,
    TickStage,
    TickStatus,
    Trigger,
)
from paper_trading.services.price_feed_service import live_step_of

logger = logging.getLogger(__name__)

#: Slots that one pass writes for a session; a longer gap takes several passes.
GAP_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class _Due:
    """A session with the slot that is due now."""

    session: PaperTradingSession
    slot: int
    version: StrategyVersion
    busy: bool


def slot_of(moment: datetime, interval_ms: int) -> int:
    """Return floor(moment / interval)."""
    return int(moment.timestamp() * 1000) // interval_ms


def slot_start(slot: int, interval_ms: int) -> datetime:
    """Return when a slot begins."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=slot * interval_ms)


def open_due_ticks(
    trigger: Trigger = Trigger.BEAT, session_ids: Sequence[int] | None = None
) -> list[int]:
    """Open the due tick of every running session and return the ids of the new ticks.

    Safe to call from any number of places at once: session rows are locked, and a slot that
    has its row is not due. A slot that nobody served, or that comes while an older tick of
    its session is open, becomes a SKIPPED row with the reason. While as many ticks are open as
    the workers can carry, the rest stay due: a tick that cannot be finished is not begun.
    """
    with transaction.atomic():
        started = timezone.now()
        due = _due_sessions(session_ids)
        if not due:
            return []
        now = clock.now()
        rows: list[Tick] = []
        for found in due:
            rows += _rows(found, trigger, now)
        made = Tick.objects.bulk_create(rows, batch_size=GAP_ROWS)
        PaperTradingSession.objects.bulk_update(
            [found.session for found in due], ["last_slot", "last_number"]
        )
        opened = [tick for tick in made if tick.status == TickStatus.OPEN]
        _record(opened, started)
    return [tick.pk for tick in opened]


def open_manual_tick(session_id: int) -> int | None:
    """Open a tick for the oldest waiting request of a session; None when it was skipped.

    A manual tick has no slot. While another tick is open, or when the session is stopped,
    it is recorded as SKIPPED with the reason.
    """
    with transaction.atomic():
        started = timezone.now()
        session = PaperTradingSession.objects.select_for_update(of=("self",), no_key=True).get(
            pk=session_id
        )
        request = (
            ManualRequest.objects.select_for_update(no_key=True)
            .filter(session=session, kind=RequestKind.TICK, tick=None)
            .order_by("pk")
            .first()
        )
        if request is None:
            return None
        now = clock.now()
        refusal = _refusal(session)
        if refusal is None:
            version = session.strategy.current_version()
            tick = _open(session, version, Trigger.MANUAL, None, now)
        else:
            tick = _skipped(session, None, refusal, Trigger.MANUAL, now)
        tick.save()
        session.save(update_fields=["last_number"])
        request.tick = tick
        request.save(update_fields=["tick"])
        if refusal is not None:
            return None
        _record([tick], started)
    return tick.pk


def waiting_manual_sessions(older_than: timedelta) -> list[int]:
    """Return sessions with a manual tick that was asked for and not taken up in time."""
    return list(
        ManualRequest.objects.filter(
            kind=RequestKind.TICK, tick=None, requested_at__lt=ClockTimestamp() - older_than
        )
        .values_list("session_id", flat=True)
        .distinct()
    )


def _due_sessions(session_ids: Sequence[int] | None) -> list[_Due]:
    epoch = Cast(Extract(ClockTimestamp(), "epoch"), FloatField())
    found = (
        PaperTradingSession.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("strategy", "account__market")
        .filter(status=SessionStatus.RUNNING)
        .annotate(slot_now=Floor(epoch * 1000.0 / F("interval_ms")))
        .filter(slot_now__gt=F("last_slot"))
        .order_by("ticks_closed", "pk")
    )
    if session_ids is not None:
        found = found.filter(pk__in=session_ids)
    sessions = list(found)
    busy = set(
        Tick.objects.filter(
            session__in=[session.pk for session in sessions], status=TickStatus.OPEN
        ).values_list("session_id", flat=True)
    )
    room = settings.OPEN_TICKS - Tick.objects.filter(status=TickStatus.OPEN).count()
    versions: dict[int, StrategyVersion] = {}
    due: list[_Due] = []
    for session in sessions:
        if session.pk not in busy:
            room -= 1
            if room < 0:
                continue
        version = versions.get(session.strategy_id) or session.strategy.current_version()
        versions[session.strategy_id] = version
        due.append(_Due(session, int(session.slot_now), version, session.pk in busy))
    return due


def _rows(due: _Due, trigger: Trigger, now: datetime) -> Iterable[Tick]:
    session = due.session
    first = session.last_slot + 1
    last = min(due.slot, first + GAP_ROWS)
    for slot in range(first, last):
        yield _skipped(session, slot, TickReason.NOT_SERVED, trigger, now)
    session.last_slot = last
    if last < due.slot:
        yield _skipped(session, last, TickReason.NOT_SERVED, trigger, now)
    elif due.busy:
        yield _skipped(session, last, TickReason.OVERLAP, trigger, now)
    else:
        yield _open(session, due.version, trigger, last, now)


def _refusal(session: PaperTradingSession) -> TickReason | None:
    if session.status != SessionStatus.RUNNING:
        return TickReason.SESSION_STOPPED
    if session.ticks.filter(status=TickStatus.OPEN).exists():
        return TickReason.OVERLAP
    return None


def _open(
    session: PaperTradingSession,
    version: StrategyVersion,
    trigger: Trigger,
    slot: int | None,
    now: datetime,
) -> Tick:
    session.last_number += 1
    began = now if slot is None else slot_start(slot, session.interval_ms)
    interval = timedelta(milliseconds=session.interval_ms)
    return Tick(
        session=session,
        slot=slot,
        number=session.last_number,
        trigger=trigger,
        status=TickStatus.OPEN,
        stage=Stage.PRICES,
        lease_until=now + LEASE,
        deadline_at=began + max(interval, SHORTEST_DEADLINE),
        opened_at=now,
        step=_step(session, now),
        strategy_version=version,
        intel_level=session.intel_level,
        entries_paused=session.entries_paused,
        halted=session.halted,
    )


def _step(session: PaperTradingSession, now: datetime) -> int:
    """Return the step that a session's newest tick reads: of a live market, that of the clock."""
    market = session.account.market
    if market.mode == FeedMode.LIVE:
        return live_step_of(now, market.step_seconds)
    return session.start_step + session.last_number - 1


def _skipped(
    session: PaperTradingSession,
    slot: int | None,
    reason: TickReason,
    trigger: Trigger,
    now: datetime,
) -> Tick:
    return Tick(
        session=session,
        slot=slot,
        trigger=trigger,
        status=TickStatus.SKIPPED,
        reason=reason,
        stage=Stage.OPEN,
        opened_at=now,
        closed_at=now,
    )


def _record(ticks: list[Tick], started: datetime) -> None:
    finished = timezone.now()
    TickStage.objects.bulk_create(
        TickStage(
            tick=tick,
            stage=Stage.OPEN,
            attempt=1,
            started_at=started,
            finished_at=finished,
            detail={"trigger": tick.trigger, "slot": tick.slot},
        )
        for tick in ticks
    )
