"""The signals: six families, fixed unfitted weights, each reading in [-1, 1]."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.decision import SignalReading
from paper_trading.engine.enums import Family
from paper_trading.engine.money import ZERO, ratio
from paper_trading.intelligence.boundary import decimal_of
from paper_trading.intelligence.recurrences import RETURN_PERIOD
from paper_trading.intelligence.states import YEAR_SECONDS, FastState, SlowState

#: Raised with every change of a signal, a weight or a recurrence: old scores do not compare.
SCORE_VERSION = 1

#: A family agrees with a long when the weighted mean of its readings is above this.
AGREEMENT = Decimal("0.1")

#: The liquidity signal weighs a round trip against the move expected in a day, and is
#: neutral when the move is this many round trips.
LIQUIDITY_HORIZON_SECONDS = 86_400
NEUTRAL_ROUND_TRIPS = 4.0

RSI_LOW, RSI_HIGH = 30.0, 70.0

#: Closed bars before a volatility, and stated volumes before a relative one, mean anything.
SIGMA_BARS = 49
VOLUME_BARS = 48


@dataclass(frozen=True, slots=True)
class View:
    """What a signal may read: the states after the latest closed bars, and the cost."""

    fast: FastState
    slow: SlowState
    fast_seconds: int
    round_trip_percent: float | None


@dataclass(frozen=True, slots=True)
class Signal:
    """A named pure function of the view; `ready` tells whether it is warm and has its inputs."""

    name: str
    family: Family
    weight: Decimal
    ready: Callable[[View], bool]
    read: Callable[[View], float]


def _fast(bars: int) -> Callable[[View], bool]:
    return lambda view: view.fast.bars >= bars


def _slow(bars: int) -> Callable[[View], bool]:
    return lambda view: view.slow.bars >= bars


def _over(value: float, scale: float) -> float:
    return value / scale if scale > 0.0 else 0.0


def _clip(value: float) -> float:
    return max(-1.0, min(1.0, value))


def trend_fast(view: View) -> float:
    """EMA 12 less EMA 26 of the fast closes, in average true ranges."""
    return math.tanh(_over(view.fast.trend.gap, view.fast.trend.true_range))


def trend_slow(view: View) -> float:
    """EMA 8 less EMA 21 of the slow closes, in average true ranges."""
    return math.tanh(_over(view.slow.trend.gap, view.slow.trend.true_range))


def momentum_return(view: View) -> float:
    """Mean return over its standard error (an EMA of n has the error of n values)."""
    returns = view.fast.returns
    error = math.sqrt(returns.variance / RETURN_PERIOD)
    return math.tanh(_over(returns.mean, error) / 2)


def momentum_macd(view: View) -> float:
    """MACD (12, 26, 9) histogram in average true ranges, tripled: it is small by nature."""
    trend = view.fast.trend
    return math.tanh(3 * _over(trend.gap - view.fast.macd_signal, trend.true_range))


def momentum_rsi(view: View) -> float:
    """RSI 14 about 50; full at 25 and 75."""
    return _clip((view.fast.strength.index - 50.0) / 25.0)


def reversion_zscore(view: View) -> float:
    """Minus the z-score of the log close, halved: cheap against its mean is positive."""
    return -math.tanh(view.fast.anchor.z_score(math.log(view.fast.close)) / 2)


def reversion_rsi(view: View) -> float:
    """How far RSI 14 is below 30 (positive) or above 70 (negative), as a share of the rest."""
    index = view.fast.strength.index
    if index < RSI_LOW:
        return (RSI_LOW - index) / RSI_LOW
    return (RSI_HIGH - index) / (100.0 - RSI_HIGH) if index > RSI_HIGH else 0.0


def volatility_calm(view: View) -> float:
    """Long less short variance over their sum: calm is positive, panic negative."""
    short, long = view.fast.returns.short_variance, view.fast.returns.long_variance
    return _over(long - short, long + short)


def volatility_efficiency(view: View) -> float:
    """Mean return over mean absolute return: a straight rise is 1, a straight fall -1."""
    return _clip(_over(view.fast.returns.mean, view.fast.returns.absolute))


def flow_pressure(view: View) -> float:
    """Relative volume with the sign of its bar's return, smoothed."""
    return math.tanh(view.fast.flow.pressure)


def flow_location(view: View) -> float:
    """Where closes lie in their bars: 1 at the high, -1 at the low, smoothed."""
    return _clip(view.fast.flow.location)


def liquidity_cost(view: View) -> float:
    """Expected daily move over the round trip q: (q - 4) / (q + 4)."""
    cost = view.round_trip_percent or 0.0
    sigma = view.fast.sigma_annual(view.fast_seconds)
    move = 100.0 * sigma * math.sqrt(LIQUIDITY_HORIZON_SECONDS / YEAR_SECONDS)
    hurdle = NEUTRAL_ROUND_TRIPS * cost
    return _over(move - hurdle, move + hurdle)


def _volume_known(view: View) -> bool:
    return view.fast.flow.stated == 1 and view.fast.flow.volumes >= VOLUME_BARS


def _cost_known(view: View) -> bool:
    return sigma_ready(view.fast) and view.round_trip_percent is not None


def sigma_ready(fast: FastState) -> bool:
    """Tell whether enough returns were seen to state a volatility."""
    return fast.bars >= SIGMA_BARS


SIGNALS: tuple[Signal, ...] = (
    Signal("trend_fast", Family.TREND, Decimal("0.10"), _fast(26), trend_fast),
    Signal("trend_slow", Family.TREND, Decimal("0.10"), _slow(20), trend_slow),
    Signal("momentum_return", Family.MOMENTUM, Decimal("0.08"), _fast(25), momentum_return),
    Signal("momentum_macd", Family.MOMENTUM, Decimal("0.06"), _fast(34), momentum_macd),
    Signal("momentum_rsi", Family.MOMENTUM, Decimal("0.06"), _fast(15), momentum_rsi),
    Signal("reversion_zscore", Family.MEAN_REVERSION, Decimal("0.09"), _fast(48), reversion_zscore),
    Signal("reversion_rsi", Family.MEAN_REVERSION, Decimal("0.06"), _fast(15), reversion_rsi),
    Signal("volatility_calm", Family.VOLATILITY, Decimal("0.08"), _fast(101), volatility_calm),
    Signal(
        "volatility_efficiency",
        Family.VOLATILITY,
        Decimal("0.07"),
        _fast(25),
        volatility_efficiency,
    ),
    Signal("flow_pressure", Family.FLOW, Decimal("0.09"), _volume_known, flow_pressure),
    Signal("flow_location", Family.FLOW, Decimal("0.06"), _fast(12), flow_location),
    Signal("liquidity_cost", Family.LIQUIDITY, Decimal("0.15"), _cost_known, liquidity_cost),
)


_NAMES = frozenset(signal.name for signal in SIGNALS)


def readings(view: View) -> tuple[SignalReading, ...]:
    """Return the readings of every signal that is ready, in table order."""
    return tuple(_reading(signal, view) for signal in SIGNALS if signal.ready(view))


def _reading(signal: Signal, view: View) -> SignalReading:
    value = decimal_of(signal.read(view))
    contribution = ratio(value * signal.weight) + ZERO
    return SignalReading(signal.name, signal.family, value, signal.weight, contribution)


def score(signals: Sequence[SignalReading]) -> Decimal | None:
    """Return the sum of contributions, in [-1, 1]; None until every built-in is ready."""
    if not _complete(signals):
        return None
    return sum((signal.contribution for signal in signals), ZERO)


def families_agreeing(signals: Sequence[SignalReading]) -> int | None:
    """Count the families that agree with a long; None until every built-in is ready."""
    if not _complete(signals):
        return None
    return sum(_agrees([s for s in signals if s.family is family]) for family in Family)


def _complete(signals: Sequence[SignalReading]) -> bool:
    # A user's signal may be there or not; nothing waits for it.
    return sum(signal.name in _NAMES for signal in signals) == len(SIGNALS)


def _agrees(members: Sequence[SignalReading]) -> bool:
    total = sum((member.contribution for member in members), ZERO)
    return total > AGREEMENT * sum((member.weight for member in members), ZERO)
