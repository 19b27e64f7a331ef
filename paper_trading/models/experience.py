"""Set-ups that mature, their market days, and what is frozen of them for decisions to read."""

from django.db import models
from django.db.models import Q

from paper_trading.engine.enums import SetUpEnd
from paper_trading.models.fields import PriceField, RatioField, word_field
from paper_trading.models.market import Market, Token
from paper_trading.models.price import Bar

#: Ends that say nothing of the bracket.
_NO_OUTCOME = (SetUpEnd.GAP.value, SetUpEnd.BEYOND.value)


class SetUpBook(models.Model):
    """The set-ups of a market under one bracket: every session with that bracket reads it."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="set_up_books")
    stop_percent = RatioField(help_text="Net loss at which a set-up ends.")
    target_percent = RatioField(help_text="Net gain at which a set-up ends.")
    hold_hours = RatioField(help_text="Age at which a set-up ends.")
    confidence_threshold = RatioField(null=True, help_text="Empty: each level has its own.")
    exit_volatility_percent = RatioField(
        null=True, help_text="Annual volatility of the bracket as written; empty: not scaled."
    )
    #: Key of the newest bar that was folded; 0: none yet.
    last_bar_id = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "market",
                    "stop_percent",
                    "target_percent",
                    "hold_hours",
                    "confidence_threshold",
                    "exit_volatility_percent",
                ],
                name="set_up_book_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(stop_percent__gt=0, target_percent__gt=0, hold_hours__gt=0),
                name="set_up_book_bracket_positive",
            ),
        ]

    def __str__(self) -> str:
        stop, target, hours = (
            f"{number.normalize():f}"
            for number in (self.stop_percent, self.target_percent, self.hold_hours)
        )
        return f"{self.market}: -{stop} %, +{target} %, {hours} h"


class SetUp(models.Model):
    """One token at one closed fast bar, and how its bracket ended."""

    book = models.ForeignKey(SetUpBook, on_delete=models.CASCADE, related_name="set_ups")
    #: Entry price, cost and readings are the bar's.
    bar = models.ForeignKey(Bar, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField(help_text="End of the bar.")
    lower_usd = PriceField(help_text="A close at or below ends it at its stop.")
    upper_usd = PriceField(help_text="A close at or above ends it at its target.")
    confidence = RatioField(help_text="Rank by the quantiles then in force, in percent.")
    level = models.PositiveSmallIntegerField(
        null=True, help_text="Lowest level whose evidence gates it meets; empty: none."
    )
    learned_score = RatioField()
    learned_pick = models.BooleanField(
        null=True,
        help_text="Level 10 takes it by its learned weights; empty: they were not in force.",
    )
    net_percent = RatioField(null=True, help_text="Empty while it waits, and without an outcome.")
    ended = word_field(SetUpEnd, blank=True, default="")
    matured_at = models.DateTimeField(null=True, help_text="Market time.")

    class Meta:
        verbose_name = "set-up"
        constraints = [
            models.UniqueConstraint(fields=["book", "bar"], name="set_up_once"),
            models.CheckConstraint(
                condition=Q(net_percent=None, ended="", matured_at=None)
                | Q(net_percent=None, ended__in=_NO_OUTCOME, matured_at__isnull=False)
                | (
                    Q(net_percent__isnull=False, matured_at__isnull=False)
                    & ~Q(ended__in=["", *_NO_OUTCOME])
                ),
                name="set_up_ends_as_a_whole",
            ),
            models.CheckConstraint(
                condition=Q(level=None) | Q(level__gte=1, level__lte=10), name="set_up_level_range"
            ),
        ]
        indexes = [
            models.Index(
                fields=["book", "token"], condition=Q(matured_at=None), name="set_up_waiting"
            ),
            models.Index(fields=["book", "matured_at"], name="set_up_matured"),
            models.Index(fields=["book", "entered_at"], name="set_up_scores"),
        ]

    def __str__(self) -> str:
        return f"{self.token} {self.entered_at:%Y-%m-%d %H:%M}"


class SetUpDay(models.Model):
    """What counts of the set-ups that matured in one finished market day; immutable."""

    book = models.ForeignKey(SetUpBook, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    #: By level and rank bin, by learned and base weights, and the lessons.
    counts = models.JSONField()

    class Meta:
        verbose_name = "set-up day"
        constraints = [models.UniqueConstraint(fields=["book", "day"], name="set_up_day_once")]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} of {self.book}"


class FrozenExperience(models.Model):
    """What the decisions of a market day read of matured set-ups; immutable."""

    book = models.ForeignKey(SetUpBook, on_delete=models.CASCADE, related_name="experiences")
    frozen_at = models.DateTimeField(help_text="Market time from which it is in force.")
    #: By level: P(mean net > 0) in percent, set-ups, days.
    outcomes = models.JSONField()
    #: By rank bin: share, mean, low, high, set-ups, days, break-even.
    p_wins = models.JSONField()
    #: Of level 10, by signal.
    weights = models.JSONField()
    lessons_n = models.PositiveIntegerField(help_text="Set-ups that taught the weights.")
    clusters = models.PositiveIntegerField(help_text="Their pairs of token and day.")
    points = models.JSONField(null=True, help_text="Learned scores at 0, 0.5, ... 100 percent.")
    sample_size = models.PositiveIntegerField(help_text="Learned scores behind the points.")
    twin_days = models.PositiveIntegerField(default=0)
    twin_mean_percent = RatioField(null=True, help_text="Learned less base weights, a day.")
    twin_error_percent = RatioField(null=True, help_text="Standard error of that mean.")

    class Meta:
        verbose_name = "frozen experience"
        verbose_name_plural = "frozen experience"
        constraints = [
            models.UniqueConstraint(fields=["book", "frozen_at"], name="experience_once"),
        ]

    def __str__(self) -> str:
        return f"{self.frozen_at:%Y-%m-%d} of {self.book}"
