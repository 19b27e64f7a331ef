"""The level table: its numbers, and that every column is nested."""

from dataclasses import astuple
from decimal import Decimal

import pytest

from paper_trading.engine.strategy import Appetite
from paper_trading.intelligence.levels import LEVELS, appetite

# One row per column of the published table, levels 1 to 10 from left to right.
COLUMNS = {
    "min_confidence": "95 90 85 75 70 65 60 55 50 45",
    "min_families": "5 5 4 4 3 3 3 2 2 2",
    "max_cost_percent": "10 12 15 18 22 26 30 35 40 50",
    "min_outcome_percent": "40 36 32 28 24 20 16 12 8 4",
    "max_position_percent": "2 3 5 7 10 12 15 18 20 25",
    "max_exposure_percent": "10 15 25 35 50 60 75 80 90 100",
    "max_pool_percent": ".05 .075 .10 .125 .15 .175 .20 .30 .40 .50",
    "slippage_share_percent": "30 35 40 50 60 70 80 90 100 100",
    "cool_down_minutes": "240 180 120 90 60 45 30 20 10 5",
    "max_adds": "0 0 0 0 1 1 1 2 2 2",
    "mev_protection": "1 1 1 1 1 1 1 0 0 0",
}
FALLING = {
    "min_confidence",
    "min_families",
    "min_outcome_percent",
    "cool_down_minutes",
    "mev_protection",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_is_that_of_the_table(column: str) -> None:
    expected = [Decimal(text) for text in COLUMNS[column].split()]
    assert [Decimal(getattr(row, column)) for row in LEVELS] == expected


@pytest.mark.parametrize("column", COLUMNS)
def test_a_higher_level_never_wants_less(column: str) -> None:
    values = [Decimal(getattr(row, column)) for row in LEVELS]
    assert values == sorted(values, reverse=column in FALLING)


def test_every_column_is_checked() -> None:
    assert set(COLUMNS) | {"level"} == set(Appetite.__slots__)


def test_levels_are_numbered_from_1_to_10() -> None:
    assert [row.level for row in LEVELS] == list(range(1, 11))
    assert [appetite(level) for level in range(1, 11)] == list(LEVELS)
    assert not any(isinstance(value, float) for row in LEVELS for value in astuple(row))


@pytest.mark.parametrize("level", [0, 11, -1, True, "5", 5.0])
def test_an_unknown_level_is_refused_by_its_value(level: object) -> None:
    with pytest.raises(ValueError, match=f"was {level!r}; allowed are the whole numbers 1 to 10"):
        appetite(level)  # type: ignore[arg-type]
