"""The beat entries, as rows of django-celery-beat: dispatch, sweep, live markets."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Min
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from paper_trading.models import PaperTradingSession, SessionStatus

LONGEST_DISPATCH_MS = 500
#: A day's look at pools is taken in portions; 35 minutes is the most that the column holds.
REVIEW_MS = 1_800_000
#: A market whose past could not be had waits so long for the next try.
TEND_MS = 30_000
#: PeriodicTask counts expiry in whole seconds; the task itself refuses stale slots.
EXPIRE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A periodic message: its name in the admin, the task, how often."""

    name: str
    task: str
    queue: str
    every_ms: int


def entries(shortest_interval_ms: int | None) -> tuple[Entry, ...]:
    """Return the entries: dispatch at least twice an interval, the sweep every second.

    Pools are looked at by the half hour, each token once a day.
    """
    half = LONGEST_DISPATCH_MS
    if shortest_interval_ms is not None:
        half = min(half, max(50, shortest_interval_ms // 2))
    return (
        Entry("Open due ticks", "tasks.open_due_ticks", "ticks", half),
        Entry("Sweep", "tasks.sweep", "maintenance", 1000),
        Entry("Tend live markets", "tasks.tend_live_markets", "maintenance", TEND_MS),
        Entry("Look at pools again", "tasks.review_pairs", "maintenance", REVIEW_MS),
    )


def wanted(interval_ms: int | None = None) -> tuple[Entry, ...]:
    """Return the entries for the shortest interval of the running sessions (and this one)."""
    running = PaperTradingSession.objects.filter(status=SessionStatus.RUNNING)
    shortest = running.aggregate(shortest=Min("interval_ms"))["shortest"]
    known = [ms for ms in (shortest, interval_ms) if ms is not None]
    return entries(min(known, default=None))


@transaction.atomic
def synchronise(interval_ms: int | None = None) -> tuple[Entry, ...]:
    """Write the wanted entries.

    Beat reloads when a row changes, so rows that are right are left alone.
    """
    due = wanted(interval_ms)
    for entry in due:
        schedule, _ = IntervalSchedule.objects.get_or_create(
            every=entry.every_ms * 1000, period=IntervalSchedule.MICROSECONDS
        )
        fields = {
            "task": entry.task,
            "queue": entry.queue,
            "interval": schedule,
            "expire_seconds": EXPIRE_SECONDS,
            "enabled": True,
        }
        row = PeriodicTask.objects.filter(name=entry.name).first()
        if row is None:
            PeriodicTask.objects.create(name=entry.name, **fields)
        elif any(getattr(row, name) != found for name, found in fields.items()):
            for name, found in fields.items():
                setattr(row, name, found)
            row.save()
    return due
