"""The recurrence states of a fast and of a slow bar series, and their JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from paper_trading.intelligence.bars import EPOCH, Bar
from paper_trading.intelligence.recurrences import (
    MACD_SIGNAL_PERIOD,
    Anchor,
    Flow,
    Returns,
    Strength,
    Trend,
    ema,
)

FAST_PERIODS = (12, 26)
SLOW_PERIODS = (8, 21)

YEAR_SECONDS = 31_536_000

_Part = TypeVar("_Part", Trend, Strength, Returns, Anchor, Flow)


@dataclass(frozen=True, slots=True)
class FastState:
    """Everything the signals of the fast bars remember."""

    bars: int = 0
    #: Start of the latest bar, in seconds since the epoch.
    start: int = 0
    close: float = 0.0
    #: EMA 9 of the gap between the two averages of `trend` (MACD's signal line).
    macd_signal: float = 0.0
    trend: Trend = field(default_factory=Trend)
    strength: Strength = field(default_factory=Strength)
    returns: Returns = field(default_factory=Returns)
    anchor: Anchor = field(default_factory=Anchor)
    flow: Flow = field(default_factory=Flow)

    def after(self, bar: Bar) -> "FastState":
        """Fold one closed bar."""
        count = self.bars + 1
        prices = (float(bar.high), float(bar.low), float(bar.close))
        close = prices[2]
        start = (bar.start - EPOCH) // timedelta(seconds=1)
        change = close - self.close if self.bars else 0.0
        volume = None if bar.volume_usd is None else float(bar.volume_usd)
        trend = self.trend.after(prices, self.close, count, FAST_PERIODS)
        strength, returns = self.strength, self.returns
        if self.bars:
            elapsed = (start - self.start) // bar.seconds
            strength = strength.after(change, self.bars)
            returns = returns.after(math.log(close / self.close), elapsed, self.bars)
        return FastState(
            bars=count,
            start=start,
            close=close,
            macd_signal=self._signal_line(trend, count),
            trend=trend,
            strength=strength,
            returns=returns,
            anchor=self.anchor.after(math.log(close), count),
            flow=self.flow.after(prices, change, volume, count),
        )

    def _signal_line(self, trend: Trend, count: int) -> float:
        # The gap means something from the bar that completes the long average.
        gaps = count - FAST_PERIODS[1] + 1
        return 0.0 if gaps < 1 else ema(self.macd_signal, trend.gap, gaps, MACD_SIGNAL_PERIOD)

    def sigma_annual(self, seconds: int) -> float:
        """Annualised volatility of the log return, as a fraction; bars last `seconds`."""
        return math.sqrt(self.returns.variance * YEAR_SECONDS / seconds)


@dataclass(frozen=True, slots=True)
class SlowState:
    """Everything the signals of the slow bars remember."""

    bars: int = 0
    close: float = 0.0
    trend: Trend = field(default_factory=Trend)

    def after(self, bar: Bar) -> "SlowState":
        """Fold one closed bar."""
        count = self.bars + 1
        prices = (float(bar.high), float(bar.low), float(bar.close))
        trend = self.trend.after(prices, self.close, count, SLOW_PERIODS)
        return SlowState(count, prices[2], trend)


def state_to_json(state: FastState | SlowState) -> dict[str, Any]:
    """Return a state as nested dicts of numbers; floats survive JSON exactly."""
    return asdict(state)


def fast_from_json(data: Mapping[str, Any]) -> FastState:
    """Return the fast state that `state_to_json` wrote."""
    return FastState(
        bars=int(data["bars"]),
        start=int(data["start"]),
        close=float(data["close"]),
        macd_signal=float(data["macd_signal"]),
        trend=_part(Trend, data["trend"]),
        strength=_part(Strength, data["strength"]),
        returns=_part(Returns, data["returns"]),
        anchor=_part(Anchor, data["anchor"]),
        flow=_part(Flow, data["flow"]),
    )


def slow_from_json(data: Mapping[str, Any]) -> SlowState:
    """Return the slow state that `state_to_json` wrote."""
    return SlowState(int(data["bars"]), float(data["close"]), _part(Trend, data["trend"]))


def _part(kind: type[_Part], data: Mapping[str, Any]) -> _Part:
    # A JSON store may give back 1.0 as 1 or 1e22 as an integer: the field's type decides.
    numbers: dict[str, Any] = {
        name: int(data[name]) if part.type is int else float(data[name])
        for name, part in kind.__dataclass_fields__.items()
    }
    return kind(**numbers)
