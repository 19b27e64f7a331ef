"""Markets and tokens: the registry is editable, a market's identity is not."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join

from paper_trading.admin.columns import columns
from paper_trading.admin.records import ReadableAdmin, RecordAdmin, field_names
from paper_trading.admin.token_page import AddTokenPage
from paper_trading.models import (
    Market,
    MarketGenesis,
    MarketSignal,
    MarketToken,
    Token,
    TokenList,
)
from paper_trading.templatetags import figures


@admin.register(Market)
class MarketAdmin(AddTokenPage):
    """Only the name can be changed: everything else is what its batches were made from.

    A live market takes further tokens.
    """

    list_display = ("name", "mode", "chain_id", "seed", "step_seconds", "head_step", "created_at")
    list_filter = ("mode", "chain_id")
    search_fields = ("name", "file_path")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: markets are made with the prices they are for."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def save_model(self, request: HttpRequest, obj: Market, form: Any, change: bool) -> None:
        """Write the name alone: the head moves on while a person looks at the form."""
        obj.save(update_fields=["name"])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return everything but the name."""
        return columns(Market, [name for name in field_names(Market) if name != "name"])

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the name, then the rest."""
        return ["name", *self.get_readonly_fields(request, obj)]


#: Changing these under an open position would make money from nothing.
_FIXED = (
    "symbol",
    "chain_id",
    "decimals",
    "is_cash",
    "price_chain_id",
    "price_address",
    "pool_fee_pips",
    "market",
)

_PIPS_A_PERCENT = 10_000


@admin.register(Token)
class TokenAdmin(ReadableAdmin):
    """The token registry."""

    list_display = (
        "symbol",
        "chain_id",
        "market",
        "address",
        "price_chain_id",
        "pool_address",
        "pool_fee_pips",
        "is_cash",
        "tradable",
    )
    list_filter = ("chain_id", "tradable", "is_stable", "is_cash")
    list_select_related = ("market",)
    search_fields = ("symbol", "address", "coingecko_id")
    raw_id_fields = ("market",)
    readonly_fields = ("further",)

    @admin.display(description="further pools")
    def further(self, row: Token) -> str:
        """Return the pools that orders may take besides, as the daily look found them."""
        if not row.further_pools:
            return figures.NONE
        lines = (
            (address, kind, quote, Decimal(fee_pips) / _PIPS_A_PERCENT)
            for address, kind, quote, fee_pips in row.further_pools
        )
        return format_html_join("\n", "<div>{}: {}, against {}, {} %</div>", lines)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what gives stored amounts their meaning, once a market lists the token."""
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, *_FIXED) if obj is not None and obj.listings.exists() else fixed

    def get_ordering(self, request: HttpRequest) -> Any:
        """Return chains apart, symbols by name."""
        return ("chain_id", "symbol")


@admin.register(MarketToken)
class MarketTokenAdmin(RecordAdmin):
    """A token's place in a market, with the head of its signal recurrences."""

    list_display = ("token", "market")
    list_filter = ("market",)
    list_select_related = ("token", "market")
    search_fields = ("token__symbol",)


@admin.register(TokenList)
class TokenListAdmin(RecordAdmin):
    """The tokens of a market as they stood for some of its batches."""

    list_display = ("market", "number", "created_at")
    list_filter = ("market",)
    list_select_related = ("market",)


@admin.register(MarketGenesis)
class MarketGenesisAdmin(RecordAdmin):
    """A market as the back-fill left it: where a replay begins."""

    list_display = ("market", "step", "market_time")
    list_select_related = ("market",)


@admin.register(MarketSignal)
class MarketSignalAdmin(RecordAdmin):
    """The user's signals that markets were made with, and those that are switched off."""

    list_display = ("name", "market", "family", "weight", "bars", "off_step", "off_reason")
    list_filter = ("market", "family")
    list_select_related = ("market",)
    search_fields = ("name", "sha256")
