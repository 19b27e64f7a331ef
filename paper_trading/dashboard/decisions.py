"""Decisions as rows: what was decided, how sure, and against which threshold."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Action
from paper_trading.engine.money import ZERO
from paper_trading.intelligence.decision_json import decision_from_json
from paper_trading.intelligence.p_win import in_words
from paper_trading.models import PaperAIThoughtLog

_ORDER = list(Action)


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A thought with its decision read back from the stored evidence."""

    thought: PaperAIThoughtLog
    decision: Decision
    #: Of the confidence gate; None when no gate was evaluated.
    threshold: Decimal | None
    #: What the rank means, and how such set-ups went; empty without a rank.
    words: str


def decision_rows(thoughts: Iterable[PaperAIThoughtLog]) -> list[DecisionRow]:
    """Return rows, buys and sells before holds and skips, then by confidence."""
    rows = [_row(thought) for thought in thoughts]
    return sorted(
        rows,
        key=lambda row: (_ORDER.index(row.decision.action), -(row.decision.confidence or ZERO)),
    )


def _row(thought: PaperAIThoughtLog) -> DecisionRow:
    decision = decision_from_json(thought.evidence)
    thresholds = [gate.threshold for gate in decision.gates if gate.name == "confidence"]
    threshold = thresholds[0] if thresholds else None
    return DecisionRow(thought, decision, threshold, in_words(decision))
