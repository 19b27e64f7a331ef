"""Every recurrence and signal against independent libraries on generated bars, to 1e-9.

Where a library seeds an average in another way, the comparison starts when both seeds have
faded below the tolerance; the package's README lists these differences.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import talib
from talipp.indicators import ATR, EMA, MACD, RSI
from talipp.ohlcv import OHLCV

from paper_trading.intelligence.bars import Bar
from paper_trading.intelligence.recurrences import Anchor, Returns, Strength, ewma
from paper_trading.intelligence.signals import (
    View,
    flow_location,
    flow_pressure,
    momentum_macd,
    momentum_return,
    momentum_rsi,
    reversion_rsi,
    reversion_zscore,
    trend_fast,
    trend_slow,
    volatility_calm,
    volatility_efficiency,
)
from paper_trading.intelligence.states import FastState, SlowState
from tests.intelligence.samples import candles

CLOSES = [100.0, 102, 101, 105, 107, 106, 108, 110, 109, 112, 115, 113, 116, 118, 117, 120]
COUNT = 2_600
NEAR = 1e-9


class World:
    """Generated bars as arrays, and what our states say after each of them."""

    def __init__(self, seed: int) -> None:
        rows = candles(COUNT, seed)
        self.bars = [
            Bar(one.start, 300, one.open, one.high, one.low, one.close, one.volume_usd)
            for one in rows
        ]
        self.high, self.low, self.close, self.volume = (
            np.array([float(getattr(bar, name)) for bar in self.bars])
            for name in ("high", "low", "close", "volume_usd")
        )
        self.log = np.log(self.close)
        self.returns = np.diff(self.log)
        self.fast: list[FastState] = []
        self.slow: list[SlowState] = []
        fast, slow = FastState(), SlowState()
        for bar in self.bars:
            fast, slow = fast.after(bar), slow.after(bar)
            self.fast.append(fast)
            self.slow.append(slow)

    def ours(self, read: Callable[[FastState], float]) -> Any:
        return np.array([read(state) for state in self.fast])

    def signal(self, read: Callable[[View], float]) -> Any:
        pairs = zip(self.fast, self.slow, strict=True)
        return np.array([read(View(fast, slow, 300, 0.7)) for fast, slow in pairs])

    def talipp(self, indicator: Any) -> list[Any]:
        values = zip(self.high, self.low, self.close, self.volume, strict=True)
        for high, low, close, volume in values:
            indicator.add(OHLCV(float(close), float(high), float(low), float(close), float(volume)))
        return list(indicator)


@pytest.fixture(scope="module", params=[3, 11])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def same(ours: Any, theirs: Any, first: int) -> None:
    """Compare from an index on; a library without a value there fails."""
    assert len(ours) == len(theirs)
    assert np.isfinite(np.asarray(theirs[first:], dtype=float)).all()
    np.testing.assert_allclose(ours[first:], theirs[first:], rtol=NEAR, atol=NEAR)


@pytest.mark.parametrize(("name", "period"), [("short", 12), ("long", 26)])
def test_the_averages_of_the_trend_are_emas(world: World, name: str, period: int) -> None:
    ours = world.ours(lambda state: getattr(state.trend, name))
    same(ours, talib.EMA(world.close, period), period - 1)
    theirs = EMA(period=period, input_values=world.close.tolist())
    same(ours, [math.nan if one is None else one for one in theirs], period - 1)


def test_the_slow_averages_are_emas(world: World) -> None:
    for name, period in (("short", 8), ("long", 21)):
        ours = np.array([getattr(state.trend, name) for state in world.slow])
        same(ours, talib.EMA(world.close, period), period - 1)


def test_rsi_is_wilders(world: World) -> None:
    ours = world.ours(lambda state: state.strength.index)
    same(ours, talib.RSI(world.close, 14), 14)
    theirs = RSI(period=14, input_values=world.close.tolist())
    same(ours, [math.nan if one is None else one for one in theirs], 14)


def test_the_true_range_is_wilders(world: World) -> None:
    ours = world.ours(lambda state: state.trend.true_range)
    theirs = world.talipp(ATR(period=14))
    same(ours, [math.nan if one is None else one for one in theirs], 13)
    # TA-Lib leaves the first bar out of its seed: 13/14 of the difference stays with each bar.
    same(ours, talib.ATR(world.high, world.low, world.close, 14), 400)


def test_macd_is_the_gap_and_its_signal_line(world: World) -> None:
    gap = world.ours(lambda state: state.trend.gap)
    line = world.ours(lambda state: state.macd_signal)
    theirs = list(MACD(12, 26, 9, input_values=world.close.tolist()))
    for place in range(33, COUNT):
        assert gap[place] == pytest.approx(theirs[place].macd, rel=NEAR, abs=NEAR)
        assert line[place] == pytest.approx(theirs[place].signal, rel=NEAR, abs=NEAR)
    # TA-Lib seeds its short average with the 12 bars before the 26th: that fades, too.
    macd, signal, _ = talib.MACD(world.close, 12, 26, 9)
    same(gap, macd, 250)
    same(line, signal, 300)


def test_trend_and_macd_signals_are_made_of_them(world: World) -> None:
    atr = talib.ATR(world.high, world.low, world.close, 14)
    gap = talib.EMA(world.close, 12) - talib.EMA(world.close, 26)
    same(world.signal(trend_fast), np.tanh(gap / atr), 400)
    slow = talib.EMA(world.close, 8) - talib.EMA(world.close, 21)
    same(world.signal(trend_slow), np.tanh(slow / atr), 400)
    _, _, histogram = talib.MACD(world.close, 12, 26, 9)
    same(world.signal(momentum_macd), np.tanh(3 * histogram / atr), 400)


def test_the_signals_of_rsi_are_made_of_it(world: World) -> None:
    rsi = talib.RSI(world.close, 14)
    same(world.signal(momentum_rsi), np.clip((rsi - 50) / 25, -1, 1), 14)
    wanted = np.where(rsi < 30, (30 - rsi) / 30, np.where(rsi > 70, (70 - rsi) / 30, 0.0))
    assert np.count_nonzero(wanted[14:]) > 100
    same(world.signal(reversion_rsi), wanted, 14)


def test_mean_and_absolute_return_are_emas(world: World) -> None:
    mean, absolute = talib.EMA(world.returns, 24), talib.EMA(np.abs(world.returns), 24)
    same(world.ours(lambda state: state.returns.mean)[1:], mean, 23)
    same(world.ours(lambda state: state.returns.absolute)[1:], absolute, 23)
    same(world.signal(volatility_efficiency)[1:], np.clip(mean / absolute, -1, 1), 23)
    variance = weighted(world.returns**2, 0.97)
    same(world.signal(momentum_return)[1:], np.tanh(mean / np.sqrt(variance / 24) / 2), 23)


def weighted(values: Any, decay: float) -> Any:
    """Return an average by weights written out, equal until their own weight is smaller."""
    found = np.empty(len(values))
    weights = np.zeros(len(values))
    for place in range(len(values)):
        own = max(1 - decay, 1 / (place + 1))
        weights[:place] *= 1 - own
        weights[place] = own
        found[place] = weights[: place + 1] @ values[: place + 1]
    return found


@pytest.mark.parametrize(
    ("name", "decay", "period", "first"),
    [
        ("variance", 0.97, None, 0),
        ("short_variance", 0.80, 9, 150),
        ("long_variance", 0.99, 199, 2_300),
    ],
)
def test_variances_are_exponential(
    world: World, name: str, decay: float, period: int | None, first: int
) -> None:
    ours = world.ours(lambda state: getattr(state.returns, name))[1:]
    same(ours, weighted(world.returns**2, decay), 0)
    if period is not None:
        # An EMA of n keeps 1 - 2 / (n + 1) a bar; it is seeded with the mean of n, ours with fewer.
        same(ours, talib.EMA(world.returns**2, period), first)


def test_calm_is_the_short_variance_against_the_long_one(world: World) -> None:
    short, long = talib.EMA(world.returns**2, 9), talib.EMA(world.returns**2, 199)
    same(world.signal(volatility_calm)[1:], (long - short) / (long + short), 2_300)


@pytest.mark.parametrize("bars", [5, 10, 20, 48])
def test_the_anchor_begins_as_a_bollinger_band(world: World, bars: int) -> None:
    anchor = world.fast[bars - 1].anchor
    upper, middle, _ = talib.BBANDS(world.log, bars, 1.0, 1.0)
    assert anchor.mean == pytest.approx(middle[bars - 1], abs=NEAR)
    assert math.sqrt(anchor.variance) == pytest.approx(upper[bars - 1] - middle[bars - 1], abs=NEAR)
    z = (world.log[bars - 1] - middle[bars - 1]) / (upper[bars - 1] - middle[bars - 1])
    assert world.signal(reversion_zscore)[bars - 1] == pytest.approx(-math.tanh(z / 2), abs=1e-7)


def test_the_anchor_goes_on_as_an_ema(world: World) -> None:
    # The band of a window has no exponential twin: its mean is an EMA, its variance the EMA of
    # squares less the square of the EMA once the seed has faded.
    mean = talib.EMA(world.log, 48)
    same(world.ours(lambda state: state.anchor.mean), mean, 47)
    squares = talib.EMA(world.log**2, 48)
    deviation = np.sqrt(squares - mean**2)
    ours = world.ours(lambda state: math.sqrt(state.anchor.variance))
    np.testing.assert_allclose(ours[47:], deviation[47:], rtol=1e-6)


def test_efficiency_is_kaufmans_while_the_weights_are_equal(world: World) -> None:
    # KAMA steps from the last close by ((2/3 - 2/31) * ER + 2/31) squared, first after n bars.
    for bars in (10, 24):
        stepped = talib.KAMA(world.log, bars)[bars] - world.log[bars - 1]
        root = math.sqrt(stepped / world.returns[bars - 1])
        ratio = (root - 2 / 31) / (2 / 3 - 2 / 31)
        ours = world.signal(volatility_efficiency)[bars]
        assert abs(ours) == pytest.approx(ratio, abs=1e-7)


def test_location_is_the_flow_of_accumulation(world: World) -> None:
    # The accumulation line of a volume of 1 rises by the place of the close in its bar.
    line = talib.AD(world.high, world.low, world.close, np.ones(COUNT))
    places = np.diff(line, prepend=0.0)
    same(world.signal(flow_location), talib.EMA(places, 12), 11)


def test_pressure_is_relative_volume_with_its_sign(world: World) -> None:
    usual = np.cumsum(world.volume) / np.arange(1, COUNT + 1)
    usual[95:] = talib.EMA(world.volume, 96)[95:]
    relative = np.minimum(world.volume[1:] / usual[:-1], 3.0)
    pushed = np.concatenate([[0.0], relative * np.sign(np.diff(world.close))])
    same(world.signal(flow_pressure), np.tanh(talib.EMA(pushed, 12)), 11)


def test_mean_deviation_and_z_score_meet_the_published_values() -> None:
    anchor = Anchor()
    for count, close in enumerate(CLOSES[-10:], start=1):
        anchor = anchor.after(close, count)
    assert anchor.mean == pytest.approx(113.8, abs=5e-9)
    assert math.sqrt(anchor.variance) == pytest.approx(3.84187455, abs=1e-8)
    assert anchor.z_score(CLOSES[-1]) == pytest.approx(1.61380, abs=5e-6)
    closes = np.array(CLOSES)
    assert talib.SMA(closes, 10)[-1] == pytest.approx(anchor.mean)
    assert talib.STDDEV(closes, 10)[-1] == pytest.approx(math.sqrt(anchor.variance))


def test_deviations_of_returns_meet_the_published_values() -> None:
    returns = Returns()
    logs = [math.log(after / before) for before, after in pairwise(CLOSES)]
    for count, one in enumerate(logs, start=1):
        returns = returns.after(one, 1, count)
    n = len(logs)
    spread = (returns.variance - returns.mean**2) * n / (n - 1)
    assert math.sqrt(spread) == pytest.approx(0.01779094, abs=5e-9)
    # Weight .06 from the first on, seeded with the first square, as risk desks write it.
    variance = logs[0] ** 2
    for one in logs[1:]:
        variance = ewma(variance, one * one, COUNT, 0.94)
    assert math.sqrt(variance) == pytest.approx(0.02048842, abs=5e-9)


def test_the_efficiency_ratio_meets_the_published_value() -> None:
    returns = Returns()
    for count, (before, after) in enumerate(pairwise(CLOSES[-11:]), start=1):
        returns = returns.after(after - before, 1, count)
    assert returns.mean / returns.absolute == pytest.approx(0.63636364, abs=5e-9)


def test_rsi_and_ema_of_the_libraries_meet_the_published_values() -> None:
    closes = np.array(CLOSES)
    assert talib.RSI(closes, 14)[-2:] == pytest.approx([79.31034483, 81.38424821], abs=5e-9)
    assert talib.EMA(closes, 5)[-1] == pytest.approx(117.00130400, abs=5e-9)
    strength = Strength()
    for count, (before, after) in enumerate(pairwise(CLOSES), start=1):
        strength = strength.after(after - before, count)
    assert strength.index == pytest.approx(talib.RSI(closes, 14)[-1], abs=NEAR)
