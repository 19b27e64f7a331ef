"""Sessions: started here, and steered by actions that go through the same controls as the page."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join

from paper_trading.admin.acts import act_on_each
from paper_trading.admin.records import ModelForm, RecordAdmin, field_names
from paper_trading.bot import accounts, controls
from paper_trading.bot.accounts import ControlRefused
from paper_trading.intelligence.levels import HIGHEST, LOWEST
from paper_trading.models import ManualRequest, PaperTradingSession
from paper_trading.services.strategy_view import strategy_view
from paper_trading.templatetags import figures
from tasks import open_tick, schedule

Sessions = QuerySet[PaperTradingSession]


class SessionForm(ModelForm):
    """What a new session needs."""

    intel_level = forms.IntegerField(min_value=LOWEST, max_value=HIGHEST, initial=5)
    interval_seconds = forms.DecimalField(
        min_value=Decimal("0.2"), max_value=Decimal(3_600), decimal_places=3, initial=Decimal(15)
    )

    class Meta:
        model = PaperTradingSession
        fields = ("account", "strategy", "intel_level", "tick_limit")


@admin.register(PaperTradingSession)
class SessionAdmin(RecordAdmin):
    """Sessions and what may be asked of them."""

    list_display = (
        "__str__",
        "owner",
        "status",
        "stop_reason",
        "entries_paused",
        "halted",
        "intel_level",
        "interval",
        "ticks_closed",
        "started_at",
    )
    list_filter = ("status", "entries_paused", "halted", "intel_level")
    list_select_related = ("account__owner",)
    search_fields = ("account__name", "account__owner__username")
    date_hierarchy = "started_at"
    actions = ("start", "pause", "resume", "halt", "unhalt", "stop", "run_tick")
    form = SessionForm
    record_fields = (*field_names(PaperTradingSession), "limits")

    @admin.display(description="Owner", ordering="account__owner")
    def owner(self, row: PaperTradingSession) -> str:
        """Return the owner of the account."""
        return row.account.owner.get_username()

    @admin.display(description="Interval", ordering="interval_ms")
    def interval(self, row: PaperTradingSession) -> str:
        """Return the interval in seconds."""
        return figures.interval(row.interval_ms)

    @admin.display(description="Limits at this level")
    def limits(self, row: PaperTradingSession) -> str:
        """Return which limits of the strategy bind, a line each."""
        lines = (
            (
                f"{one.name} {figures.plain(one.setting)}:"
                f" {'binds' if one.binds else 'does not bind'}; {one.why}",
            )
            for one in strategy_view(row).limits
        )
        return format_html_join("", "<p>{}</p>", lines)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask Django's own permission: sessions are started here."""
        return request.user.has_perm("paper_trading.add_papertradingsession")

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may steer sessions."""
        return request.user.has_perm("paper_trading.change_papertradingsession")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's fields for a new session, all of the record's for an old one."""
        if obj is None:
            return ("account", "strategy", "intel_level", "interval_seconds", "tick_limit")
        return super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return nothing for a new session."""
        return () if obj is None else super().get_readonly_fields(request, obj)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Start a session; a refusal is told and nothing is left behind."""
        try:
            return super().add_view(request, form_url, extra_context)
        except ControlRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(
        self, request: HttpRequest, obj: PaperTradingSession, form: Any, change: bool
    ) -> None:
        """Open the session where its account's market time goes on."""
        made = accounts.open_session(
            obj.account,
            obj.strategy,
            intel_level=obj.intel_level,
            interval_ms=int(form.cleaned_data["interval_seconds"] * 1000),
            tick_limit=obj.tick_limit,
        )
        obj.pk = made.pk
        obj.refresh_from_db()
        schedule.synchronise()

    @admin.action(description="Start again", permissions=["steer"])
    def start(self, request: HttpRequest, rows: Sessions) -> None:
        """Start stopped sessions again."""
        self._each(request, rows, controls.start, "started")
        schedule.synchronise()

    @admin.action(description="Pause entries (exits go on)", permissions=["steer"])
    def pause(self, request: HttpRequest, rows: Sessions) -> None:
        """Pause entries."""
        self._each(request, rows, controls.pause, "entries paused")

    @admin.action(description="Resume entries", permissions=["steer"])
    def resume(self, request: HttpRequest, rows: Sessions) -> None:
        """Allow entries again."""
        self._each(request, rows, controls.resume, "entries resumed")

    @admin.action(description="Halt trading, exits included", permissions=["steer"])
    def halt(self, request: HttpRequest, rows: Sessions) -> None:
        """Halt trading."""
        self._each(request, rows, controls.halt, "halted")

    @admin.action(description="Release a halt", permissions=["steer"])
    def unhalt(self, request: HttpRequest, rows: Sessions) -> None:
        """Release a halt."""
        self._each(request, rows, controls.unhalt, "halt released")

    @admin.action(description="Stop (open positions become unmanaged)", permissions=["steer"])
    def stop(self, request: HttpRequest, rows: Sessions) -> None:
        """Stop sessions."""
        self._each(request, rows, controls.stop, "stopped")

    @admin.action(description="Run a tick now", permissions=["steer"])
    def run_tick(self, request: HttpRequest, rows: Sessions) -> None:
        """Ask for a tick of each session, through the same tasks as any other."""
        user = cast("User", request.user)

        def ask(session: PaperTradingSession) -> None:
            controls.request_tick(session, user)
            open_tick.send_manual(session.pk)

        self._each(request, rows, ask, "tick asked for")

    def _each(
        self,
        request: HttpRequest,
        rows: Sessions,
        act: Callable[[PaperTradingSession], object],
        done: str,
    ) -> None:
        act_on_each(self, request, rows, act, done)


@admin.register(ManualRequest)
class ManualRequestAdmin(RecordAdmin):
    """What people asked of sessions, and the tick that took it up."""

    list_display = ("kind", "session", "token", "requested_by", "requested_at", "tick")
    list_filter = ("kind",)
    list_select_related = ("session__account", "token", "requested_by", "tick")
    date_hierarchy = "requested_at"
