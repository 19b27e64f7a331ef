"""What each of the ten levels would have made of one evidence."""

from dataclasses import dataclass

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Gate
from paper_trading.engine.enums import Action
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.intelligence.levels import LEVELS


@dataclass(frozen=True, slots=True)
class LevelVerdict:
    """What one level would have decided."""

    level: int
    action: Action
    code: Code
    #: The first gate that it misses; None when it meets all, or when nothing could be said.
    missed: Gate | None


def ten_levels(evidence: Evidence, strategy: Strategy) -> tuple[LevelVerdict, ...]:
    """Return the verdict of every level on the same evidence, the lowest level first."""
    found = []
    for row in LEVELS:
        made = IntelSliderEngine(row.level, strategy).decide(evidence)
        missed = next((gate for gate in made.gates if not gate.met), None)
        found.append(LevelVerdict(row.level, made.action, made.code, missed))
    return tuple(found)
