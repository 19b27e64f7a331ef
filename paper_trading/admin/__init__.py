"""The admin: records are read-only, what people set is editable, acts are checked and logged."""

from django.contrib import admin

from paper_trading.admin import (
    accounts,
    decisions,
    examinations,
    experience,
    markets,
    positions,
    prices,
    risk,
    sessions,
    sources,
    strategies,
    ticks,
    trades,
)

__all__ = [
    "accounts",
    "decisions",
    "examinations",
    "experience",
    "markets",
    "positions",
    "prices",
    "risk",
    "sessions",
    "sources",
    "strategies",
    "ticks",
    "trades",
]

admin.site.site_header = "DEX paper trading"
admin.site.site_title = "DEX paper trading"
admin.site.index_title = "Records and controls"
