"""Positions with the trades that made them."""

from django.contrib import admin

from paper_trading.admin.records import RecordAdmin, RecordInline
from paper_trading.models import PaperPosition, PaperTrade


class PositionTradeInline(RecordInline):
    """The trades of a position."""

    model = PaperTrade
    fields = ("market_time", "side", "status", "code", "allowed_usd", "gas_usd", "realized_usd")
    ordering = ("pk",)


@admin.register(PaperPosition)
class PositionAdmin(RecordAdmin):
    """Open and closed positions."""

    list_display = (
        "token",
        "account",
        "is_open",
        "cost_usd",
        "mark_price_usd",
        "net_pnl_percent",
        "realized_usd",
        "exit_reason",
        "opened_market_time",
        "closed_market_time",
    )
    list_filter = ("is_open", "exit_reason")
    list_select_related = ("token", "account")
    search_fields = ("token__symbol", "account__name")
    inlines = (PositionTradeInline,)
