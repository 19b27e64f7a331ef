"""Which bars become set-ups, and by what they are remembered."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.intelligence.brackets import BookKey, Bracket
from paper_trading.intelligence.experience import Experience, freeze
from paper_trading.intelligence.quantiles import rank
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.set_up_entry import set_up_of
from tests.intelligence.samples import EVEN, START
from tests.intelligence.set_up_samples import bar, readings

KEY = BookKey(Bracket(Decimal(5), Decimal(10), Decimal(24)), None)
ENTRY = bar(0, Decimal(100), readings(random.Random(5)))
BASE = {one.name: one.weight for one in ENTRY.signals}


def experience(points: bool = False, weights: dict[str, Decimal] | None = None) -> Experience:
    made = freeze(KEY, START, [], [], weights or BASE)
    return replace(made, points=EVEN if points else None)


def test_a_set_up_remembers_what_was_in_force_when_its_bar_closed() -> None:
    made = set_up_of(7, ENTRY, ENTRY.bar.end, EVEN, KEY, experience())
    assert made is not None
    assert ENTRY.score is not None
    assert made.confidence == rank(EVEN, ENTRY.score)
    assert (made.entry_usd, made.cost_percent) == (Decimal(100), Decimal("0.3"))
    assert (made.lower_usd, made.upper_usd) == (Decimal("95.3"), Decimal("110.3"))
    assert (made.entered_at, made.learned_score) == (ENTRY.bar.end, ENTRY.score)
    assert made.learned_pick is None, "nothing to compare before learned scores are ranked"


def test_its_bounds_are_scaled_as_its_exits_would_be() -> None:
    key = replace(KEY, exit_volatility_percent=Decimal(40))
    made = set_up_of(
        7, replace(ENTRY, sigma_annual=Decimal("0.6")), ENTRY.bar.end, EVEN, key, experience()
    )
    assert made is not None
    assert (made.lower_usd, made.upper_usd) == (Decimal("92.8"), Decimal("115.3"))


@pytest.mark.parametrize(
    "entry",
    [
        replace(ENTRY, ready=False),
        replace(ENTRY, score=None),
        replace(ENTRY, round_trip_percent=None),
    ],
)
def test_what_cannot_be_ranked_or_costed_is_no_set_up(entry: ClosedBar) -> None:
    assert set_up_of(7, entry, ENTRY.bar.end, EVEN, KEY, experience()) is None


def test_while_nothing_ranks_there_are_no_set_ups() -> None:
    assert set_up_of(7, ENTRY, ENTRY.bar.end, None, KEY, experience()) is None


@pytest.mark.parametrize(
    ("score", "families", "sigma", "threshold", "level"),
    [
        ("0.99", 5, "0.8", None, 1),
        ("0.40", 5, "0.8", None, 5),
        ("0.99", 3, "0.8", None, 5),
        ("-0.11", 6, "0.8", None, None),
        ("-0.11", 6, "0.8", "40", 1),
        # A round trip of 0.3 % is 23 % of the move that 25 % a year makes in a day: level 6.
        ("0.99", 6, "0.25", None, 6),
    ],
)
def test_its_level_is_the_lowest_that_would_take_it(
    score: str, families: int, sigma: str, threshold: str | None, level: int | None
) -> None:
    entry = replace(
        ENTRY,
        score=Decimal(score),
        families_agreeing=families,
        sigma_annual=Decimal(sigma),
    )
    key = replace(KEY, confidence_threshold=None if threshold is None else Decimal(threshold))
    made = set_up_of(7, entry, ENTRY.bar.end, EVEN, key, experience())
    assert made is not None
    assert made.level == level


def test_learned_weights_pick_by_their_own_score_rank_and_families() -> None:
    heavy = dict.fromkeys(BASE, Decimal(0))
    best = max(ENTRY.signals, key=lambda one: one.reading)
    made = set_up_of(
        7, ENTRY, ENTRY.bar.end, EVEN, KEY, experience(True, {**heavy, best.name: Decimal(1)})
    )
    assert made is not None
    assert made.learned_score == best.reading
    # Its rank is high enough, but only one family can agree.
    assert rank(EVEN, best.reading) > 45
    assert made.learned_pick is False
    same = set_up_of(7, ENTRY, ENTRY.bar.end, EVEN, KEY, experience(True))
    assert same is not None
    assert same.learned_pick is (same.level is not None)


@pytest.mark.parametrize(("late", "is_one"), [(0, True), (900, True), (901, False)])
def test_a_close_of_before_a_gap_is_no_set_up(late: int, is_one: bool) -> None:
    """No decision reads a bar that ended more than three of its lengths ago."""
    known_at = ENTRY.bar.end + timedelta(seconds=late)
    made = set_up_of(7, ENTRY, known_at, EVEN, KEY, experience())
    assert (made is not None) is is_one


@pytest.mark.parametrize(("close", "cost", "is_one"), [(24, 1, False), (23, 1, True)])
def test_a_bracket_that_no_price_can_end_is_no_set_up(close: int, cost: int, is_one: bool) -> None:
    price = Decimal(10) ** close - 1
    entry = replace(ENTRY, bar=replace(ENTRY.bar, close=price), round_trip_percent=Decimal(cost))
    made = set_up_of(7, entry, entry.bar.end, EVEN, KEY, experience())
    assert (made is not None) is is_one


def test_a_cost_beyond_measure_meets_no_level() -> None:
    entry = replace(ENTRY, sigma_annual=Decimal("1e-11"), round_trip_percent=Decimal(10) ** 8)
    made = set_up_of(7, entry, entry.bar.end, EVEN, KEY, experience())
    assert made is not None
    assert made.level is None


def test_a_learned_score_that_ranks_low_is_not_picked_whoever_agrees() -> None:
    """All families agree with weights that leave the score at the bottom."""
    tiny = {name: weight.scaleb(-3) for name, weight in BASE.items()}
    low = tuple(point + 2 for point in EVEN)
    entry = replace(ENTRY, score=Decimal("0.99"), families_agreeing=6)
    force = replace(experience(True, tiny), points=low)
    made = set_up_of(7, entry, entry.bar.end, EVEN, KEY, force)
    assert made is not None
    assert (made.level, made.learned_pick) == (1, False)
