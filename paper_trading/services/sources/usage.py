"""What sources were asked and how they answered, kept in rows: counted, read, rolled up.

A row is a minute of a source; those older than two days become hours.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Sum

from paper_trading.models import SourceUsage
from paper_trading.models.source import HOUR, MINUTE
from paper_trading.services.sources.budget_windows import Past, month_of
from paper_trading.services.sources.cool_downs import month_start
from paper_trading.services.sources.live.base import Reason

MINUTES_KEPT = timedelta(days=2)
HOURS_KEPT = timedelta(days=400)

_SUMS = (
    "calls",
    "finished",
    "throttled",
    "tokens_asked",
    "tokens_answered",
    "latency_ms",
    "agreements",
    "disagreements",
)
_WORST = ("worst_latency_ms", "oldest_age_seconds")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended."""

    tokens_asked: int
    tokens_answered: int
    latency_ms: int
    #: Of the oldest price in the answer, when it came.
    oldest_age_seconds: int = 0
    #: None: it was answered.
    reason: Reason | None = None


@dataclass(slots=True)
class Counts:
    """What a row adds up; names as in the row."""

    calls: int = 0
    finished: int = 0
    throttled: int = 0
    tokens_asked: int = 0
    tokens_answered: int = 0
    latency_ms: int = 0
    agreements: int = 0
    disagreements: int = 0
    worst_latency_ms: int = 0
    oldest_age_seconds: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)


def counts_of(outcome: Outcome) -> Counts:
    """Return what one finished call adds to its minute; the call itself was counted before."""
    return Counts(
        finished=1,
        throttled=int(outcome.reason is Reason.THROTTLED),
        tokens_asked=outcome.tokens_asked,
        tokens_answered=outcome.tokens_answered,
        latency_ms=outcome.latency_ms,
        worst_latency_ms=outcome.latency_ms,
        oldest_age_seconds=outcome.oldest_age_seconds,
        errors={} if outcome.reason is None else {outcome.reason.value: 1},
    )


def floor(moment: datetime, seconds: int) -> datetime:
    """Return the start of the whole minute or hour in UTC that a moment lies in."""
    stamp = int(moment.timestamp())
    return datetime.fromtimestamp(stamp - stamp % seconds, tz=UTC)


def add(source: str, start: datetime, seconds: int, counts: Counts) -> None:
    """Add counts to a row, which is made when there is none. One statement, in its own time."""
    names = (*_SUMS, *_WORST)
    sets = [f"{name} = old.{name} + excluded.{name}" for name in _SUMS]
    sets += [f"{name} = greatest(old.{name}, excluded.{name})" for name in _WORST]
    # Names are our own constants. Errors are added by reason, where both rows have one.
    sql = f"""
        INSERT INTO {SourceUsage._meta.db_table} AS old
            (source, start, seconds, errors, {", ".join(names)})
        VALUES (%s, %s, %s, %s::jsonb, {", ".join(["%s"] * len(names))})
        ON CONFLICT (source, seconds, start) DO UPDATE SET {", ".join(sets)}, errors = (
            SELECT coalesce(jsonb_object_agg(reason, n), '{{}}')
            FROM (
                SELECT reason, sum(n::integer) AS n FROM (
                    SELECT * FROM jsonb_each_text(old.errors) AS a(reason, n)
                    UNION ALL
                    SELECT * FROM jsonb_each_text(excluded.errors) AS b(reason, n)
                ) AS every GROUP BY reason
            ) AS summed
        )"""  # noqa: S608
    values = [getattr(counts, name) for name in names]
    with connection.cursor() as cursor:
        cursor.execute(sql, [source, start, seconds, json.dumps(dict(counts.errors)), *values])


def past(source: str, now: datetime, span: timedelta) -> Past:
    """Return the calls of a source that rows know of, for its budget.

    A row says in which minute calls were made: they are taken for as late as they can have
    been, so that a budget primed from them grants too little rather than too much.
    """
    rows = SourceUsage.objects.filter(source=source)
    newest = rows.order_by("-start").values_list("start", flat=True).first()
    # Another process may be a little ahead, in the next month already.
    month = month_start(max(now, newest or now))
    total = rows.filter(start__gte=month).aggregate(total=Sum("calls"))["total"]
    # Twice the span, as the log itself keeps it.
    oldest = now - 2 * span - timedelta(seconds=MINUTE)
    recent = [
        (max(row.start, min(row.start + timedelta(seconds=row.seconds), now)), row.calls)
        for row in rows.filter(start__gte=oldest).order_by("start")
        if row.calls
    ]
    return Past(month_of(month), total or 0, recent)


@dataclass(frozen=True, slots=True)
class Statistics:
    """How a source did over a period."""

    source: str
    calls: int
    #: Against one call per token.
    calls_saved: int
    errors: Mapping[str, int]
    tokens_asked: int
    tokens_answered: int
    #: None: no call was finished.
    mean_latency_ms: int | None
    worst_latency_ms: int
    oldest_age_seconds: int
    #: Of the prices that another source also said; None: of none.
    agreement_percent: int | None


def statistics(start: datetime, end: datetime) -> list[Statistics]:
    """Return how each source did in the rows that begin in [start, end), by name."""
    rows = SourceUsage.objects.filter(start__gte=start, start__lt=end).order_by("source", "start")
    by_source: dict[str, list[SourceUsage]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    return [_statistics(source, total(found)) for source, found in by_source.items()]


def total(rows: Iterable[SourceUsage]) -> Counts:
    """Return rows added up."""
    found, errors = Counts(), Counter[str]()
    for row in rows:
        for name in _SUMS:
            setattr(found, name, getattr(found, name) + getattr(row, name))
        for name in _WORST:
            setattr(found, name, max(getattr(found, name), getattr(row, name)))
        errors.update(row.errors)
    found.errors = dict(errors)
    return found


def _statistics(source: str, found: Counts) -> Statistics:
    compared = found.agreements + found.disagreements
    return Statistics(
        source=source,
        calls=found.calls,
        calls_saved=max(0, found.tokens_answered - found.calls),
        errors=found.errors,
        tokens_asked=found.tokens_asked,
        tokens_answered=found.tokens_answered,
        mean_latency_ms=found.latency_ms // found.finished if found.finished else None,
        worst_latency_ms=found.worst_latency_ms,
        oldest_age_seconds=found.oldest_age_seconds,
        agreement_percent=100 * found.agreements // compared if compared else None,
    )


def tidy(now: datetime) -> tuple[int, int]:
    """Roll minutes up that are older than two days, and drop hours older than 400 days.

    Return how many minutes became part of hours, and how many hours went.
    """
    # Whole hours only: a minute that comes late must not meet an hour that is there already.
    before = floor(now - MINUTES_KEPT, HOUR)
    with transaction.atomic():
        old = SourceUsage.objects.select_for_update().filter(seconds=MINUTE, start__lt=before)
        hours: dict[tuple[str, datetime], list[SourceUsage]] = {}
        for row in old.order_by("source", "start"):
            hours.setdefault((row.source, floor(row.start, HOUR)), []).append(row)
        for (source, start), rows in hours.items():
            add(source, start, HOUR, total(rows))
        minutes = [row.pk for rows in hours.values() for row in rows]
        SourceUsage.objects.filter(pk__in=minutes).delete()
    gone, _ = SourceUsage.objects.filter(seconds=HOUR, start__lt=now - HOURS_KEPT).delete()
    return len(minutes), gone
