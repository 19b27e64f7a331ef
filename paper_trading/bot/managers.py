"""Who does the work of each stage: the managers, handed in so that they can be exchanged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from paper_trading.engine.steps import StepResult
from paper_trading.models import PaperPerformanceMetrics, Tick


class PriceStage(Protocol):
    """Brings a tick its prices, as `RealPriceManager` does."""

    def run(self, tick: Tick) -> bool:
        """Run the stage; False when it ended the tick."""


class PositionStage(Protocol):
    """Closes what must go, as `PositionManager` does."""

    def check_auto_close_positions(self, tick: Tick) -> StepResult | None:
        """Run the stage; None when the tick has moved on."""


class AnalysisStage(Protocol):
    """Judges a tick's tokens and what came of it, as `MarketAnalyzer` does."""

    def analyze_chunk(self, chunk: int) -> bool:
        """Run one chunk of the stage; True when it was the last one."""

    def update_metrics(self) -> PaperPerformanceMetrics | None:
        """Run the stage metrics; None when the tick has moved on."""


class ExecutionStage(Protocol):
    """Carries out decisions, as `TradeExecutor` does."""

    def execute_trade(self, tick: Tick) -> StepResult | None:
        """Run the stage; None when the tick has moved on."""


@dataclass(frozen=True, slots=True)
class Managers:
    """The manager of each stage, found by tick when the stage is due."""

    prices: Callable[[Tick], PriceStage]
    positions: Callable[[Tick], PositionStage]
    analyzer: Callable[[Tick], AnalysisStage]
    executor: Callable[[Tick], ExecutionStage]

    @classmethod
    def given(
        cls,
        prices: PriceStage,
        positions: PositionStage,
        executor: ExecutionStage,
        analyzer: Callable[[Tick], AnalysisStage],
    ) -> Self:
        """Return these managers for every tick that they are asked for."""
        return cls(lambda _: prices, lambda _: positions, analyzer, lambda _: executor)
