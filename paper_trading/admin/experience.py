"""Set-ups, how they matured, and what is frozen of them."""

from django.contrib import admin

from paper_trading.admin.records import RecordAdmin
from paper_trading.models import FrozenExperience, SetUp, SetUpBook, SetUpDay


@admin.register(SetUpBook)
class SetUpBookAdmin(RecordAdmin):
    """Brackets under which the set-ups of a market are judged."""

    list_display = (
        "market",
        "stop_percent",
        "target_percent",
        "hold_hours",
        "confidence_threshold",
        "exit_volatility_percent",
    )
    list_filter = ("market",)
    list_select_related = ("market",)


@admin.register(SetUp)
class SetUpAdmin(RecordAdmin):
    """Tokens at closed bars, and how their brackets ended."""

    list_display = ("token", "entered_at", "confidence", "level", "ended", "net_percent")
    list_filter = ("ended", "level", "book__market")
    list_select_related = ("token", "book__market")
    search_fields = ("token__symbol",)


@admin.register(SetUpDay)
class SetUpDayAdmin(RecordAdmin):
    """Counts of finished market days."""

    list_display = ("book", "day")
    list_filter = ("book__market",)
    list_select_related = ("book__market",)


@admin.register(FrozenExperience)
class FrozenExperienceAdmin(RecordAdmin):
    """What the decisions of a market day read of matured set-ups."""

    list_display = (
        "book",
        "frozen_at",
        "lessons_n",
        "clusters",
        "twin_days",
        "twin_mean_percent",
        "twin_error_percent",
    )
    list_filter = ("book__market",)
    list_select_related = ("book__market",)
