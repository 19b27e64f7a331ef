"""From a closed bar to a set-up: its rank, the lowest level that would take it, its bounds."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from paper_trading.engine.enums import Family
from paper_trading.engine.money import PRICE_LIMIT, ZERO, exact
from paper_trading.intelligence import learner
from paper_trading.intelligence.brackets import BookKey
from paper_trading.intelligence.experience import LEARNING_LEVEL, Experience
from paper_trading.intelligence.gates import cost_percent, expected_move_percent, lowest_level
from paper_trading.intelligence.levels import LEVELS
from paper_trading.intelligence.quantiles import rank
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.setups import SetUp, bounds

#: The row of the learning level.
_LEARNING = LEVELS[LEARNING_LEVEL - 1 :]


@exact
def set_up_of(
    token_id: int,
    bar: ClosedBar,
    known_at: datetime,
    points: Sequence[Decimal] | None,
    key: BookKey,
    experience: Experience,
) -> SetUp | None:
    """Return the set-up of a closed fast bar.

    `points` are the quantiles in force at the step that closed it, `experience` what was frozen
    then, at the market time `known_at`. None while nothing is in force, before the signals are
    warm, without a stated round trip, when the bar was known to be closed only when no decision
    reads it any more (its close is a price of before a gap), or when a price cannot say where
    its bracket ends.
    """
    score, cost = bar.score, bar.round_trip_percent
    families = bar.families_agreeing
    if points is None or score is None or cost is None or families is None or not bar.ready:
        return None
    if not bar.bar.is_current(known_at):
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
    lower, upper = bounds(bar.bar.close, cost, key.bracket_at(bar.sigma_annual))
    if max(abs(lower), upper) >= PRICE_LIMIT:
        return None
    learned_score, picked = _learned(bar, relative, key, experience)
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
        sigma_annual=bar.sigma_annual,
    )


def _learned(
    bar: ClosedBar,
    relative: Decimal | None,
    key: BookKey,
    experience: Experience,
) -> tuple[Decimal, bool | None]:
    """Return a bar's score under learned weights, and whether level 10 takes it by them.

    None while these cannot be ranked: base weights decide then, and nothing is compared.
    """
    weighed, points = experience.weights, experience.points
    parts = learner.contributions(bar.signals, weighed)
    score = sum(parts, ZERO)
    if points is None:
        return score, None
    judge = partial(
        lowest_level,
        _LEARNING,
        key.confidence_threshold,
        confidence=rank(points, score),
        cost_percent=relative,
    )
    # Most bars fail a gate that is cheaper to look at than the families.
    if judge(families=len(Family)) is None:
        return score, False
    families = learner.families(bar.signals, weighed, parts)
    return score, judge(families=families) is not None
