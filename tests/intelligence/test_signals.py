"""Signals: bounds, signs, warm-up, weights, and the families that agree."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.decision import SignalReading
from paper_trading.engine.enums import Family
from paper_trading.intelligence.bars import Bar
from paper_trading.intelligence.recurrences import Returns, Strength
from paper_trading.intelligence.signals import (
    SIGNALS,
    View,
    families_agreeing,
    liquidity_cost,
    readings,
    reversion_rsi,
    score,
    volatility_calm,
)
from paper_trading.intelligence.states import FastState, SlowState
from tests.intelligence.samples import at


def view_of(closes: list[float], volume: str | None = "1000") -> View:
    """Return the view after bars with these closes, slow bars being the same ones."""
    fast, slow, before = FastState(), SlowState(), closes[0]
    amount = None if volume is None else Decimal(volume)
    for index, close in enumerate(closes):
        first, last = Decimal(repr(before)), Decimal(repr(close))
        high, low = max(first, last), min(first, last)
        bar = Bar(at(300 * index), 300, first, high, low, last, amount)
        fast, slow, before = fast.after(bar), slow.after(bar), close
    return View(fast, slow, 300, 0.7)


def named(view: View) -> dict[str, Decimal]:
    """Return readings by name."""
    return {reading.name: reading.reading for reading in readings(view)}


def test_weights_sum_to_one_and_every_family_speaks() -> None:
    assert sum(signal.weight for signal in SIGNALS) == 1
    assert {signal.family for signal in SIGNALS} == set(Family)
    assert len({signal.name for signal in SIGNALS}) == len(SIGNALS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1e-12, 1e12), min_size=110, max_size=130))
def test_every_reading_lies_between_minus_one_and_one(closes: list[float]) -> None:
    found = readings(view_of(closes))
    assert len(found) == len(SIGNALS)
    assert all(-1 <= signal.reading <= 1 for signal in found)
    total = score(found)
    assert total is not None
    assert -1 <= total <= 1
    assert total == sum(signal.contribution for signal in found)


@pytest.mark.parametrize("price", [2.34e-18, 1.0, 1e9])
def test_a_still_market_says_nothing_but_that_it_does_not_pay(price: float) -> None:
    said = {name: value for name, value in named(view_of([price] * 130)).items() if value}
    assert said == {"liquidity_cost": Decimal(-1)}


def test_a_rise_is_for_a_long_and_a_fall_against_it() -> None:
    # A slow wave on the slope: a straight line has no surprise for MACD.
    rise = [100 * 1.002**k * (1 + 0.0001 * (k % 7)) for k in range(130)]
    up, down = named(view_of(rise)), named(view_of([1e4 / value for value in rise]))
    for name in ("trend_fast", "trend_slow", "momentum_return", "momentum_rsi"):
        assert up[name] > Decimal("0.4") > Decimal("-0.4") > down[name], name
    for name in ("volatility_efficiency", "flow_pressure", "flow_location"):
        assert up[name] > Decimal("0.4") > Decimal("-0.4") > down[name], name
    for name in ("reversion_zscore", "reversion_rsi"):
        assert up[name] < Decimal("-0.4") < Decimal("0.4") < down[name], name


def test_a_turn_upward_lifts_the_macd_histogram() -> None:
    fall = [100 * 0.999**k for k in range(110)]
    turned = fall + [fall[-1] * 1.003**k for k in range(1, 8)]
    assert named(view_of(turned))["momentum_macd"] > Decimal("0.5")


def test_scale_does_not_matter() -> None:
    closes = [100.0 + (k * 7919 % 13) for k in range(130)]
    large, small = named(view_of(closes)), named(view_of([close * 2.0**-60 for close in closes]))
    assert large.keys() == small.keys()
    assert all(abs(large[name] - small[name]) < Decimal("1e-9") for name in large)


def test_calm_after_storm_is_positive_and_storm_after_calm_negative() -> None:
    fast = replace(FastState(), returns=Returns(short_variance=1e-6, long_variance=4e-6))
    assert volatility_calm(View(fast, SlowState(), 300, 1.0)) == pytest.approx(0.6)
    storm = replace(fast, returns=Returns(short_variance=4e-6, long_variance=1e-6))
    assert volatility_calm(View(storm, SlowState(), 300, 1.0)) == pytest.approx(-0.6)


def test_liquidity_is_neutral_at_four_round_trips_a_day() -> None:
    # A variance of 1/288 of (4 %)^2 per bar is 4 % a day.
    fast = replace(FastState(), returns=Returns(variance=0.04**2 / 288))
    read = [liquidity_cost(View(fast, SlowState(), 300, cost)) for cost in (0.0, 0.5, 1.0, 2.0)]
    assert read == pytest.approx([1, 1 / 3, 0, -1 / 3])


@pytest.mark.parametrize(
    ("gain", "loss", "expected"), [(85, 15, -0.5), (50, 50, 0), (70, 30, 0), (15, 85, 0.5)]
)
def test_rsi_reverts_only_from_its_extremes(gain: float, loss: float, expected: float) -> None:
    fast = replace(FastState(), strength=Strength(gain, loss))
    assert reversion_rsi(View(fast, SlowState(), 300, None)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "bars"),
    [
        ("trend_fast", 26),
        ("trend_slow", 20),
        ("momentum_return", 25),
        ("momentum_macd", 34),
        ("momentum_rsi", 15),
        ("reversion_zscore", 48),
        ("reversion_rsi", 15),
        ("volatility_calm", 101),
        ("volatility_efficiency", 25),
        ("flow_pressure", 48),
        ("flow_location", 12),
        ("liquidity_cost", 49),
    ],
)
def test_a_signal_is_silent_until_it_is_warm(name: str, bars: int) -> None:
    closes = [100.0 + k % 5 for k in range(bars)]
    assert name not in named(view_of(closes[:-1]))
    assert name in named(view_of(closes))


def test_unknown_volume_or_cost_silences_its_signal_and_the_score() -> None:
    closes = [100.0 + k % 5 for k in range(130)]
    without_volume = view_of(closes, volume=None)
    without_cost = replace(view_of(closes), round_trip_percent=None)
    for view, name in ((without_volume, "flow_pressure"), (without_cost, "liquidity_cost")):
        found = readings(view)
        assert {signal.name for signal in SIGNALS} - {s.name for s in found} == {name}
        assert score(found) is None
        assert families_agreeing(found) is None


def spoken(values: dict[str, str]) -> list[SignalReading]:
    """Return a full set of readings: those given, and zero for the rest."""
    return [
        SignalReading(
            signal.name,
            signal.family,
            Decimal(values.get(signal.name, "0")),
            signal.weight,
            Decimal(values.get(signal.name, "0")) * signal.weight,
        )
        for signal in SIGNALS
    ]


def test_a_family_agrees_when_its_weighted_mean_is_above_a_tenth() -> None:
    assert families_agreeing(spoken({})) == 0
    assert families_agreeing(spoken({"trend_fast": "0.2"})) == 0
    assert families_agreeing(spoken({"trend_fast": "0.200000000001"})) == 1
    assert families_agreeing(spoken({"liquidity_cost": "0.1"})) == 0
    assert families_agreeing(spoken({"liquidity_cost": "1", "trend_slow": "1"})) == 2
    assert families_agreeing(spoken({"trend_fast": "1", "trend_slow": "-1"})) == 0
    assert families_agreeing(spoken({signal.name: "1" for signal in SIGNALS})) == 6


def test_without_bars_nothing_is_said() -> None:
    assert readings(View(FastState(), SlowState(), 300, 1.0)) == ()
