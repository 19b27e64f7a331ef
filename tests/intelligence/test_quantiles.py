"""Evidence rank: frozen quantiles and a score's place among them."""

import random
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.intelligence.quantiles import MINIMUM_SCORES, POINTS, freeze, is_due, rank

scores = st.decimals("-1", "1", places=12)
coarse = st.decimals("-1", "1", places=1)


def table_of(seed: int, distinct: int) -> list[Decimal]:
    """Return sorted values in [-1, 1]; a small `distinct` makes ties common."""
    luck = random.Random(seed)
    values = [Decimal(luck.randint(-distinct, distinct)) / distinct for _ in range(POINTS)]
    return sorted(values)


tables = st.builds(table_of, st.integers(0, 10**9), st.sampled_from([1, 10, 100, 10**6]))


def test_quantiles_interpolate_between_order_statistics() -> None:
    quantiles = freeze([Decimal(k) for k in reversed(range(MINIMUM_SCORES))])
    assert len(quantiles) == POINTS
    assert [quantiles[k] for k in (0, 1, 100, 200)] == [
        Decimal(text) for text in ("0", "9.995", "999.5", "1999")
    ]


@settings(max_examples=20, deadline=None)
@given(st.lists(scores | coarse, min_size=1, max_size=60), st.integers(0, 10**9))
def test_freezing_ignores_order_and_rises(some: list[Decimal], seed: int) -> None:
    many = (some * (MINIMUM_SCORES // len(some) + 1))[: MINIMUM_SCORES + 7]
    shuffled = list(many)
    random.Random(seed).shuffle(shuffled)
    quantiles = freeze(many)
    assert freeze(shuffled) == quantiles
    assert list(quantiles) == sorted(quantiles)
    assert (quantiles[0], quantiles[-1]) == (min(many), max(many))


def test_too_few_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="were 1999 scores; at least 2000"):
        freeze([Decimal(0)] * (MINIMUM_SCORES - 1))


@settings(deadline=None)
@given(tables, st.lists(scores | coarse, min_size=2, max_size=20))
def test_a_higher_score_never_ranks_lower(table: list[Decimal], some: list[Decimal]) -> None:
    ranks = [rank(table, score) for score in sorted(some)]
    assert ranks == sorted(ranks)
    assert all(0 <= place <= 100 for place in ranks)
    assert all(place.as_tuple().exponent == -4 for place in ranks)


@settings(deadline=None)
@given(tables, st.integers(0, POINTS - 1))
def test_a_quantile_ranks_in_the_middle_of_its_equals(table: list[Decimal], k: int) -> None:
    equal = [index for index, value in enumerate(table) if value == table[k]]
    assert rank(table, table[k]) == Decimal(equal[0] + equal[-1]) / 4


def test_between_quantiles_the_rank_is_linear() -> None:
    table = [Decimal(k) for k in range(POINTS)]
    assert rank(table, Decimal("50.25")) == Decimal("25.125")
    assert rank(table, Decimal(-1)) == 0
    assert rank(table, Decimal(500)) == 100
    assert rank(table, Decimal("0.00001")) == 0


def test_all_scores_equal_rank_in_the_middle() -> None:
    table = [Decimal(3)] * POINTS
    assert [rank(table, Decimal(score)) for score in (2, 3, 4)] == [0, 50, 100]


def test_a_table_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="were 200 quantiles; 201"):
        rank([Decimal(0)] * 200, Decimal(0))


@pytest.mark.parametrize(
    ("frozen", "now", "due"),
    [
        (None, "2024-03-01T00:00:00+00:00", True),
        ("2024-03-01T00:00:00+00:00", "2024-03-01T23:59:59+00:00", False),
        ("2024-03-01T23:59:59+00:00", "2024-03-02T00:00:00+00:00", True),
        # One day in UTC, whatever the zones say.
        ("2024-03-01T01:00:00+00:00", "2024-03-02T00:30:00+02:00", False),
    ],
)
def test_they_are_frozen_once_a_market_day(frozen: str | None, now: str, due: bool) -> None:
    before = None if frozen is None else datetime.fromisoformat(frozen)
    assert is_due(before, datetime.fromisoformat(now)) is due
