"""What a tick obeys besides the account and the market, and the program that traded it."""

from dataclasses import dataclass

from paper_trading.engine.orders import Rules
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.version import ENGINE_VERSION
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.levels import LEVELS_VERSION, appetite
from paper_trading.intelligence.signals import SCORE_VERSION

PROGRAM = f"engine {ENGINE_VERSION}, levels {LEVELS_VERSION}, score {SCORE_VERSION}"
#: Hexadecimal digits that name a set of user signals.
_DIGITS = 12


def program(signals: str = "") -> str:
    """Return what a tick journals: another program may decide otherwise on the same inputs.

    `signals` is the digest of the market's set of user signals, empty without any.
    """
    return f"{PROGRAM}, signals {signals[:_DIGITS]}" if signals else PROGRAM


@dataclass(frozen=True, slots=True)
class TickInputs:
    """The journal of a tick as values."""

    seed: int
    level: int
    strategy: Strategy
    entries_paused: bool = False
    halted: bool = False
    manual_closes: frozenset[int] = frozenset()

    def rules(self, broken: frozenset[int] = frozenset()) -> Rules:
        """Return the rules of the money stages; `broken` are tokens whose venue has raised."""
        return Rules(
            strategy=self.strategy,
            appetite=appetite(self.level),
            seed=self.seed,
            entries_paused=self.entries_paused,
            halted=self.halted,
            broken=broken,
        )

    def engine(self) -> IntelSliderEngine:
        """Return the engine of the analysis."""
        return IntelSliderEngine(self.level, self.strategy)
