"""Price batches, quotes, bars and quantiles."""

from django.contrib import admin

from paper_trading.admin.records import RecordAdmin, RecordInline
from paper_trading.models import Bar, PriceBatch, Quote, ScoreQuantiles


class QuoteInline(RecordInline):
    """The quotes of a batch."""

    model = Quote
    fields = ("token", "price_usd", "liquidity_usd", "observed_at", "source", "verdict")
    select_related = ("token",)


@admin.register(PriceBatch)
class PriceBatchAdmin(RecordAdmin):
    """Bulk fetches."""

    list_display = ("market", "step", "market_time", "source", "fetched_at", "missing", "reasons")
    list_filter = ("market", "source")
    list_select_related = ("market",)
    inlines = (QuoteInline,)


@admin.register(Quote)
class QuoteAdmin(RecordAdmin):
    """Prices of single tokens."""

    list_display = (
        "token",
        "price_usd",
        "liquidity_usd",
        "observed_at",
        "source",
        "verdict",
        "pool",
        "block",
        "depth",
        "batch",
    )
    list_filter = ("source", "verdict")
    list_select_related = ("token", "batch__market")
    search_fields = ("token__symbol",)


@admin.register(Bar)
class BarAdmin(RecordAdmin):
    """Closed bars."""

    list_display = ("token", "market", "start", "seconds", "open", "high", "low", "close", "score")
    list_filter = ("market", "slow")
    list_select_related = ("token", "market")
    search_fields = ("token__symbol",)


@admin.register(ScoreQuantiles)
class ScoreQuantilesAdmin(RecordAdmin):
    """Frozen quantiles that rank scores."""

    list_display = ("market", "frozen_at", "sample_size")
    list_filter = ("market",)
    list_select_related = ("market",)
