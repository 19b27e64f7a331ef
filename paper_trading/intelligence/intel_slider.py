"""The intel slider: one level's decision on one token's evidence."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision, Gate, Twin
from paper_trading.engine.enums import Action, PriceVerdict
from paper_trading.engine.strategy import Appetite, Strategy
from paper_trading.engine.words import number_of
from paper_trading.intelligence import learner
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.experience import LEARNING_LEVEL, Experience
from paper_trading.intelligence.gates import (
    MISSED,
    cost_percent,
    expected_move_percent,
    gates,
    veto,
)
from paper_trading.intelligence.levels import LEVELS_VERSION, appetite
from paper_trading.intelligence.quantiles import rank
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.signals import SCORE_VERSION

__all__ = ["SIGNAL_EXIT_FAMILIES", "SIGNAL_EXIT_RANK", "Evidence", "IntelSliderEngine"]

#: A position is given up when its rank is at most this, in percent, and no more families
#: than this still agree; both are the same for every level.
SIGNAL_EXIT_RANK = Decimal(10)
SIGNAL_EXIT_FAMILIES = 1


@dataclass(frozen=True, slots=True)
class IntelSliderEngine:
    """Decide for one intel level (1 to 10) under one strategy.

    :raises ValueError: when the level is not a whole number from 1 to 10.
    """

    level: int
    strategy: Strategy
    appetite: Appetite = field(init=False)

    def __post_init__(self) -> None:
        """Look the level up."""
        object.__setattr__(self, "appetite", appetite(self.level))

    def decide(self, evidence: Evidence) -> Decision:
        """Return the decision with every number behind it.

        A veto gives SKIP. Otherwise all gates are evaluated: all met is BUY (an add when a
        position is held), evidence against a held position is SELL, the rest is HOLD. The
        learning level decides by its learned weights once their scores can be ranked; what its
        base weights would have decided is its twin.
        """
        base = self._judge(evidence)
        if self.level != LEARNING_LEVEL:
            return base
        found = evidence.experience
        made = base
        if found is not None and found.points is not None and _readable(evidence):
            learned = replace(evidence, bar=_relearned(evidence, found), quantiles=found.points)
            made = replace(self._judge(learned), p_win=base.p_win)
        return replace(made, twin=Twin(base.action, base.code, base.confidence))

    def _judge(self, evidence: Evidence) -> Decision:
        code = veto(evidence, self.strategy)
        bar, quantiles = evidence.bar, evidence.quantiles
        expected = expected_move_percent(bar, self.strategy.max_hold_hours)
        if (
            code is not None
            or bar is None
            or quantiles is None
            or bar.score is None
            or bar.families_agreeing is None
        ):
            return self._made(evidence, Action.SKIP, code or Code.BARS_WARMING_UP, expected)
        confidence = rank(quantiles, bar.score)
        evaluated = gates(
            self.appetite,
            self.strategy,
            confidence=confidence,
            families=bar.families_agreeing,
            cost_percent=cost_percent(evidence.round_trip_percent, expected),
            outcome_percent=evidence.outcome.percent,
        )
        found = evidence.experience
        action, reason = _conclude(evidence, bar, confidence, evaluated)
        return self._made(
            evidence,
            action,
            reason,
            expected,
            confidence=confidence,
            outcome_percent=evidence.outcome.percent,
            outcome_n=evidence.outcome.n,
            outcome_days=evidence.outcome.days,
            p_win=None if found is None else found.p_win(confidence),
            gates=evaluated,
        )

    def _made(
        self,
        evidence: Evidence,
        action: Action,
        code: Code,
        expected: Decimal | None,
        **judged: Any,
    ) -> Decision:
        """Return a decision with what is known before any gate, and what was judged after."""
        bar = evidence.bar
        return Decision(
            token_id=evidence.token.id,
            symbol=evidence.token.symbol,
            action=action,
            code=code,
            level=self.level,
            score=None if bar is None else bar.score,
            expected_move_percent=expected,
            round_trip_percent=evidence.round_trip_percent,
            families_agreeing=None if bar is None else bar.families_agreeing,
            signals=() if bar is None else bar.signals,
            **judged,
        )

    def describe(self) -> dict[str, str]:
        """Return the level in words, for a banner: label to text."""
        row, override = self.appetite, self.strategy.confidence_threshold
        asked = row.min_confidence if override is None else override
        origin = "" if override is None else " (set by the strategy)"
        return {
            "Intel level": f"{row.level} of 10",
            "Confidence": f"at least {asked} %{origin}",
            "Families agreeing": f"at least {row.min_families} of 6",
            "Round-trip cost": f"at most {row.max_cost_percent} % of the expected move",
            "Outcomes": f"P(mean net > 0) at least {row.min_outcome_percent} %",
            "Largest position": f"{row.max_position_percent} % of equity",
            "Gross exposure": f"{row.max_exposure_percent} % of equity",
            "Order size": f"at most {row.max_pool_percent} % of the pool's side",
            "Slippage": f"{row.slippage_share_percent} % of the strategy's maximum",
            "Cool-down": f"{number_of(row.cool_down_minutes, 'minute')}, adds {row.max_adds}",
            "MEV protection": "on" if row.mev_protection else "off",
            "Versions": f"levels {LEVELS_VERSION}, score {SCORE_VERSION}",
        }


def _readable(evidence: Evidence) -> bool:
    return evidence.bar is not None and evidence.bar.ready and evidence.quantiles is not None


def _relearned(evidence: Evidence, found: Experience) -> ClosedBar | None:
    return None if evidence.bar is None else learner.reweighed(evidence.bar, found.weights)


def _conclude(
    evidence: Evidence, bar: ClosedBar, confidence: Decimal, evaluated: tuple[Gate, ...]
) -> tuple[Action, Code]:
    if _turned(evidence, bar, confidence):
        return Action.SELL, Code.SIGNAL_EXIT
    missed = next((gate for gate in evaluated if not gate.met), None)
    if missed is None and not _disputed(evidence):
        return Action.BUY, Code.OK
    if evidence.held_since is not None:
        return Action.HOLD, Code.POSITION_HELD
    return Action.HOLD, Code.PRICE_DISPUTED if missed is None else MISSED[missed.name]


def _disputed(evidence: Evidence) -> bool:
    return evidence.quote is not None and evidence.quote.verdict is PriceVerdict.DISPUTED


def _turned(evidence: Evidence, bar: ClosedBar, confidence: Decimal) -> bool:
    """Tell whether the evidence is against a position that has seen at least one fast bar."""
    if evidence.held_since is None or bar.families_agreeing is None:
        return False
    held = (evidence.market_time - evidence.held_since).total_seconds()
    return (
        confidence <= SIGNAL_EXIT_RANK
        and bar.families_agreeing <= SIGNAL_EXIT_FAMILIES
        and held >= bar.bar.seconds
    )
