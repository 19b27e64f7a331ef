"""Ticks with their stages, trades and decisions; and what went wrong inside."""

from datetime import timedelta

from django.contrib import admin
from django.utils.html import format_html

from paper_trading.admin.records import RecordAdmin, RecordInline, field_names
from paper_trading.models import InternalError, PaperAIThoughtLog, PaperTrade, Tick, TickStage
from paper_trading.templatetags import figures


class StageInline(RecordInline):
    """The completion rows of a tick."""

    model = TickStage
    fields = ("stage", "chunk", "attempt", "started_at", "took", "detail")
    ordering = ("started_at", "chunk")

    @admin.display(description="Took")
    def took(self, row: TickStage) -> str:
        """Return how long it ran."""
        return figures.milliseconds(row.finished_at - row.started_at)


class TradeInline(RecordInline):
    """The orders of a tick."""

    model = PaperTrade
    fields = ("stage", "sequence", "side", "token", "status", "code", "allowed_usd", "gas_usd")
    ordering = ("pk",)
    select_related = ("token",)


class ThoughtInline(RecordInline):
    """The decisions of a tick."""

    model = PaperAIThoughtLog
    fields = ("token", "action", "code", "confidence", "score")
    ordering = ("token__symbol",)
    select_related = ("token",)


@admin.register(Tick)
class TickAdmin(RecordAdmin):
    """Ticks: the journal of what each one read, and how it ended."""

    list_display = (
        "pk",
        "session",
        "number",
        "trigger",
        "status",
        "reason",
        "stage",
        "trading_state",
        "opened_at",
        "took",
    )
    list_filter = ("status", "reason", "trigger", "trading_state")
    list_select_related = ("session__account",)
    search_fields = ("session__account__name",)
    inlines = (StageInline, TradeInline, ThoughtInline)
    record_fields = (
        ("session", "slot", "number", "trigger"),
        ("status", "reason", "stage", "trading_state"),
        ("opened_at", "closed_at", "took"),
        ("attempt", "lease_until", "deadline_at"),
        ("chunks_total", "chunks_done"),
        ("market_time", "step", "batch"),
        ("strategy_version", "intel_level", "entries_paused", "halted"),
    )

    @admin.display(description="Took")
    def took(self, row: Tick) -> str:
        """Return how long it was open."""
        ended: timedelta | None = row.closed_at - row.opened_at if row.closed_at else None
        return figures.milliseconds(ended)


@admin.register(TickStage)
class TickStageAdmin(RecordAdmin):
    """Completion rows of stages."""

    list_display = ("tick", "stage", "chunk", "attempt", "started_at", "took")
    list_filter = ("stage",)
    list_select_related = ("tick",)

    @admin.display(description="Took")
    def took(self, row: TickStage) -> str:
        """Return how long it ran."""
        return figures.milliseconds(row.finished_at - row.started_at)


@admin.register(InternalError)
class InternalErrorAdmin(RecordAdmin):
    """Unexpected exceptions."""

    list_display = ("created_at", "stage", "token", "tick", "last_line")
    list_filter = ("stage",)
    list_select_related = ("tick", "token")
    date_hierarchy = "created_at"
    record_fields = (
        *(name for name in field_names(InternalError) if name != "traceback"),
        "whole_traceback",
    )

    @admin.display(description="Error")
    def last_line(self, row: InternalError) -> str:
        """Return the line that names the exception."""
        return (row.traceback.strip().splitlines() or [""])[-1]

    @admin.display(description="Traceback")
    def whole_traceback(self, row: InternalError) -> str:
        """Return the traceback as it was printed."""
        return format_html("<pre>{}</pre>", row.traceback)
