"""Sessions: an account traded at a level, by slots of an interval."""

from enum import StrEnum, unique

from django.conf import settings
from django.db import models
from django.db.models import Q

from paper_trading.models.account import PaperTradingAccount
from paper_trading.models.fields import word_field
from paper_trading.models.market import Token
from paper_trading.models.strategy import PaperStrategyConfiguration


@unique
class SessionStatus(StrEnum):
    """Pause is a flag of a running session: ticks go on, entries stop."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


@unique
class StopReason(StrEnum):
    """Why a session ended."""

    REQUESTED = "REQUESTED"
    TICK_LIMIT = "TICK_LIMIT"
    RECORD_ENDED = "RECORD_ENDED"
    RECORD_CHANGED = "RECORD_CHANGED"
    REPLACED = "REPLACED"


class PaperTradingSession(models.Model):
    """A run of ticks on an account."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="sessions"
    )
    strategy = models.ForeignKey(PaperStrategyConfiguration, on_delete=models.PROTECT)
    intel_level = models.PositiveSmallIntegerField(default=5)
    interval_ms = models.PositiveIntegerField(default=15_000)
    seed = models.BigIntegerField(default=1)
    status = word_field(SessionStatus, default=SessionStatus.RUNNING)
    stop_reason = word_field(StopReason, blank=True, default="")
    entries_paused = models.BooleanField(default=False)
    halted = models.BooleanField(default=False)
    #: Step of the market that tick number 1 reads.
    start_step = models.PositiveIntegerField(default=0)
    #: Stop after this many closed ticks; null: never.
    tick_limit = models.PositiveIntegerField(null=True, blank=True)
    last_slot = models.BigIntegerField(help_text="Newest slot that has a row.")
    last_number = models.PositiveIntegerField(default=0)
    ticks_closed = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    #: Of what the session was opened with and never changes.
    seal = models.JSONField(default=dict, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(status=SessionStatus.RUNNING),
                name="session_one_running_an_account",
            ),
            models.CheckConstraint(
                condition=Q(status=SessionStatus.RUNNING, stopped_at=None, stop_reason="")
                | (Q(status=SessionStatus.STOPPED, stopped_at__isnull=False) & ~Q(stop_reason="")),
                name="session_status_matches_times",
            ),
            models.CheckConstraint(
                condition=Q(intel_level__gte=1, intel_level__lte=10), name="session_level_range"
            ),
            models.CheckConstraint(
                condition=Q(interval_ms__gte=200, interval_ms__lte=3_600_000),
                name="session_interval_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} #{self.pk}"


@unique
class RequestKind(StrEnum):
    """What a person can ask of a running session."""

    TICK = "TICK"
    CLOSE_POSITION = "CLOSE_POSITION"


class ManualRequest(models.Model):
    """A request by a person; the tick that took it up is journalled on it."""

    session = models.ForeignKey(
        PaperTradingSession, on_delete=models.CASCADE, related_name="requests"
    )
    kind = word_field(RequestKind)
    token = models.ForeignKey(Token, null=True, blank=True, on_delete=models.PROTECT)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    requested_at = models.DateTimeField(auto_now_add=True)
    tick = models.ForeignKey(
        "paper_trading.Tick",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="requests",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=RequestKind.TICK, token=None)
                | Q(kind=RequestKind.CLOSE_POSITION, token__isnull=False),
                name="request_token_only_to_close",
            ),
        ]
        indexes = [models.Index(fields=["session"], condition=Q(tick=None), name="request_waiting")]

    def __str__(self) -> str:
        return f"{self.kind} for session {self.session_id}"
