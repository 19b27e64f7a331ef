"""Every public name of the specification is there, or says where it is now and why."""

import dataclasses
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import paper_trading.bot

ROOT = Path(__file__).resolve().parents[1]

#: Module -> class -> names, as the specification has them.
NAMES: dict[str, dict[str, list[str]]] = {
    "paper_trading.bot.enhanced_bot": {
        "EnhancedPaperTradingBot": ["initialize", "run", "shutdown", "_setup_signal_handlers"],
    },
    "paper_trading.bot.market_analyzer": {
        "MarketAnalyzer": [
            "tick",
            "_analyze_token",
            "_check_auto_close_positions",
            "_update_performance_metrics",
            "_log_thought",
            "_send_bot_status_update",
        ],
    },
    "paper_trading.bot.position_manager": {
        "PositionManager": [
            "load_positions",
            "update_position_prices",
            "check_auto_close_positions",
            "open_or_add_position",
            "close_or_reduce_position",
            "update_account_pnl",
            "get_position",
            "get_all_positions",
            "get_position_count",
        ],
    },
    "paper_trading.bot.price_service_integration": {
        "RealPriceManager": [
            "initialize",
            "update_all_prices",
            "_update_token_price_mock",
            "get_token_list",
            "get_token_price",
            "get_price_history",
            "get_statistics",
        ],
        "create_price_manager": [],
        "PRICE_UPDATE_INTERVAL": [],
        "MOCK_PRICE_VOLATILITY": [],
    },
    "paper_trading.bot.trade_executor": {
        "TradeExecutor": [
            "execute_trade",
            "_execute_via_tx_manager",
            "_execute_legacy",
            "_create_paper_trade_record",
            "_create_ai_thought_log",
            "_update_positions_after_trade",
            "_can_trade",
        ],
    },
    "paper_trading.intelligence.intel_slider": {"IntelSliderEngine": ["decide"]},
    "paper_trading.services.price_feed_service": {"PriceFeedService": ["batch_for"]},
    "paper_trading.services.websocket_service": {"websocket_service": ["publish"]},
    "engine.portfolio": {"CircuitBreakerManager": []},
    "trading.services.transaction_manager": {"get_transaction_manager": []},
    "trading.services.dex_router_service": {"": []},
}

MODELS = [
    "PaperTradingAccount",
    "PaperTradingSession",
    "PaperPosition",
    "PaperTrade",
    "PaperAIThoughtLog",
    "PaperPerformanceMetrics",
    "PaperStrategyConfiguration",
]

#: What the specification exports, and the manager that it names without a module of the bot.
EXPORTS = [
    "CircuitBreakerManager",
    "EnhancedPaperTradingBot",
    "RealPriceManager",
    "create_price_manager",
    "PositionManager",
    "TradeExecutor",
    "MarketAnalyzer",
]

#: Name of the specification -> where it is now, and the reason.
REPLACED: dict[str, tuple[str, str]] = {
    "paper_trading.bot.market_analyzer.MarketAnalyzer._check_auto_close_positions": (
        "paper_trading.bot.position_manager.PositionManager.check_auto_close_positions",
        "Exits are a stage of their own, under the account's lock.",
    ),
    "paper_trading.bot.market_analyzer.MarketAnalyzer._send_bot_status_update": (
        "paper_trading.bot.events.ended",
        "Every stage publishes its typed events after its commit; this one ends a tick.",
    ),
    "paper_trading.bot.price_service_integration.RealPriceManager._update_token_price_mock": (
        "paper_trading.services.sources.simulation.SimulatedSource.step",
        "A simulation is a seeded source like any other: all tokens at once.",
    ),
    "paper_trading.bot.price_service_integration.PRICE_UPDATE_INTERVAL": (
        "paper_trading.bot.intervals.DEFAULT_MS",
        "Prices are fetched once a step of the market, by the first tick that reads it.",
    ),
    "paper_trading.bot.price_service_integration.MOCK_PRICE_VOLATILITY": (
        "paper_trading.services.sources.simulation.TURBO_FACTOR",
        "Five percent a step is the simulation's turbo profile.",
    ),
    "paper_trading.bot.trade_executor.TradeExecutor._execute_via_tx_manager": (
        "paper_trading.engine.fills.execute_swap",
        "One venue fills every order; its transactions are rows with nonce, status and fee.",
    ),
    "paper_trading.bot.trade_executor.TradeExecutor._execute_legacy": (
        "paper_trading.engine.fills.execute_swap",
        "There is one way to fill an order, not two.",
    ),
    "paper_trading.bot.trade_executor.TradeExecutor._create_paper_trade_record": (
        "paper_trading.bot.trade_rows.trade_row",
        "Both money stages write their trades in bulk by the same function.",
    ),
    "paper_trading.bot.trade_executor.TradeExecutor._create_ai_thought_log": (
        "paper_trading.bot.market_analyzer.MarketAnalyzer._log_thought",
        "A decision is logged once, by the analysis, whether it is traded or not.",
    ),
    "paper_trading.bot.trade_executor.TradeExecutor._update_positions_after_trade": (
        "paper_trading.bot.position_manager.PositionManager.save",
        "Trades, positions and account are saved together.",
    ),
    "engine.portfolio.CircuitBreakerManager": (
        "paper_trading.bot.circuit_breakers.CircuitBreakerManager",
        "The stages evaluate breakers by pure functions; this reads the rows and acts on them.",
    ),
    "trading.services.transaction_manager.get_transaction_manager": (
        "paper_trading.models.SimulatedTransaction",
        "Transactions are simulated with the fill and kept as rows.",
    ),
    "trading.services.dex_router_service.": (
        "paper_trading.engine.amm",
        "A token has one pinned pool; the quote is its constant-product mathematics.",
    ),
}

#: Parameters of the bot and where each is set now.
BOT_PARAMETERS = {
    "account_name": "paper_trading.bot.EnhancedPaperTradingBot",
    "intel_level": "paper_trading.bot.EnhancedPaperTradingBot",
    "use_real_prices": "paper_trading.bot.EnhancedPaperTradingBot",
    "chain_id": "paper_trading.bot.EnhancedPaperTradingBot",
    "tick_interval": "paper_trading.bot.EnhancedPaperTradingBot",
}


def spec_names() -> list[str]:
    return [
        ".".join([module, name, *([member] if member else [])])
        for module, classes in NAMES.items()
        for name, members in classes.items()
        for member in ([""] if not members else ["", *members])
    ]


def resolve(name: str) -> Any:
    """Return what a dotted name stands for. AttributeError or ImportError when for nothing."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", sorted(set(spec_names()) - set(REPLACED)))
def test_a_name_of_the_specification_is_there(name: str) -> None:
    assert resolve(name) is not None


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_the_specification_is_there(name: str) -> None:
    assert resolve(f"paper_trading.models.{name}").__name__ == name


@pytest.mark.parametrize("name", REPLACED)
def test_a_replaced_name_is_gone_and_says_where_it_is_now(name: str) -> None:
    now, reason = REPLACED[name]
    assert name in spec_names()
    assert resolve(now) is not None
    assert reason.endswith(".")
    with pytest.raises((AttributeError, ImportError)):
        resolve(name)


@pytest.mark.parametrize("parameter", BOT_PARAMETERS)
def test_a_parameter_of_the_bot_is_there(parameter: str) -> None:
    assert parameter in inspect.signature(resolve(BOT_PARAMETERS[parameter])).parameters


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("max_position_size_percent", 25),
        ("stop_loss_percent", 5),
        ("take_profit_percent", 10),
        ("max_hold_hours", 24),
        ("max_daily_trades", 50),
        ("confidence_threshold", None),
    ],
)
def test_a_strategy_parameter_has_the_default_that_was_settled(field: str, default: Any) -> None:
    strategy = resolve("paper_trading.engine.strategy.Strategy")
    assert field in {found.name for found in dataclasses.fields(strategy)}
    row = resolve("paper_trading.models.PaperStrategyConfiguration")
    assert row._meta.get_field(field).get_default() == default


def test_the_package_exports_what_the_specification_exports() -> None:
    assert sorted(paper_trading.bot.__all__) == sorted(EXPORTS)


def test_the_exports_work_in_a_bare_python_shell() -> None:
    code = (
        f"from paper_trading.bot import {', '.join(EXPORTS)}\n"
        "bot = EnhancedPaperTradingBot(account_name='MyBot', intel_level=5)\n"
        "print(bot.account_name, bot.intel_level)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "MyBot 5\n", "")
