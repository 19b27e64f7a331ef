"""A stage that fails."""

import pytest

from paper_trading.bot.trade_executor import TradeExecutor
from paper_trading.engine.steps import StepResult
from paper_trading.models import Tick


def fail_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the first execution from now on raise."""
    execute = TradeExecutor.execute_trade
    errors = [error]

    def failing(self: TradeExecutor, tick: Tick) -> StepResult | None:
        if errors:
            raise errors.pop()
        return execute(self, tick)

    monkeypatch.setattr(TradeExecutor, "execute_trade", failing)
