"""What a session's newest decisions read of matured set-ups, and how the learner fares."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paper_trading.engine.words import number_of
from paper_trading.intelligence.experience import LEARNING_LEVEL, Experience, TwinGap
from paper_trading.models import PaperTradingSession
from paper_trading.services.set_up_rows import experience_of


@dataclass(frozen=True, slots=True)
class Learning:
    """Where the learned weights of a session of level 10 stand."""

    frozen_at: datetime
    #: Matured set-ups that taught the weights, and their pairs of token and day.
    set_ups: int
    clusters: int
    #: Learned scores can be ranked: the weights decide.
    in_force: bool
    twin: TwinGap


def experience_read(session: PaperTradingSession) -> Experience | None:
    """Return what the session's newest tick with prices has read; None before the first."""
    ticks = session.ticks.filter(number__isnull=False, experience__isnull=False)
    key = ticks.order_by("-number").values_list("experience", flat=True).first()
    return None if key is None else experience_of(key)


def learning(session: PaperTradingSession) -> Learning | None:
    """Return where the learning stands; None for a level that does not learn."""
    if session.intel_level != LEARNING_LEVEL:
        return None
    found = experience_read(session)
    if found is None:
        return None
    return Learning(
        frozen_at=found.frozen_at,
        set_ups=found.lessons_n,
        clusters=found.clusters,
        in_force=found.points is not None,
        twin=found.twin,
    )


def in_words(found: Learning) -> str:
    """Return one line for people."""
    state = "in force" if found.in_force else "not in force until its scores can be ranked"
    lessons = number_of(found.set_ups, "set-up")
    taught = f"weights of {lessons} in {number_of(found.clusters, 'token-day')}, {state}"
    gap = found.twin
    if gap.mean_percent is None:
        return f"{taught}; against base weights: no finished day yet"
    error = "unknown" if gap.error_percent is None else f"{gap.error_percent:.3f}"
    return (
        f"{taught}; against base weights {gap.mean_percent:+.3f} % a set-up"
        f" (standard error {error}, n = {number_of(gap.days, 'day')})"
    )


def as_json(found: Learning) -> dict[str, Any]:
    """Return it for programs: Decimals as text."""
    gap = found.twin
    return {
        "frozen_at": found.frozen_at.isoformat(),
        "set_ups": found.set_ups,
        "clusters": found.clusters,
        "in_force": found.in_force,
        "days": gap.days,
        "mean_percent": None if gap.mean_percent is None else str(gap.mean_percent),
        "error_percent": None if gap.error_percent is None else str(gap.error_percent),
    }
