"""Counts in sentences."""

import pytest

from paper_trading.engine.words import number_of


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 swaps"), (1, "1 swap"), (2, "2 swaps"), (21, "21 swaps"), (1_000, "1,000 swaps")],
)
def test_one_is_one_and_all_else_are_many(count: int, said: str) -> None:
    assert number_of(count, "swap") == said


def test_a_plural_that_is_not_regular_is_given() -> None:
    words = ("entry", "entries")
    assert [number_of(count, *words) for count in (1, 2)] == ["1 entry", "2 entries"]
