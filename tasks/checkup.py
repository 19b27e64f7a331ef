"""The doctor's checks of delivery: beat's entries and the queues. They read, and write nothing."""

from collections.abc import Iterator

from celery import current_app
from django.conf import settings
from django_celery_beat.models import PeriodicTask
from kombu.transport.redis import PRIORITY_STEPS, Channel

from paper_trading.bot.findings import Finding, Severity, Trouble
from paper_trading.services import redis_client
from tasks.schedule import Entry, wanted

#: More messages than workers that keep up ever leave waiting.
LONGEST_QUEUE = 200


def beat_entries() -> Iterator[Finding]:
    """Find entries of ours that are missing, disabled or bent, and tasks that do not exist."""
    rows = {row.name: row for row in PeriodicTask.objects.select_related("interval")}
    due = wanted()
    # Where only the inline bot has run, there is no schedule yet, and nothing is broken by that.
    never_set_up = not any(entry.name in rows for entry in due)
    for entry in due:
        row = rows.get(entry.name)
        if row is None:
            what = f"Beat has no entry {entry.name!r}, so nothing sends {entry.task}."
            severity = Severity.NOTE if never_set_up else Severity.BROKEN
            yield Finding(Trouble.BEAT_ENTRY_MISSING, severity, what)
        elif not row.enabled:
            what = f"Beat's entry {entry.name!r} is disabled."
            yield Finding(Trouble.BEAT_ENTRY_DISABLED, Severity.BROKEN, what, row.date_changed)
        elif bent := _bent(row, entry):
            yield Finding(Trouble.BEAT_ENTRY_WRONG, Severity.BROKEN, bent, row.date_changed)
    current_app.loader.import_default_modules()
    for row in rows.values():
        if row.enabled and row.task not in current_app.tasks:
            what = f"Beat's entry {row.name!r} names the task {row.task}, which does not exist."
            yield Finding(Trouble.BEAT_TASK_UNKNOWN, Severity.BROKEN, what, row.date_changed)


def _bent(row: PeriodicTask, entry: Entry) -> str:
    """Say how a row differs from what is needed; empty when it does not."""
    if (row.task, row.queue) != (entry.task, entry.queue):
        return (
            f"Beat's entry {entry.name!r} sends {row.task} to {row.queue}, not {entry.task} to"
            f" {entry.queue}."
        )
    every = None if row.interval is None else row.interval.schedule.run_every.total_seconds()
    if every is None or every * 1000 > entry.every_ms:
        shown = "by no interval" if every is None else f"every {every * 1000:g} ms"
        return f"Beat's entry {entry.name!r} fires {shown}; {entry.every_ms} ms is needed."
    return ""


def backlogs() -> Iterator[Finding]:
    """Find queues that hold more than workers that keep up would leave."""
    broker = redis_client.client(settings.BROKER_DB)
    for queue in settings.CELERY_TASK_QUEUES:
        count = sum(int(broker.llen(key)) for key in _lists(queue.name))
        if count > LONGEST_QUEUE:
            what = f"{count} messages wait in the queue {queue.name}."
            yield Finding(Trouble.QUEUE_BACKLOG, Severity.BROKEN, what)


def _lists(queue: str) -> Iterator[str]:
    """Yield the Redis lists of a queue, one a priority; kombu's own count forgets the prefix."""
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    for priority in PRIORITY_STEPS:
        yield f"{prefix}{queue}" + (f"{Channel.sep}{priority}" if priority else "")
