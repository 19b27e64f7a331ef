"""Errors and intervals against plain sums, known values, and what they promise."""

import random
import statistics
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import empyrical
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paper_trading.engine import inference, metrics
from paper_trading.engine.account import ClosedPosition
from paper_trading.engine.enums import ExitReason
from paper_trading.engine.inference import (
    Estimate,
    Z,
    critical,
    estimate,
    lags,
    long_run_variance,
    student,
)
from paper_trading.engine.money import RATIO_LIMIT, RETURN_UNIT
from paper_trading.engine.tallies import COSTS, DaySums, RoundTrip, Swapped, TradeStats, counted

Floats = Any


def walk(n: int, seed: int = 1, drift: float = 0.0001) -> tuple[tuple[int, ...], Floats]:
    """Return autocorrelated returns as a series and as floats."""
    draws, last, found = random.Random(seed), 0.0, []
    for _ in range(n):
        last = 0.4 * last + draws.gauss(drift, 0.005)
        found.append(last)
    made = metrics.series(Decimal(repr(one)) for one in found)
    return made, np.array([one / RETURN_UNIT for one in made])


def plain(parts: Floats) -> float:
    """Sum the weighted autocovariances one by one."""
    n, most = len(parts), lags(len(parts))
    total = parts @ parts / n
    for lag in range(1, most + 1):
        total += 2 * (1 - lag / (most + 1)) * (parts[lag:] @ parts[:-lag]) / n
    return float(total)


@pytest.mark.parametrize(
    ("n", "wanted"), [(0, 0), (1, 1), (30, 7), (100, 13), (720, 34), (8_760, 121)]
)
def test_lags_follow_their_rule(n: int, wanted: int) -> None:
    assert lags(n) == wanted == int(1.3 * n**0.5)


@pytest.mark.parametrize("n", [2, 31, 500])
def test_the_long_run_variance_is_the_weighted_sum_of_autocovariances(n: int) -> None:
    made, floats = walk(n)
    actual = long_run_variance(made) / RETURN_UNIT**2
    assert float(actual) == pytest.approx(plain(floats), rel=1e-9)


def test_the_errors_of_mean_sharpe_and_sortino_are_those_of_their_influence() -> None:
    made, floats = walk(600)
    sure = performance_of(made)
    distances, n = floats - floats.mean(), len(floats)
    yearly = 8_760**0.5
    wanted = (plain(distances) / n) ** 0.5 * 8_760 * 100
    assert float(sure.mean_return_percent.error) == pytest.approx(wanted, rel=1e-6)
    variance = floats.var(ddof=1)
    pull = distances - floats.mean() / (2 * variance) * (distances**2 - variance)
    wanted = (plain(pull) / n / variance) ** 0.5 * yearly
    assert float(sure.sharpe.error) == pytest.approx(wanted, rel=1e-6)
    square = (np.minimum(floats, 0) ** 2).mean()
    pull = distances - floats.mean() / (2 * square) * (np.minimum(floats, 0) ** 2 - square)
    wanted = (plain(pull) / n / square) ** 0.5 * yearly
    assert float(sure.sortino.error) == pytest.approx(wanted, rel=1e-6)
    for name, figure in (("sharpe", metrics.sharpe), ("sortino", metrics.sortino)):
        value = figure(made, 8_760)
        assert value is not None
        assert float(getattr(sure, name).value) == pytest.approx(float(value), abs=1e-9)


def performance_of(made: tuple[int, ...]) -> Any:
    from paper_trading.engine.performance import sureness

    return sureness(made, TradeStats())


def test_alpha_and_beta_have_the_errors_of_the_sandwich() -> None:
    theirs, x = walk(400, seed=2)
    noise, _ = walk(400, seed=3)
    mine = tuple(2 * one // 5 + other // 3 for one, other in zip(theirs, noise, strict=True))
    y = np.array([one / RETURN_UNIT for one in mine])
    found = inference.regression(mine, theirs, 8_760)
    assert found is not None
    alpha, beta = found
    regressors = np.column_stack([np.ones(len(x)), x])
    inverse = np.linalg.inv(regressors.T @ regressors)
    fitted = inverse @ regressors.T @ y
    scores = (y - regressors @ fitted)[:, None] * regressors
    meat, most = scores.T @ scores, lags(len(x))
    for lag in range(1, most + 1):
        cross = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / (most + 1)) * (cross + cross.T)
    errors = np.sqrt(np.diag(inverse @ meat @ inverse))
    assert float(alpha.value) == pytest.approx(fitted[0] * 8_760, rel=1e-9)
    assert float(beta.value) == pytest.approx(fitted[1], rel=1e-9)
    assert float(beta.value) == pytest.approx(float(empyrical.beta(y, x)), rel=1e-9)
    assert float(alpha.error) == pytest.approx(errors[0] * 8_760, rel=1e-6)
    assert float(beta.error) == pytest.approx(errors[1], rel=1e-6)


def test_a_record_that_is_a_benchmark_has_no_alpha_to_judge() -> None:
    made, _ = walk(100)
    assert inference.regression(made, made, 8_760) is None
    assert inference.regression(made, [1] * 100, 8_760) is None
    assert inference.regression([], [], 8_760) is None


def test_an_interval_of_too_few_or_of_nothing_is_undefined() -> None:
    made, _ = walk(30)
    assert estimate(Decimal(1), made[:29], Decimal(1)) is None
    assert estimate(Decimal(1), [0] * 30, Decimal(1)) is None
    found = estimate(Decimal(0), made, Decimal(1))
    assert found is not None
    assert found.needed is None
    assert (found.low, found.high) == (-found.high, -found.low)


def test_the_critical_value_grows_with_the_share_of_lags() -> None:
    assert critical(10**12) - Z < Decimal("1e-5")
    # Share of 27 in 400: 1.96 + 2.9694 * 0.0675 + 0.4160 * 0.0675**2 - 0.5324 * 0.0675**3.
    assert abs(critical(400) - Decimal("2.1621")) < Decimal("1e-4")


def test_the_days_needed_are_where_the_interval_leaves_zero() -> None:
    made, _ = walk(1_000)
    known = inference.moments(made)
    assert known is not None
    found = estimate(known.mean, inference.centred(made, known), Decimal(1))
    assert found is not None
    assert found.needed is not None
    # The error shrinks with the root of the record's length; so does the critical value a bit.
    need = int(found.needed)
    assert need == found.needed
    halves = [found.error * (Decimal(1_000) / n).sqrt() * critical(n) for n in (need - 1, need)]
    assert halves[0] > abs(found.value) >= halves[1]
    assert (found.needed > 1_000) == (found.low < 0 < found.high)


@pytest.mark.parametrize("n", [30, 31, 100, 1_000])
@pytest.mark.parametrize("value", ["1e-3", "0.1", "0.3", "0.5", "1", "2", "40"])
def test_a_record_that_tells_a_figure_from_zero_needs_no_longer_one(n: int, value: str) -> None:
    made = metrics.series([Decimal(1), Decimal(1), Decimal(-1), Decimal(-1)] * 250)[:n]
    found = estimate(Decimal(value), made, Decimal(1) / RETURN_UNIT)
    assert found is not None
    assert found.needed is not None
    assert found.needed >= inference.LEAST_RETURNS
    assert (found.needed > n) == (found.low <= 0)


def test_a_record_longer_than_anyone_keeps_is_no_number() -> None:
    made, _ = walk(100)
    found = estimate(Decimal("1e-30"), made, Decimal(1))
    assert found is not None
    assert found.needed is None


FRACTIONS = st.one_of(
    st.integers(-20, 20).map(lambda number: Decimal(number).scaleb(-18)),
    st.decimals("-0.5", "0.5", places=18),
    st.decimals(-1, 10**9, places=2),
    st.integers(0, 10**60).map(Decimal),
)
#: Constant, nearly constant, and anything, often long enough for an interval.
RETURNS = st.one_of(
    st.lists(FRACTIONS, max_size=60),
    st.lists(FRACTIONS, min_size=30, max_size=60),
    st.builds(lambda one, n: [one] * n, FRACTIONS, st.integers(0, 60)),
    st.builds(
        lambda one, n, other, m: [one] * n + [other] * m,
        FRACTIONS,
        st.integers(20, 40),
        FRACTIONS,
        st.integers(1, 40),
    ),
)


@given(RETURNS)
@example([Decimal(0)] * 40 + [Decimal("1e-18")])
@example([Decimal("1e-18")] * 40 + [Decimal("2e-18")])
@example([Decimal(10**60)] * 40 + [Decimal(10**60 + 1)])
@example([Decimal("0.1")] * 40 + [Decimal("0.1") + Decimal("1e-18")] * 2)
def test_no_returns_make_a_figure_raise(returns: list[Decimal]) -> None:
    made = metrics.series(returns)
    sure = performance_of(made)
    for found in (sure.mean_return_percent, sure.sharpe, sure.sortino):
        assert found is None or found.low <= found.value <= found.high
        assert found is None or abs(found.value) < RATIO_LIMIT
    for figure in (sure.skew, sure.kurtosis):
        assert figure is None or abs(figure) < RATIO_LIMIT


@given(RETURNS, RETURNS)
def test_no_benchmark_makes_a_regression_raise(mine: list[Decimal], theirs: list[Decimal]) -> None:
    n = min(len(mine), len(theirs))
    made = inference.regression(metrics.series(mine[:n]), metrics.series(theirs[:n]), 8_760)
    for found in made or ():
        assert found.low <= found.value <= found.high


@given(RETURNS)
def test_the_variance_is_exact_and_never_negative(returns: list[Decimal]) -> None:
    made = metrics.series(returns)
    known = inference.moments(made)
    if known is None:
        assert not made
        return
    wanted = statistics.pvariance([Fraction(one) for one in made])
    assert known.variance >= 0
    assert abs(Fraction(known.variance) - wanted) <= wanted / 10**100


def test_the_minimum_track_record_matches_its_formula() -> None:
    normal = inference.minimum_track_record(Decimal("0.1"), Decimal(0), Decimal(3))
    assert normal is not None
    assert abs(normal - Decimal("387.0666")) < Decimal("1e-3")
    heavy = inference.minimum_track_record(Decimal("0.1"), Decimal(-1), Decimal(9))
    assert heavy is not None
    assert heavy > normal
    losing = inference.minimum_track_record(Decimal("-0.1"), Decimal(0), Decimal(3))
    assert losing == normal
    assert inference.minimum_track_record(Decimal(0), Decimal(0), Decimal(3)) is None


def test_skewness_and_kurtosis_of_two_values_are_known() -> None:
    made = metrics.series([Decimal(1), Decimal(-1)] * 20)
    known = inference.moments(made)
    assert known is not None
    assert inference.shape(inference.centred(made, known), known) == (Decimal(0), Decimal(1))
    flat = inference.moments([5, 5])
    assert flat is not None
    assert inference.shape([0, 0], flat) is None
    assert inference.moments([]) is None


@pytest.mark.parametrize(
    ("freedom", "wanted"),
    [
        (1, "12.7062"),
        (5, "2.5706"),
        (20, "2.0860"),
        (21, "2.0796"),
        (30, "2.0423"),
        (120, "1.9799"),
    ],
)
def test_students_quantile_matches_its_table(freedom: int, wanted: str) -> None:
    assert abs(student(freedom) - Decimal(wanted)) < Decimal("6e-5")


def test_wilsons_interval_matches_its_reference() -> None:
    found = inference.wilson(5, 9)
    assert found is not None
    assert [round(one, 3) for one in found] == [Decimal("0.267"), Decimal("0.811")]
    assert inference.wilson(0, 0) is None
    none, every = inference.wilson(0, 4), inference.wilson(4, 4)
    assert none is not None
    assert every is not None
    assert none[0] == 0
    assert abs(every[1] - 1) < Decimal("1e-30")


def test_the_mean_of_trades_is_clustered_by_day() -> None:
    draws = random.Random(4)
    made = [(day, Decimal(draws.randint(-900, 1_000))) for day in range(6) for _ in range(day + 1)]
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    stats = TradeStats()
    for day, net in made:
        closed = ClosedPosition(Decimal(1_000), net, Decimal(0), net / 10)
        at = start + timedelta(days=day)
        trip = RoundTrip(at, ExitReason.SIGNAL, closed)
        stats = counted(stats, Swapped(at, 1, "A", dict.fromkeys(COSTS, Decimal(0)), trip=trip))
    found = inference.of_mean(stats.usd_days)
    assert found is not None
    mean = sum((net for _, net in made), Decimal(0)) / len(made)
    totals = [sum((net - mean for on, net in made if on == day), Decimal(0)) for day in range(6)]
    squares = sum((one**2 for one in totals), Decimal(0))
    error = (squares * 6 / 5).sqrt() / len(made)
    assert abs(found.value - mean) < Decimal("1e-20")
    assert abs(found.error - error) < Decimal("1e-20")
    assert abs(found.high - mean - student(5) * error) < Decimal("1e-20")


def test_trades_of_one_day_have_no_error() -> None:
    assert inference.of_mean(DaySums()) is None
    one = DaySums(trades=2, amount=Decimal(3), day=date(2026, 1, 1), n=2, total=Decimal(3))
    assert inference.of_mean(one) is None


def test_intervals_hold_their_promise_on_autocorrelated_returns() -> None:
    """Of 200 records whose true mean is known, 95 % should hold it: at least 90 % must."""
    held = 0
    for seed in range(200):
        made, _ = walk(400, seed=seed, drift=0.0003)
        known = inference.moments(made)
        assert known is not None
        found = estimate(known.mean, inference.centred(made, known), Decimal(1))
        assert isinstance(found, Estimate)
        true = Decimal("0.0005") * RETURN_UNIT
        held += found.low <= true <= found.high
    assert 180 <= held < 200


def test_trades_that_all_came_to_the_same_have_no_error_and_so_no_interval() -> None:
    stats = TradeStats()
    for day in range(3):
        closed = ClosedPosition(Decimal(1_000), Decimal(7), Decimal(0), Decimal("0.7"))
        at = datetime(2026, 1, 1 + day, 12, tzinfo=UTC)
        trip = RoundTrip(at, ExitReason.SIGNAL, closed)
        stats = counted(stats, Swapped(at, 1, "A", dict.fromkeys(COSTS, Decimal(0)), trip=trip))
    assert stats.usd_days.trades == 3
    assert inference.of_mean(stats.usd_days) is None
