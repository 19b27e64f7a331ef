from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.gas_savings.arms import Outcome, run
from paper_trading.engine.gas_savings.policies import B0, B1
from paper_trading.engine.gas_savings.savings import (
    attribution,
    compare,
    composed,
    interval,
    saved,
)
from tests.engine.gas_savings.worlds import every, world

AMOUNTS = st.lists(st.integers(1, 10**18), min_size=2, max_size=6)


def outcome(paid: list[int], lost: list[int] | None = None) -> Outcome:
    return Outcome(tuple(paid), tuple(lost or [0] * len(paid)), (0,) * len(paid), 0, 0, 0)


def test_a_saving_is_a_ratio_of_sums_and_may_be_negative() -> None:
    assert saved([1, 1], [1, 3]) == Decimal("0.5")
    assert saved([3, 9], [1, 3]) == -2
    assert saved([0], [5]) == 1
    with pytest.raises(ValueError, match="above 0"):
        saved([1], [0])


def test_an_arm_against_itself_saves_exactly_nothing() -> None:
    paid = [10**18 // (1 + n % 7) + n for n in range(200)]
    found = compare(outcome(paid), outcome(paid), seed=4)
    assert [found.saved, found.net, *(found.interval or ())] == [0, 0, 0, 0]


@settings(max_examples=30)
@given(st.lists(AMOUNTS.map(lambda found: found[:2]), min_size=2, max_size=6))
def test_the_parts_multiply_to_the_whole(arms: list[list[int]]) -> None:
    parts = attribution(arms)
    whole = saved(arms[-1], arms[0])
    assert len(parts) == len(arms) - 1
    # Each part is rounded to 12 places, and the others magnify that.
    scale = Decimal(1)
    for part in parts:
        scale *= max(1 - part, Decimal(1))
    assert abs(composed(parts) - whole) <= scale * len(parts) * Decimal("1E-12")


def test_too_few_trades_have_no_interval() -> None:
    assert interval([1] * 29, [2] * 29, seed=1) is None
    assert interval([1] * 30, [2] * 30, seed=1) == (Decimal("0.5"), Decimal("0.5"))


def test_an_interval_holds_the_saving_and_is_the_seeds_alone() -> None:
    baseline = [100 + 7 * n % 31 for n in range(200)]
    managed = [one - (n * n) % 23 for n, one in enumerate(baseline)]
    found = interval(managed, baseline, seed=4)
    assert found is not None
    assert found[0] < saved(managed, baseline) < found[1]
    assert found == interval(managed, baseline, seed=4) != interval(managed, baseline, seed=5)


def test_runs_of_alike_trades_widen_the_interval() -> None:
    baseline = [100] * 400
    together = [80] * 200 + [100] * 200
    apart = [80, 100] * 200
    wide, narrow = (interval(managed, baseline, seed=4) for managed in (together, apart))
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > 4 * (narrow[1] - narrow[0])


def test_the_net_has_the_shortfall_of_both_arms() -> None:
    found = compare(outcome([50], [150]), outcome([100], [60]), seed=1)
    assert (found.saved, found.net) == (Decimal("0.5"), Decimal("-0.25"))
    assert compare(outcome([50], [0]), outcome([100], [-100]), seed=1).net is None


def test_a_comparison_says_its_delays_and_failures() -> None:
    here = world(range(100, 200), tip_wei=0)
    trades = every(2, 40, fails=True)
    found = compare(run(B0, here, trades), run(B1, here, trades), seed=1)
    assert (found.trades, found.failures, found.baseline_failures) == (40, 40, 40)
    assert [found.mean_delay, found.p95_delay] == [1, 1]
    assert found.managed_wei < found.baseline_wei


def test_arms_of_other_trades_are_refused() -> None:
    with pytest.raises(ValueError, match="1 and 2 trades"):
        compare(outcome([1]), outcome([1, 2]), seed=1)
