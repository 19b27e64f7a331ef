import math
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.bracket import Bracket, bracket
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence import bracket_chances as module
from paper_trading.intelligence.bracket_chances import BracketChances, bracket_chances, passages


def walked(
    lower: float, upper: float, variance: float, paths: int, steps: int
) -> tuple[float, float]:
    """Walk log prices without drift of the price, with a seed of their own.

    Between steps a bridge decides what was touched.
    """
    dice = np.random.default_rng(20260301)
    part = variance / steps
    at = np.zeros(paths)
    ended = np.zeros(paths, dtype=int)
    for _ in range(steps):
        then = at + dice.normal(-part / 2, math.sqrt(part), paths)
        for barrier, sign in ((lower, -1), (upper, 1)):
            near, far = sign * (barrier - at), sign * (barrier - then)
            chance = np.where(far <= 0, 1.0, np.exp(-2 * near * np.maximum(far, 0) / part))
            touched = (ended == 0) & (dice.random(paths) < chance)
            ended[touched] = sign
        at = then
    return float(np.mean(ended == -1)), float(np.mean(ended == 1))


@pytest.mark.parametrize(
    ("lower", "upper", "variance"),
    [
        (-0.05, 0.09, 0.0018),
        (-0.05, 0.09, 0.02),
        (-0.02, 0.20, 0.004),
        (-0.3, 0.05, 0.001),
        # Wide and long, where the drift of the logarithm tells.
        (-0.7, 1.1, 1.5),
        (-2.0, 0.4, 0.5),
        (-0.7, 1.1, 0.2),
    ],
)
def test_the_series_agree_with_a_walk(lower: float, upper: float, variance: float) -> None:
    found = passages(lower, upper, variance)
    seen = walked(lower, upper, variance, 20_000, 150)
    for chance, share in zip(found, seen, strict=True):
        error = math.sqrt(max(chance * (1 - chance), 1e-4) / 20_000)
        assert abs(chance - share) < 5 * error


@pytest.mark.parametrize("place", [0.01, 0.2, 0.5, 0.73, 0.99])
@pytest.mark.parametrize("spread", [0.06, 0.1, 0.2])
def test_both_series_say_the_same_where_either_may_be_used(place: float, spread: float) -> None:
    for width in (0.05, 1.0, 5.0):
        distance, variance = place * width, spread * width**2
        assert module._images(distance, width, variance) == pytest.approx(
            module._sines(distance, width, variance), abs=1e-13
        )


def test_with_all_the_time_there_is_the_nearer_price_wins_in_proportion() -> None:
    # Prices of 0.95 and 1.15: a price without drift is worth 1 on average at the end.
    stop, target = passages(math.log(0.95), math.log(1.15), 1e6)
    assert stop == pytest.approx(0.75, abs=1e-14)
    assert target == pytest.approx(0.25, abs=1e-14)


@pytest.mark.parametrize(("stop", "target"), [("5", "10"), ("50", "900"), ("1", "1")])
def test_luck_alone_earns_nothing_but_pays_the_costs(stop: str, target: str) -> None:
    always = Bracket(Decimal(stop), Decimal(target), Decimal(10**9), Decimal(1))
    free = bracket_chances(always, Decimal(5), Decimal(0))
    assert free.time_percent == 0
    assert abs(free.target_percent - free.break_even_percent) < Decimal("1e-9")
    paid = bracket_chances(always, Decimal(5), Decimal("0.5"))
    assert paid.target_percent < paid.break_even_percent


def test_with_next_to_no_time_nothing_is_reached() -> None:
    assert passages(-0.05, 0.05, 1e-9) == (0.0, 0.0)


def test_a_barrier_out_of_sight_leaves_the_reflection_principle() -> None:
    # One barrier and a drift of minus half the variance (Borodin and Salminen 2.2.0.2).
    normal = NormalDist().cdf
    down = normal((0.01 / 2 - 0.1) / 0.1) + math.exp(0.1) * normal((-0.01 / 2 - 0.1) / 0.1)
    assert passages(-0.1, 50.0, 0.01)[0] == pytest.approx(down, rel=1e-12)
    up = normal((-0.01 / 2 - 0.1) / 0.1) + math.exp(-0.1) * normal((0.01 / 2 - 0.1) / 0.1)
    assert passages(-math.inf, 0.1, 0.01) == pytest.approx((0.0, up), rel=1e-12)


@pytest.mark.parametrize("variance", [1e-9, 1.0, 1e4, 1e18])
@pytest.mark.parametrize("lower", [-1e-9, -1.0, -27.0, -700.0, -math.inf])
@pytest.mark.parametrize("upper", [1e-9, 1.0, 30.0])
def test_extreme_barriers_are_chances_too(lower: float, upper: float, variance: float) -> None:
    found = passages(lower, upper, variance)
    assert all(0.0 <= chance <= 1.0 + 1e-12 for chance in found)
    assert sum(found) <= 1.0 + 1e-12


@pytest.mark.parametrize(
    ("lower", "upper", "variance"),
    [
        (0.0, 1.0, 1.0),
        (-1.0, 0.0, 1.0),
        (-1.0, 1.0, 0.0),
        (-1.0, 1.0, math.inf),
        (math.nan, 1.0, 1.0),
        (-1.0, math.inf, 1.0),
    ],
)
def test_impossible_barriers_are_refused(lower: float, upper: float, variance: float) -> None:
    with pytest.raises(ValueError, match="allowed are lower < 0 < upper"):
        passages(lower, upper, variance)


@given(st.floats(0.001, 5), st.floats(0.001, 5), st.floats(1e-8, 100), st.floats(1.01, 3))
def test_more_variance_ends_more_brackets_and_money_may_be_swapped(
    down: float, up: float, variance: float, more: float
) -> None:
    stop, target = passages(-down, up, variance)
    # Seen in the token, cash is what has no drift, and the sides are the other way round.
    mirrored = passages(-up, down, variance)
    assert mirrored[0] == pytest.approx(math.exp(up) * target, abs=1e-11)
    assert stop == pytest.approx(math.exp(down) * mirrored[1], abs=1e-11)
    assert stop >= 0.0
    assert target >= 0.0
    assert stop + target <= 1.0 + 1e-12
    wider = passages(-down, up, variance * more)
    assert sum(wider) >= stop + target - 1e-12


def test_the_default_bracket_at_the_volatility_of_bitcoin() -> None:
    found = bracket_chances(bracket(Strategy(), None), Decimal("0.55"), Decimal("0.7"))
    # -5 % net is a fall of 4.33 %, +10 % a rise of 10.78 %; one day moves 2.88 %.
    daily = 0.55**2 / 365
    stop, target = passages(math.log(0.95 / 0.993), math.log(1.1 / 0.993), daily)
    assert float(found.stop_percent) == pytest.approx(100 * stop, abs=1e-10)
    assert float(found.target_percent) == pytest.approx(100 * target, abs=1e-10)
    assert found.stop_percent > 10 > found.target_percent > 0
    assert round(found.break_even_percent, 4) == Decimal("33.3333")


def test_a_round_trip_that_eats_the_stop_ends_there() -> None:
    tight = Bracket(Decimal(1), Decimal(2), Decimal(24), Decimal(1))
    for cost in ("1", "3", "100"):
        assert bracket_chances(tight, Decimal(1), Decimal(cost)) == BracketChances(
            Decimal(100), Decimal(0), Decimal(0), Decimal("33.333333333333")
        )


def test_a_stop_at_the_whole_price_is_never_reached() -> None:
    never = Bracket(Decimal(100), Decimal(20), Decimal(24), Decimal(2))
    found = bracket_chances(never, Decimal(1), Decimal(1))
    assert found.stop_percent == 0
    assert found.target_percent > 0


@pytest.mark.parametrize(("sigma", "cost"), [("0", "1"), ("-1", "1"), ("1", "-0.1"), ("1", "101")])
def test_numbers_out_of_range_are_refused(sigma: str, cost: str) -> None:
    with pytest.raises(ValueError, match=r"(sigma_annual|round_trip_percent) was "):
        bracket_chances(bracket(Strategy(), None), Decimal(sigma), Decimal(cost))


@given(
    st.decimals("0.0001", 1000, places=4),
    st.decimals(0, 20, places=4),
    st.decimals("0.1", 100, places=2),
    st.decimals("0.1", 2000, places=2),
    st.integers(1, 720),
)
def test_the_three_add_up_to_exactly_a_hundred(
    sigma: Decimal, cost: Decimal, stop: Decimal, target: Decimal, hours: int
) -> None:
    found = bracket_chances(Bracket(stop, target, Decimal(hours), Decimal(1)), sigma, cost)
    parts = (found.stop_percent, found.target_percent, found.time_percent)
    assert sum(parts) == 100
    assert all(0 <= part <= 100 for part in parts)
