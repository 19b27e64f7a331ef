"""Rows of set-ups, their days and what is frozen of them, as the values of the pure packages."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from paper_trading.engine.enums import SetUpEnd
from paper_trading.intelligence.brackets import BookKey, Bracket
from paper_trading.intelligence.decision_json import signals_from_json
from paper_trading.intelligence.experience import Experience, SetUpDay
from paper_trading.intelligence.experience_json import (
    day_to_json,
    experience_from_columns,
    experience_to_columns,
)
from paper_trading.intelligence.setups import Matured, SetUp
from paper_trading.models import FrozenExperience, SetUpBook
from paper_trading.models import SetUp as SetUpRow
from paper_trading.models import SetUpDay as SetUpDayRow

#: Columns that a set-up gets when it matures.
MATURED = ("net_percent", "ended", "matured_at")
_FROZEN = (
    "outcomes",
    "p_wins",
    "weights",
    "lessons_n",
    "clusters",
    "points",
    "sample_size",
    "twin_days",
    "twin_mean_percent",
    "twin_error_percent",
)


def key_value(book: SetUpBook) -> BookKey:
    """Return what the set-ups of a book are judged by."""
    bracket = Bracket(book.stop_percent, book.target_percent, book.hold_hours)
    return BookKey(bracket, book.confidence_threshold, book.exit_volatility_percent)


def set_up_row(book_id: int, bar_id: int, made: SetUp) -> SetUpRow:
    """Return the row of a set-up, not yet saved."""
    return SetUpRow(
        book_id=book_id,
        bar_id=bar_id,
        token_id=made.token_id,
        entered_at=made.entered_at,
        lower_usd=made.lower_usd,
        upper_usd=made.upper_usd,
        confidence=made.confidence,
        level=made.level,
        learned_score=made.learned_score,
        learned_pick=made.learned_pick,
    )


def set_up_value(row: SetUpRow, *, with_signals: bool) -> SetUp:
    """Return a stored set-up; signals and volatility are read only when they are asked for."""
    bar = row.bar
    if bar.round_trip_percent is None:
        raise ValueError(f"set-up {row.pk} stands on bar {bar.pk}, which states no round trip")
    return SetUp(
        token_id=row.token_id,
        entered_at=row.entered_at,
        entry_usd=bar.close,
        cost_percent=bar.round_trip_percent,
        lower_usd=row.lower_usd,
        upper_usd=row.upper_usd,
        confidence=row.confidence,
        level=row.level,
        learned_score=row.learned_score,
        learned_pick=row.learned_pick,
        signals=signals_from_json(bar.readings["signals"]) if with_signals else (),
        sigma_annual=_sigma(bar.readings) if with_signals else None,
    )


def _sigma(readings: Mapping[str, Any]) -> Decimal | None:
    found = readings.get("sigma_annual")
    return None if found is None else Decimal(found)


def matured_value(row: SetUpRow) -> Matured:
    """Return a stored set-up that has ended, with its signals."""
    if row.matured_at is None:
        raise ValueError(f"set-up {row.pk} has not matured")
    found = set_up_value(row, with_signals=True)
    return Matured(found, row.net_percent, SetUpEnd(row.ended), row.matured_at)


def end(row: SetUpRow, ended: Matured) -> None:
    """Set the columns of a set-up that has matured."""
    row.net_percent, row.ended, row.matured_at = ended.net_percent, ended.ended, ended.at


def day_row(book_id: int, day: SetUpDay) -> SetUpDayRow:
    """Return the row of a finished market day, not yet saved."""
    return SetUpDayRow(book_id=book_id, day=day.day, counts=day_to_json(day))


def experience_row(book_id: int, found: Experience) -> FrozenExperience:
    """Return the row of what was frozen, not yet saved."""
    return FrozenExperience(
        book_id=book_id, frozen_at=found.frozen_at, **experience_to_columns(found)
    )


def experience_value(row: FrozenExperience) -> Experience:
    """Return what a row keeps."""
    frozen_at: datetime = row.frozen_at
    return experience_from_columns(frozen_at, {name: getattr(row, name) for name in _FROZEN})


@lru_cache(maxsize=64)
def experience_of(experience_id: int) -> Experience:
    """Read what was frozen once a process: its row never changes."""
    return experience_value(FrozenExperience.objects.get(pk=experience_id))
