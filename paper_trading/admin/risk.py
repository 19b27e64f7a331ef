"""Breakers, equity points, track records and metrics."""

from typing import cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from paper_trading.admin.acts import ReasonForm, act_on_each, ask
from paper_trading.admin.records import RecordAdmin
from paper_trading.bot.circuit_breakers import CircuitBreakerManager
from paper_trading.engine.enums import BreakerKind
from paper_trading.models import (
    BreakerState,
    EquityHour,
    EquityPoint,
    PaperPerformanceMetrics,
    PaperTrackRecord,
)


@admin.register(BreakerState)
class BreakerAdmin(RecordAdmin):
    """Circuit breakers: tripped by the pipeline, reset by people."""

    list_display = (
        "kind",
        "account",
        "tripped",
        "actual",
        "threshold",
        "tripped_market_time",
        "reset_by",
        "reset_at",
        "reset_reason",
    )
    list_filter = ("tripped", "kind")
    list_select_related = ("account", "reset_by")
    search_fields = ("account__name",)
    actions = ("reset",)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may reset breakers."""
        return request.user.has_perm("paper_trading.change_breakerstate")

    @admin.action(description="Reset: allow entries again", permissions=["steer"])
    def reset(self, request: HttpRequest, rows: QuerySet[BreakerState]) -> HttpResponse | None:
        """Ask for a reason, then reset tripped breakers."""
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return ask(self, request, rows, "reset", "Reset these breakers", form)
        user, reason = cast("User", request.user), form.cleaned_data["reason"]

        def act(row: BreakerState) -> None:
            CircuitBreakerManager(row.account_id).reset(BreakerKind(row.kind), user, reason)

        act_on_each(self, request, rows, act, f"reset: {reason.rstrip('.')}")
        return None


@admin.register(EquityPoint)
class EquityPointAdmin(RecordAdmin):
    """The worth of accounts, tick by tick."""

    list_display = (
        "market_time",
        "account",
        "equity_usd",
        "cash_usd",
        "positions_usd",
        "equity_if_closed_usd",
        "cash_price_usd",
        "drawdown_percent",
    )
    list_select_related = ("account",)
    search_fields = ("account__name",)


@admin.register(EquityHour)
class EquityHourAdmin(RecordAdmin):
    """The worth of accounts and of what they are measured against, hour by hour."""

    list_display = (
        "market_time",
        "account",
        "hour",
        "equity_usd",
        "index",
        "eth_index",
        "basket_index",
    )
    list_select_related = ("account",)
    search_fields = ("account__name",)


@admin.register(PaperTrackRecord)
class TrackRecordAdmin(RecordAdmin):
    """The running totals that metrics are computed from."""

    list_display = ("account",)
    list_select_related = ("account",)
    search_fields = ("account__name",)


@admin.register(PaperPerformanceMetrics)
class MetricsAdmin(RecordAdmin):
    """Performance, every 20th tick."""

    list_display = (
        "market_time",
        "session",
        "equity_usd",
        "total_return_percent",
        "max_drawdown_percent",
        "win_rate_percent",
        "profit_factor",
        "sharpe_ratio",
        "returns_count",
    )
    list_select_related = ("session__account",)
    search_fields = ("session__account__name",)
    date_hierarchy = "market_time"
