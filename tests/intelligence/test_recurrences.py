"""Recurrences against formulas written out over whole windows."""

import math
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.intelligence.recurrences import (
    ANCHOR_PERIOD,
    Anchor,
    Flow,
    Returns,
    Strength,
    Trend,
    ema,
    ewma,
    rma,
)

# Closes with published values of a common technical analysis library.
CLOSES = [100.0, 102, 101, 105, 107, 106, 108, 110, 109, 112, 115, 113, 116, 118, 117, 120]

values = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=80)


def test_rsi_14_meets_the_published_values() -> None:
    strength, seen = Strength(), []
    for count, (before, after) in enumerate(pairwise(CLOSES), start=1):
        strength = strength.after(after - before, count)
        seen.append(strength.index)
    assert seen[-2:] == pytest.approx([79.31034483, 81.38424821], abs=5e-9)


def test_ema_5_meets_the_published_value() -> None:
    average = 0.0
    for count, close in enumerate(CLOSES, start=1):
        average = ema(average, close, count, 5)
    assert average == pytest.approx(117.00130400, abs=5e-9)


@given(values, st.integers(2, 30))
def test_ema_is_seeded_with_the_mean_of_its_first_values(row: list[float], period: int) -> None:
    average = 0.0
    for count, value in enumerate(row, start=1):
        average = ema(average, value, count, period)
    expected = statistics.fmean(row[:period])
    for value in row[period:]:
        expected = (1 - 2 / (period + 1)) * expected + 2 / (period + 1) * value
    assert average == pytest.approx(expected, rel=1e-9)


@given(values, st.integers(2, 30))
def test_rma_is_wilders_average(row: list[float], period: int) -> None:
    average = 0.0
    for count, value in enumerate(row, start=1):
        average = rma(average, value, count, period)
    expected = statistics.fmean(row[:period])
    for value in row[period:]:
        expected = (expected * (period - 1) + value) / period
    assert average == pytest.approx(expected, rel=1e-9)


@given(values, st.floats(0.5, 0.99))
def test_ewma_weights_sum_to_one_and_fade(row: list[float], decay: float) -> None:
    average = 0.0
    for count, value in enumerate(row, start=1):
        average = ewma(average, value, count, decay)
    weights: list[float] = []
    for count in range(1, len(row) + 1):
        own = max(1 - decay, 1 / count)
        weights = [*(weight * (1 - own) for weight in weights), own]
    assert sum(weights) == pytest.approx(1)
    expected = sum(weight * value for weight, value in zip(weights, row, strict=True))
    assert average == pytest.approx(expected)


@given(st.floats(1e-18, 1e18), st.integers(1, 200))
def test_an_average_of_equal_values_is_that_value_exactly(value: float, count: int) -> None:
    row = [0.0, 0.0, 0.0]
    for k in range(1, count + 1):
        row = [ema(row[0], value, k, 12), rma(row[1], value, k, 14), ewma(row[2], value, k, 0.97)]
    assert row == [value] * 3


def test_true_range_reaches_over_the_previous_close() -> None:
    bars = [(11.0, 9.0, 10.0), (15.0, 14.0, 14.5), (9.0, 8.0, 8.5)]
    trend, previous = Trend(), 0.0
    for count, prices in enumerate(bars, start=1):
        trend = trend.after(prices, previous, count, (2, 3))
        previous = prices[2]
    assert trend.true_range == pytest.approx((2 + 5 + 6.5) / 3)
    assert trend.long == pytest.approx((10 + 14.5 + 8.5) / 3)
    assert trend.gap == pytest.approx((12.25 / 3 + 2 / 3 * 8.5) - 11)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=ANCHOR_PERIOD))
def test_the_anchor_begins_as_plain_mean_and_population_variance(row: list[float]) -> None:
    anchor = Anchor()
    for count, value in enumerate(row, start=1):
        anchor = anchor.after(value, count)
    assert anchor.mean == pytest.approx(statistics.fmean(row), abs=1e-9)
    assert anchor.variance == pytest.approx(statistics.pvariance(row), abs=1e-9)


def test_the_anchor_fades_to_exponential_weights() -> None:
    row = [math.sin(k) for k in range(150)]
    anchor = Anchor()
    for count, value in enumerate(row, start=1):
        anchor = anchor.after(value, count)
    own = 2 / (ANCHOR_PERIOD + 1)
    tail = row[ANCHOR_PERIOD:]
    weights = [(1 - own) ** len(tail) / ANCHOR_PERIOD] * ANCHOR_PERIOD
    weights += [own * (1 - own) ** (len(tail) - 1 - k) for k in range(len(tail))]
    mean = sum(w * v for w, v in zip(weights, row, strict=True))
    variance = sum(w * (v - mean) ** 2 for w, v in zip(weights, row, strict=True))
    assert anchor.mean == pytest.approx(mean)
    assert anchor.variance == pytest.approx(variance)
    assert anchor.z_score(row[-1]) == pytest.approx((row[-1] - mean) / math.sqrt(variance))


def test_a_return_over_a_gap_counts_as_the_variance_of_one_bar() -> None:
    straight, gapped = Returns(), Returns()
    for count in range(1, 21):
        straight = straight.after(0.01, 1, count)
        gapped = gapped.after(0.02, 4, count)
    assert gapped.variance == pytest.approx(straight.variance) == pytest.approx(0.0001)
    assert gapped.mean == pytest.approx(0.02)


def test_rsi_is_50_when_nothing_moves_and_100_when_all_rises() -> None:
    assert Strength().after(0.0, 1).index == 50.0
    assert Strength().after(3.0, 1).index == 100.0
    assert Strength().after(-3.0, 1).index == 0.0


def test_pressure_compares_volume_with_the_volumes_before() -> None:
    flow = Flow().after((2.0, 1.0, 2.0), 0.0, 100.0, 1)
    assert (flow.pressure, flow.location, flow.stated) == (0.0, 1.0, 1)
    flow = flow.after((2.0, 1.0, 1.0), -1.0, 200.0, 2)
    assert flow.pressure == pytest.approx(-1.0)
    assert flow.location == 0.0
    assert flow.volume == pytest.approx(150)
    assert flow.after((2.0, 1.0, 2.0), 1.0, 1e9, 3).pressure == pytest.approx((-2 + 3) / 3)


def test_a_bar_without_volume_moves_no_volume_average() -> None:
    known = Flow().after((2.0, 1.0, 2.0), 1.0, 100.0, 1)
    unknown = known.after((2.0, 1.0, 2.0), 1.0, None, 2)
    assert (unknown.stated, unknown.volumes) == (0, 1)
    assert (unknown.volume, unknown.pressure) == (known.volume, known.pressure)
