"""Trades with their transactions and postings."""

from django.contrib import admin

from paper_trading.admin.records import RecordAdmin, RecordInline
from paper_trading.models import LedgerEntry, PaperTrade, SimulatedTransaction
from paper_trading.templatetags import figures


class TransactionInline(RecordInline):
    """The transactions of a trade."""

    model = SimulatedTransaction
    fields = ("kind", "status", "nonce", "leg", "gas_used", "gas_price_wei", "fee_wei", "fee_usd")


class LedgerInline(RecordInline):
    """The postings of a trade."""

    model = LedgerEntry
    fields = ("line", "book", "amount_usd", "token", "units")
    ordering = ("line",)
    select_related = ("token",)


@admin.register(PaperTrade)
class TradeAdmin(RecordAdmin):
    """Fills, denials and failures, plan and outcome side by side."""

    list_display = (
        "market_time",
        "account",
        "side",
        "token",
        "status",
        "code",
        "exit_reason",
        "allowed_usd",
        "shortfall_usd",
        "gas_usd",
        "realized_usd",
    )
    list_filter = ("status", "side", "exit_reason", "code")
    list_select_related = ("account", "token")
    search_fields = ("token__symbol", "account__name")
    inlines = (TransactionInline, LedgerInline)
    record_fields = (
        ("account", "session", "tick"),
        ("stage", "sequence", "position"),
        ("side", "token", "status", "code"),
        ("code_text", "exit_reason", "grade", "pool"),
        ("market_time", "created_at"),
        ("confidence", "asked_usd", "allowed_usd", "limit"),
        ("amount_in", "quoted_out", "minimum_out", "amount_out", "mid_price"),
        ("fee_usd", "impact_usd", "drift_usd", "mev_usd", "shortfall_usd"),
        ("gas_usd", "realized_usd"),
    )

    @admin.display(description="What it means")
    def code_text(self, row: PaperTrade) -> str:
        """Return the sentence of the code."""
        return figures.code_text(row.code)


@admin.register(SimulatedTransaction)
class TransactionAdmin(RecordAdmin):
    """Transactions as the chain would have charged them."""

    list_display = ("account", "nonce", "leg", "kind", "status", "gas_used", "fee_usd", "trade")
    list_filter = ("kind", "status")
    list_select_related = ("account", "trade__token")
    search_fields = ("account__name",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(RecordAdmin):
    """Postings."""

    list_display = ("account", "trade", "line", "book", "amount_usd", "token", "units")
    list_filter = ("book",)
    list_select_related = ("account", "trade__token", "token")
    search_fields = ("account__name",)
