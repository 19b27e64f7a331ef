"""From a closed bar to a set-up: its rank, the lowest level that would take it, its bounds."""

from collections.abc import Sequence
from decimal import Decimal

from paper_trading.intelligence import learner
from paper_trading.intelligence.brackets import BookKey
from paper_trading.intelligence.experience import LEARNING_LEVEL, Experience
from paper_trading.intelligence.gates import cost_percent, expected_move_percent, lowest_level
from paper_trading.intelligence.levels import LEVELS
from paper_trading.intelligence.quantiles import rank
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.setups import SetUp, bounds


def set_up_of(
    token_id: int,
    bar: ClosedBar,
    points: Sequence[Decimal] | None,
    key: BookKey,
    experience: Experience,
) -> SetUp | None:
    """Return the set-up of a closed fast bar.

    `points` are the quantiles in force at the step that closed it, `experience` what was frozen
    then. None while nothing is in force, before the signals are warm, or without a stated round
    trip.
    """
    score, cost = bar.score, bar.round_trip_percent
    families = bar.families_agreeing
    if points is None or score is None or cost is None or families is None or not bar.ready:
        return None
    confidence = rank(points, score)
    relative = cost_percent(cost, expected_move_percent(bar, key.bracket.hold_hours))
    level = lowest_level(
        LEVELS,
        key.confidence_threshold,
        confidence=confidence,
        families=families,
        cost_percent=relative,
    )
    lower, upper = bounds(bar.bar.close, cost, key.bracket)
    learned_score, picked = _learned(bar, level, relative, key, experience)
    return SetUp(
        token_id=token_id,
        entered_at=bar.bar.end,
        entry_usd=bar.bar.close,
        cost_percent=cost,
        lower_usd=lower,
        upper_usd=upper,
        confidence=confidence,
        level=level,
        learned_score=learned_score,
        learned_pick=picked,
        signals=bar.signals,
    )


def _learned(
    bar: ClosedBar,
    level: int | None,
    relative: Decimal | None,
    key: BookKey,
    experience: Experience,
) -> tuple[Decimal, bool]:
    """Return a bar's score under learned weights, and whether level 10 takes it by them."""
    points = experience.points
    if points is None:
        # By rule the learning level then decides by base weights.
        return learner.score(bar.signals, experience.weights), level is not None
    changed = learner.reweighed(bar, experience.weights)
    if changed.score is None or changed.families_agreeing is None:
        raise ValueError(f"bar from {bar.bar.start} lost its score under other weights")
    found = lowest_level(
        LEVELS[LEARNING_LEVEL - 1 :],
        key.confidence_threshold,
        confidence=rank(points, changed.score),
        families=changed.families_agreeing,
        cost_percent=relative,
    )
    return changed.score, found is not None
