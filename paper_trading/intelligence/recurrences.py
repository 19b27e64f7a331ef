"""Recurrences over closed bars: one step per bar, no window, state of a few numbers.

Each average gives its n-th value the weight 1/n until its own weight is reached. It thus
starts as the plain mean of what it has seen, and an EMA or RMA of period n equals the
usual one seeded with the mean of its first n values.
"""

import math
from dataclasses import dataclass

#: Log returns kept apart by speed: decay of the variance per bar.
SIGMA_DECAY = 0.97
SHORT_DECAY = 0.80
LONG_DECAY = 0.99

RETURN_PERIOD = 24
ANCHOR_PERIOD = 48
VOLUME_PERIOD = 96
PRESSURE_PERIOD = 12
WILDER_PERIOD = 14
MACD_SIGNAL_PERIOD = 9
#: A single bar's volume counts at most this many times the usual one.
RELATIVE_VOLUME_CAP = 3.0


def ema(previous: float, value: float, count: int, period: int) -> float:
    """Fold the `count`-th value (from 1) into an exponential average, weight 2 / (period + 1)."""
    weight = 1.0 / count if count <= period else 2.0 / (period + 1)
    # A difference, so that an average of equal values is that value exactly.
    return previous + weight * (value - previous)


def rma(previous: float, value: float, count: int, period: int) -> float:
    """Fold the `count`-th value (from 1) into Wilder's average, weight 1 / period."""
    return previous + (value - previous) / min(count, period)


def ewma(previous: float, value: float, count: int, decay: float) -> float:
    """Fold the `count`-th value (from 1) into an average that keeps `decay` per bar."""
    return previous + max(1.0 - decay, 1.0 / count) * (value - previous)


@dataclass(frozen=True, slots=True)
class Trend:
    """Two averages of the close and the average true range (Wilder, 14)."""

    short: float = 0.0
    long: float = 0.0
    true_range: float = 0.0

    def after(
        self,
        prices: tuple[float, float, float],
        previous_close: float,
        count: int,
        periods: tuple[int, int],
    ) -> "Trend":
        """Fold the `count`-th bar's (high, low, close); the first has no previous close."""
        high, low, close = prices
        reach = high - low
        if count > 1:
            reach = max(reach, abs(high - previous_close), abs(low - previous_close))
        return Trend(
            ema(self.short, close, count, periods[0]),
            ema(self.long, close, count, periods[1]),
            rma(self.true_range, reach, count, WILDER_PERIOD),
        )

    @property
    def gap(self) -> float:
        """Short less long average, USD."""
        return self.short - self.long


@dataclass(frozen=True, slots=True)
class Strength:
    """Wilder's average gain and loss of the close."""

    gain: float = 0.0
    loss: float = 0.0

    def after(self, change: float, count: int) -> "Strength":
        """Fold the `count`-th change of the close."""
        return Strength(
            rma(self.gain, max(change, 0.0), count, WILDER_PERIOD),
            rma(self.loss, max(-change, 0.0), count, WILDER_PERIOD),
        )

    @property
    def index(self) -> float:
        """RSI in [0, 100]; 50 when nothing has moved."""
        total = self.gain + self.loss
        return 50.0 if total == 0.0 else 100.0 * self.gain / total


@dataclass(frozen=True, slots=True)
class Returns:
    """Averages of the log return: mean, absolute, and variance about 0 at three speeds."""

    mean: float = 0.0
    absolute: float = 0.0
    variance: float = 0.0
    short_variance: float = 0.0
    long_variance: float = 0.0

    def after(self, log_return: float, bars: int, count: int) -> "Returns":
        """Fold the `count`-th return, which spans `bars` bars (more than 1 after a gap)."""
        # Variance grows with time: a return over k bars counts as k bars' worth.
        square = log_return * log_return / bars
        return Returns(
            ema(self.mean, log_return, count, RETURN_PERIOD),
            ema(self.absolute, abs(log_return), count, RETURN_PERIOD),
            ewma(self.variance, square, count, SIGMA_DECAY),
            ewma(self.short_variance, square, count, SHORT_DECAY),
            ewma(self.long_variance, square, count, LONG_DECAY),
        )


@dataclass(frozen=True, slots=True)
class Anchor:
    """Exponential mean and variance (population) of the log close."""

    mean: float = 0.0
    variance: float = 0.0

    def after(self, log_close: float, count: int) -> "Anchor":
        """Fold the `count`-th log close."""
        weight = 1.0 / count if count <= ANCHOR_PERIOD else 2.0 / (ANCHOR_PERIOD + 1)
        delta = log_close - self.mean
        variance = (1.0 - weight) * (self.variance + weight * delta * delta)
        return Anchor(self.mean + weight * delta, variance)

    def z_score(self, log_close: float) -> float:
        """Distance of a log close from the mean, in standard deviations; 0 without any."""
        if self.variance == 0.0:
            return 0.0
        return (log_close - self.mean) / math.sqrt(self.variance)


@dataclass(frozen=True, slots=True)
class Flow:
    """Usual volume, and what volume and the close's place in its bar say of buying."""

    #: Bars that stated a volume.
    volumes: int = 0
    #: Whether the latest bar stated one (1) or not (0).
    stated: int = 0
    volume: float = 0.0
    pressure: float = 0.0
    location: float = 0.0

    def after(
        self, prices: tuple[float, float, float], change: float, volume: float | None, count: int
    ) -> "Flow":
        """Fold the `count`-th bar's (high, low, close), change of the close and volume."""
        high, low, close = prices
        place = 0.0 if high == low else ((close - low) - (high - close)) / (high - low)
        location = ema(self.location, place, count, PRESSURE_PERIOD)
        if volume is None:
            return Flow(self.volumes, 0, self.volume, self.pressure, location)
        volumes = self.volumes + 1
        relative = volume / self.volume if self.volume > 0.0 else 0.0
        pushed = math.copysign(min(relative, RELATIVE_VOLUME_CAP), change) if change else 0.0
        return Flow(
            volumes=volumes,
            stated=1,
            volume=ema(self.volume, volume, volumes, VOLUME_PERIOD),
            pressure=ema(self.pressure, pushed, volumes, PRESSURE_PERIOD),
            location=location,
        )
