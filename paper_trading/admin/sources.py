"""Live price sources: what they were asked, and which of them cool down."""

from django.contrib import admin

from paper_trading.admin.records import RecordAdmin
from paper_trading.models import SourceState, SourceUsage


@admin.register(SourceUsage)
class SourceUsageAdmin(RecordAdmin):
    """Calls of a source by minute; of old ones by hour."""

    list_display = (
        "source",
        "start",
        "seconds",
        "calls",
        "errors",
        "throttled",
        "tokens_asked",
        "tokens_answered",
        "worst_latency_ms",
        "oldest_age_seconds",
        "agreements",
        "disagreements",
    )
    list_filter = ("source", "seconds")


@admin.register(SourceState)
class SourceStateAdmin(RecordAdmin):
    """What keeps a source from being asked."""

    list_display = ("source", "cooling_until", "reason", "failures", "month_spent_until")
