"""Ticks and the completion rows of their stages: the journal and the state machine."""

from enum import StrEnum, unique

from django.db import models
from django.db.models import Q

from paper_trading.engine.enums import Stage, TradingState
from paper_trading.models.experience import FrozenExperience
from paper_trading.models.fields import word_field
from paper_trading.models.market import Token
from paper_trading.models.price import PriceBatch
from paper_trading.models.session import PaperTradingSession
from paper_trading.models.strategy import StrategyVersion


@unique
class TickStatus(StrEnum):
    """OPEN is the only state that is not final."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    SKIPPED = "SKIPPED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


@unique
class Trigger(StrEnum):
    """Who opened a tick."""

    BEAT = "BEAT"
    MANUAL = "MANUAL"
    BOT = "BOT"


@unique
class TickReason(StrEnum):
    """Why a tick did not close."""

    OVERLAP = "OVERLAP"
    NOT_SERVED = "NOT_SERVED"
    DEADLINE = "DEADLINE"
    ATTEMPTS = "ATTEMPTS"
    RECORD_ENDED = "RECORD_ENDED"
    RECORD_CHANGED = "RECORD_CHANGED"
    SESSION_STOPPED = "SESSION_STOPPED"
    NO_PRICES = "NO_PRICES"
    SAME_PRICES = "SAME_PRICES"


FINAL = [TickStatus.CLOSED, TickStatus.SKIPPED, TickStatus.EXPIRED, TickStatus.FAILED]


class Tick(models.Model):
    """One pass of the pipeline, with every input it read."""

    session = models.ForeignKey(PaperTradingSession, on_delete=models.PROTECT, related_name="ticks")
    #: floor(database clock / interval); null for a manual tick.
    slot = models.BigIntegerField(null=True)
    #: Counts executed ticks of the session from 1; null when skipped.
    number = models.PositiveIntegerField(null=True)
    trigger = word_field(Trigger)
    status = word_field(TickStatus)
    reason = word_field(TickReason, blank=True, default="")
    #: The stage that comes next; its completion row is written when it is done.
    stage = word_field(Stage)
    #: Fencing: raised when a lease runs out, compared by every later write.
    attempt = models.PositiveSmallIntegerField(default=1)
    lease_until = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    chunks_total = models.PositiveSmallIntegerField(default=0)
    chunks_done = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    # The journal: what the tick read.
    step = models.PositiveIntegerField(null=True)
    batch = models.ForeignKey(PriceBatch, null=True, on_delete=models.PROTECT)
    market_time = models.DateTimeField(null=True)
    #: What was frozen of matured set-ups when the batch was made; empty before the first bar.
    experience = models.ForeignKey(FrozenExperience, null=True, on_delete=models.PROTECT)
    strategy_version = models.ForeignKey(StrategyVersion, null=True, on_delete=models.PROTECT)
    intel_level = models.PositiveSmallIntegerField(null=True)
    entries_paused = models.BooleanField(default=False)
    halted = models.BooleanField(default=False)
    #: Versions of engine, levels and score that traded it.
    program = models.CharField(max_length=80, blank=True, default="")
    #: Ids of the tokens that people had asked to close when auto_close ran.
    manual_closes = models.JSONField(default=list)
    #: Of the journal, made when auto_close commits: nothing decides before it.
    seal = models.JSONField(default=dict, editable=False)
    trading_state = word_field(TradingState, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "slot"], name="tick_one_a_slot"),
            models.UniqueConstraint(fields=["session", "number"], name="tick_number_once"),
            models.UniqueConstraint(
                fields=["session"], condition=Q(status=TickStatus.OPEN), name="tick_one_open"
            ),
            models.CheckConstraint(
                condition=Q(
                    status=TickStatus.OPEN,
                    closed_at=None,
                    lease_until__isnull=False,
                    deadline_at__isnull=False,
                    number__isnull=False,
                    reason="",
                )
                | Q(
                    status=TickStatus.CLOSED,
                    closed_at__isnull=False,
                    number__isnull=False,
                    reason="",
                )
                | (
                    Q(status=TickStatus.SKIPPED, closed_at__isnull=False, number=None)
                    & ~Q(reason="")
                )
                | (
                    Q(
                        status__in=[TickStatus.EXPIRED, TickStatus.FAILED],
                        closed_at__isnull=False,
                        number__isnull=False,
                    )
                    & ~Q(reason="")
                ),
                name="tick_status_matches_times",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"], condition=Q(status=TickStatus.OPEN), name="tick_leases"
            ),
            models.Index(fields=["session", "-opened_at"], name="tick_newest"),
        ]

    def __str__(self) -> str:
        label = f"tick {self.number}" if self.number else f"slot {self.slot}"
        return f"{label} of session {self.session_id}"


class TickStage(models.Model):
    """A stage (or a chunk of the analysis) is done: committed with its effects."""

    tick = models.ForeignKey(Tick, on_delete=models.CASCADE, related_name="stages")
    stage = word_field(Stage)
    chunk = models.PositiveSmallIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    #: Version of the account that the stage read; null for stages that read none.
    state_version = models.PositiveBigIntegerField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tick", "stage", "chunk"], name="stage_done_once"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} of tick {self.tick_id}"


class InternalError(models.Model):
    """An unexpected exception, kept with its traceback, tick and stage."""

    tick = models.ForeignKey(Tick, null=True, on_delete=models.CASCADE, related_name="errors")
    stage = word_field(Stage)
    token = models.ForeignKey(Token, null=True, on_delete=models.PROTECT)
    traceback = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.stage}: {self.traceback.strip().splitlines()[-1]}"
