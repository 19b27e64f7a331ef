"""A tick's way through its stages, as rows: what is done, what comes next, who may write.

Messages are hints. A stage's effects, its completion row and the step to the next stage
commit together; `next_steps` reads from the rows what to send, for the normal flow and for
the sweeper alike.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from paper_trading.bot import endings
from paper_trading.bot.clock import ClockTimestamp
from paper_trading.engine.enums import Stage
from paper_trading.models import Tick, TickStage, TickStatus

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=5)
SHORTEST_DEADLINE = timedelta(seconds=5)
MAX_ATTEMPTS = 5


#: What the stages read of a tick and of the rows around it; the rest stays in the database.
_READ = (
    "session_id",
    "number",
    "slot",
    "status",
    "stage",
    "attempt",
    "chunks_total",
    "step",
    "market_time",
    "strategy_version_id",
    "intel_level",
    "entries_paused",
    "halted",
    "trading_state",
    "session__seed",
    "session__ticks_closed",
    "session__account__owner_id",
    "session__account__state_version",
    "session__account__created_at",
    "session__account__deposits_usd",
    "batch_id",
    "experience_id",
)


_COUNT_CHUNK = """
UPDATE paper_trading_tick
SET chunks_done = chunks_done + 1,
    stage = CASE WHEN chunks_done + 1 >= chunks_total THEN 'execution' ELSE stage END,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(tick)s AND status = 'OPEN' AND stage = 'analysis' AND attempt = %(attempt)s
RETURNING chunks_done >= chunks_total
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a tick to be run next; `chunk` counts the analysis fan-out."""

    stage: Stage
    tick_id: int
    chunk: int = 0


class Fenced(Exception):
    """The tick moved on while the stage was at work; its transaction must not commit."""


def current(tick_id: int, stage: Stage) -> Tick | None:
    """Return the tick when this stage is due, or None when there is nothing to do.

    A tick past its deadline is closed as EXPIRED here, before any trading stage runs.
    """
    tick = (
        Tick.objects.select_related("session__account")
        .only(*_READ)
        .annotate(is_late=Q(deadline_at__lt=ClockTimestamp()))
        .get(pk=tick_id)
    )
    if tick.status != TickStatus.OPEN or tick.stage != stage:
        return None
    if tick.is_late and stage in endings.TRADING:
        endings.expire([tick_id])
        return None
    return tick


def complete(
    tick: Tick,
    started_at: datetime,
    detail: Mapping[str, Any],
    after: Stage,
    *,
    version: int | None = None,
    **journal: Any,
) -> None:
    """Record a stage as done and step on, inside the stage's own transaction.

    `version` is that of the account's state which the stage read.

    :raises Fenced: when another worker took the tick over or it was closed meanwhile.
    """
    moved = Tick.objects.filter(
        pk=tick.pk, status=TickStatus.OPEN, stage=tick.stage, attempt=tick.attempt
    ).update(stage=after, lease_until=ClockTimestamp() + LEASE, **journal)
    if not moved:
        raise Fenced(f"{tick} left stage {tick.stage} at attempt {tick.attempt}")
    record(tick, Stage(tick.stage), started_at, detail, version=version)


def hold(tick: Tick) -> None:
    """Renew the lease of a tick whose stage is at long work that it commits bit by bit.

    :raises Fenced: when another worker took the tick over or it was closed meanwhile.
    """
    held = Tick.objects.filter(
        pk=tick.pk, status=TickStatus.OPEN, stage=tick.stage, attempt=tick.attempt
    ).update(lease_until=ClockTimestamp() + LEASE)
    if not held:
        raise Fenced(f"{tick} left stage {tick.stage} at attempt {tick.attempt}")


def complete_chunk(
    tick: Tick, chunk: int, started_at: datetime, detail: Mapping[str, Any], version: int
) -> bool:
    """Record a chunk of the analysis as done; True when it was the last one.

    The join is the locked counter on the tick; the chunk's unique row lets nothing count
    twice. Fenced as `complete` is.
    """
    record(tick, Stage.ANALYSIS, started_at, detail, chunk, version)
    with connection.cursor() as cursor:
        values = {"tick": tick.pk, "attempt": tick.attempt, "lease": LEASE.total_seconds()}
        cursor.execute(_COUNT_CHUNK, values)
        row = cursor.fetchone()
    if row is None:
        raise Fenced(f"{tick} left the analysis at attempt {tick.attempt}")
    return bool(row[0])


def record(
    tick: Tick,
    stage: Stage,
    started_at: datetime,
    detail: Mapping[str, Any],
    chunk: int = 0,
    version: int | None = None,
) -> None:
    """Write the completion row of a stage."""
    TickStage.objects.create(
        tick=tick,
        stage=stage,
        chunk=chunk,
        attempt=tick.attempt,
        started_at=started_at,
        finished_at=timezone.now(),
        state_version=version,
        detail=dict(detail),
    )


def next_steps(tick_id: int) -> list[Step]:
    """Read from the rows what this tick needs next; empty when it is closed."""
    tick = Tick.objects.only("status", "stage", "chunks_total").get(pk=tick_id)
    if tick.status != TickStatus.OPEN:
        return []
    if tick.stage != Stage.ANALYSIS:
        return [Step(Stage(tick.stage), tick_id)]
    done = set(tick.stages.filter(stage=Stage.ANALYSIS).values_list("chunk", flat=True))
    return [
        Step(Stage.ANALYSIS, tick_id, chunk)
        for chunk in range(tick.chunks_total)
        if chunk not in done
    ]


def release() -> int:
    """End the lease of every open tick, for a start at which no worker runs; return how many.

    The next sweep takes them over at once. Where a worker does run, it is fenced and loses the
    stage that it is at, no more.
    """
    now = ClockTimestamp()
    return Tick.objects.filter(status=TickStatus.OPEN, lease_until__gte=now).update(lease_until=now)


def sweep(session_ids: Sequence[int] | None = None) -> list[Step]:
    """Take over ticks whose lease ran out, of all sessions or some, and return what they need.

    Each one is fenced by a new attempt number first, so that a slow worker that comes back
    cannot write. Past the deadline a tick expires; after too many attempts it has failed.
    """
    now = ClockTimestamp()
    stuck = Tick.objects.filter(status=TickStatus.OPEN, lease_until__lt=now)
    if session_ids is not None:
        stuck = stuck.filter(session__in=session_ids)
    late = list(
        stuck.filter(deadline_at__lt=now)
        .filter(stage__in=endings.TRADING)
        .values_list("pk", flat=True)
    )
    endings.expire(late)
    for tick in stuck.filter(attempt__gte=MAX_ATTEMPTS).select_related("session__account"):
        endings.fail(tick)
    steps: list[Step] = []
    for tick_id in stuck.values_list("pk", flat=True):
        taken = Tick.objects.filter(pk=tick_id, status=TickStatus.OPEN, lease_until__lt=now).update(
            attempt=F("attempt") + 1, lease_until=now + LEASE
        )
        if taken:
            logger.warning("took over tick %s: its lease ran out", tick_id)
            steps += next_steps(tick_id)
    return steps
