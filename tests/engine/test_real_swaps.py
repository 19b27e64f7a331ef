"""Fills beside real swaps: which are alike, the sign of the error, and the summary."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.enums import FillGrade, Side
from paper_trading.engine.real_swaps import (
    Compared,
    Fill,
    Likeness,
    NotCompared,
    RealSwap,
    compare,
    median,
    percentile,
    reports,
)

NOON = datetime(2026, 7, 24, 12, tzinfo=UTC)
DAY_BEFORE = NOON - timedelta(days=1)
LIKE = Likeness()
BOUGHT = Fill(NOON, Side.BUY, Decimal(2000), Decimal(1000), FillGrade.A, 8453, "USDC")


def swap(
    price: str = "2002", seconds: int = 0, usd: str = "1000", side: Side = Side.BUY
) -> RealSwap:
    return RealSwap(NOON + timedelta(seconds=seconds), side, Decimal(price), Decimal(usd))


def error_of(*swaps: RealSwap, fill: Fill = BOUGHT, like: Likeness = LIKE) -> Decimal | None:
    return compare(fill, swaps, DAY_BEFORE, like).error_bp


def reason_of(*swaps: RealSwap, known_since: datetime = DAY_BEFORE) -> NotCompared | None:
    return compare(BOUGHT, swaps, known_since, LIKE).reason


def test_who_paid_less_or_got_more_was_better() -> None:
    # 2 of 2,002 and of 1,998: ours was better by 9.99 bp, and worse by 10.01.
    assert round(error_of(swap("2002")) or 0, 2) == Decimal("9.99")
    assert round(error_of(swap("1998")) or 0, 2) == Decimal("-10.01")
    sold = replace(BOUGHT, side=Side.SELL)
    assert round(error_of(swap("2002", side=Side.SELL), fill=sold) or 0, 2) == Decimal("-9.99")
    assert round(error_of(swap("1998", side=Side.SELL), fill=sold) or 0, 2) == Decimal("10.01")


def test_the_median_of_those_that_are_alike_counts() -> None:
    others = [swap("1", seconds=61), swap("1", usd="2001"), swap("1", side=Side.SELL)]
    assert error_of(swap("2001"), swap("2000"), swap("9999"), *others) == (
        Decimal(1) / 2001 * 10_000
    )
    assert error_of(swap("1900"), swap("2100"), *others) == 0


@pytest.mark.parametrize("usd", ["500", "2000"])
@pytest.mark.parametrize("seconds", [-60, 60])
def test_the_bounds_belong_to_what_is_alike(usd: str, seconds: int) -> None:
    assert error_of(swap("2000", seconds, usd)) == 0


def test_what_is_alike_is_up_to_the_caller() -> None:
    far = swap("2000", seconds=300, usd="9000")
    assert error_of(far) is None
    assert error_of(far, like=Likeness(timedelta(seconds=300), Decimal(9))) == 0


def test_why_a_fill_is_not_compared() -> None:
    assert reason_of() is NotCompared.NONE_NEAR
    assert reason_of(swap(seconds=61)) is NotCompared.NONE_NEAR
    assert reason_of(swap(side=Side.SELL)) is NotCompared.NONE_OF_SIDE
    assert reason_of(swap(usd="499"), swap(side=Side.SELL)) is NotCompared.NONE_OF_SIZE
    late = NOON + timedelta(seconds=61)
    assert reason_of(swap(), known_since=late) is NotCompared.BEFORE_THE_LIST
    # A list that begins within the time is looked at as far as it goes.
    assert reason_of(swap(seconds=60), known_since=NOON + timedelta(seconds=60)) is None


@pytest.mark.parametrize(
    ("within", "factor"), [(0, "2"), (-1, "2"), (60, "0.99"), (60, "NaN"), (60, "10001")]
)
def test_what_nothing_is_like_is_refused(within: int, factor: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Likeness(timedelta(seconds=within), Decimal(factor))


@pytest.mark.parametrize("changed", [{"price": "0"}, {"usd": "-1"}, {"price": "Infinity"}])
def test_what_is_no_swap_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        swap(**changed)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="with a zone"):
        RealSwap(NOON.replace(tzinfo=None), Side.BUY, Decimal(1), Decimal(1))


NUMBERS = st.lists(st.decimals(-1000, 1000, places=3), min_size=1, max_size=40).map(sorted)


@given(numbers=NUMBERS, percent=st.integers(1, 100))
def test_a_percentile_has_so_many_at_or_below_it(numbers: list[Decimal], percent: int) -> None:
    found = percentile(numbers, percent)
    below = sum(one <= found for one in numbers)
    assert below * 100 >= percent * len(numbers)
    assert sum(one < found for one in numbers) * 100 < percent * len(numbers)


@given(numbers=NUMBERS)
def test_as_many_are_above_a_median_as_below(numbers: list[Decimal]) -> None:
    found = median(numbers)
    above, below = sum(one > found for one in numbers), sum(one < found for one in numbers)
    assert max(above, below) * 2 <= len(numbers)


def test_of_nothing_there_is_neither() -> None:
    with pytest.raises(ValueError, match="no median"):
        median([])
    with pytest.raises(ValueError, match="allowed is"):
        percentile([], 90)


def test_each_grade_and_chain_is_a_report() -> None:
    far = replace(BOUGHT, grade=FillGrade.C, chain_id=1, against="WETH")
    compared = [
        *(Compared(BOUGHT, Decimal(bp)) for bp in (30, -10, 20, 10, 0)),
        Compared(BOUGHT, None, NotCompared.NONE_NEAR),
        Compared(BOUGHT, None, NotCompared.NONE_NEAR),
        Compared(far, None, NotCompared.NO_ANSWER),
    ]
    near, other = reports(compared)
    assert (near.grade, near.chain_id, near.fills, near.compared) == (FillGrade.A, 8453, 7, 5)
    assert [near.low_bp, near.median_bp, near.high_bp] == [Decimal(-10), Decimal(10), Decimal(30)]
    assert near.without == {NotCompared.NONE_NEAR: 2}
    assert (near.against, other.against) == ("USDC", "WETH")
    assert (other.grade, other.fills, other.compared, other.median_bp) == (FillGrade.C, 1, 0, None)
    assert other.without == {NotCompared.NO_ANSWER: 1}
    assert reports([]) == []
