"""What live price sources were asked and how they answered, and which of them cool down.

Kept whatever happens to Redis: budgets are primed from these rows.
"""

from django.db import models
from django.db.models import Q

#: Lengths of a usage row: minutes, and hours of those that are old.
MINUTE, HOUR = 60, 3600


class SourceUsage(models.Model):
    """The calls of one source in one minute, or in one hour when they are old."""

    source = models.CharField(max_length=32, help_text="Source, and plan where it has several.")
    start = models.DateTimeField(help_text="A whole minute or hour in UTC.")
    seconds = models.PositiveIntegerField(default=MINUTE)
    calls = models.PositiveIntegerField(default=0, help_text="Taken from the budget.")
    finished = models.PositiveIntegerField(default=0, help_text="Answered or failed, so timed.")
    errors = models.JSONField(default=dict, help_text="Failed calls by reason.")
    throttled = models.PositiveIntegerField(default=0, help_text="Failed calls by a 429.")
    tokens_asked = models.PositiveIntegerField(default=0)
    tokens_answered = models.PositiveIntegerField(default=0)
    latency_ms = models.PositiveBigIntegerField(default=0, help_text="Of all finished calls.")
    worst_latency_ms = models.PositiveIntegerField(default=0)
    oldest_age_seconds = models.PositiveIntegerField(default=0, help_text="Of any price it said.")
    agreements = models.PositiveIntegerField(default=0, help_text="Prices that others confirmed.")
    disagreements = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "seconds", "start"], name="source_usage_once"
            ),
            models.CheckConstraint(
                condition=Q(seconds__in=(MINUTE, HOUR)), name="source_usage_minute_or_hour"
            ),
        ]
        indexes = [models.Index(fields=["source", "start"], name="source_usage_by_time")]

    def __str__(self) -> str:
        return f"{self.source} at {self.start:%Y-%m-%d %H:%M}"


class SourceState(models.Model):
    """What keeps one source from being asked."""

    source = models.CharField(max_length=32, unique=True)
    cooling_until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=32, blank=True, help_text="Of the newest failure.")
    month_spent_until = models.DateTimeField(
        null=True, help_text="The provider said that the month's calls are used up."
    )
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")

    def __str__(self) -> str:
        return f"state of {self.source}"
