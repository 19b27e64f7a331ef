"""The bot: the stages of a tick, their order, and the drivers that run them.

The names below can be imported in a bare Python shell; Django is set up on first use.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import django
from django.apps import apps

if TYPE_CHECKING:
    from paper_trading.bot.circuit_breakers import CircuitBreakerManager
    from paper_trading.bot.enhanced_bot import EnhancedPaperTradingBot
    from paper_trading.bot.market_analyzer import MarketAnalyzer
    from paper_trading.bot.position_manager import PositionManager
    from paper_trading.bot.price_service_integration import (
        RealPriceManager,
        create_price_manager,
    )
    from paper_trading.bot.trade_executor import TradeExecutor

__all__ = [
    "CircuitBreakerManager",
    "EnhancedPaperTradingBot",
    "MarketAnalyzer",
    "PositionManager",
    "RealPriceManager",
    "TradeExecutor",
    "create_price_manager",
]

_HOMES = {
    "CircuitBreakerManager": "circuit_breakers",
    "EnhancedPaperTradingBot": "enhanced_bot",
    "MarketAnalyzer": "market_analyzer",
    "PositionManager": "position_manager",
    "RealPriceManager": "price_service_integration",
    "TradeExecutor": "trade_executor",
    "create_price_manager": "price_service_integration",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not apps.ready:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")
        django.setup()
    return getattr(import_module(f"{__name__}.{home}"), name)
