"""Observations, bars, and the rule by which a bar forms and closes."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paper_trading.engine.money import CONTEXT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A shorter bar holds less movement than a round trip costs.
SHORTEST_BAR_SECONDS = 300
FAST_BARS_IN_SLOW = 12
#: A bar that ended longer ago than this many of its own lengths says nothing of now.
OLDEST_BAR = 3


@dataclass(frozen=True, slots=True)
class Observation:
    """One token at one step. A plain quote has start == end and four equal prices.

    Times are market times with a zone; prices are USD per whole token.

    :raises ValueError: when a time has no zone, the end precedes the start, a price is not
        positive, or high and low do not enclose open and close.
    """

    start: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    #: Traded in [start, end]; None when the source does not say.
    volume_usd: Decimal | None
    #: Cost of a reference round trip at this step, in percent of its notional.
    round_trip_percent: Decimal | None

    def __post_init__(self) -> None:
        """Refuse an observation that contradicts itself."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"observation time was {self.start} to {self.end}; a zone is needed")
        if self.end < self.start:
            raise ValueError(f"observation ended {self.end}; not before its start {self.start}")
        prices = (self.open, self.high, self.low, self.close)
        finite = all(price.is_finite() for price in prices)
        if not finite or not 0 < self.low == min(prices) <= max(prices) == self.high:
            raise ValueError(
                f"prices were open {self.open}, high {self.high}, low {self.low}, "
                f"close {self.close}; 0 < low <= open, close <= high is needed"
            )
        _refuse_negative("volume_usd", self.volume_usd)
        _refuse_negative("round_trip_percent", self.round_trip_percent)


def _refuse_negative(name: str, amount: Decimal | None) -> None:
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise ValueError(f"{name} was {amount}; a number >= 0 or None is needed")


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low, close and volume of [start, start + seconds)."""

    start: datetime
    seconds: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    #: Sum of the stated volumes; None when none was stated.
    volume_usd: Decimal | None

    @property
    def end(self) -> datetime:
        """The first moment that no longer belongs to the bar."""
        return self.start + timedelta(seconds=self.seconds)

    @property
    def grace(self) -> timedelta:
        """How long after its end the bar still speaks of the present."""
        return timedelta(seconds=OLDEST_BAR * self.seconds)

    def is_current(self, at: datetime) -> bool:
        """Say whether the bar still speaks of the present at a market time."""
        return at - self.end <= self.grace


@dataclass(frozen=True, slots=True)
class Spans:
    """Lengths of the fast and the slow bar in seconds.

    :raises ValueError: when the slow bar is not a whole multiple of the fast one.
    """

    fast_seconds: int = SHORTEST_BAR_SECONDS
    slow_seconds: int = SHORTEST_BAR_SECONDS * FAST_BARS_IN_SLOW

    def __post_init__(self) -> None:
        """Refuse spans that do not nest."""
        if self.fast_seconds < 1:
            raise ValueError(f"fast bar was {self.fast_seconds} s; at least 1 s is needed")
        if self.slow_seconds <= self.fast_seconds or self.slow_seconds % self.fast_seconds:
            raise ValueError(
                f"slow bar was {self.slow_seconds} s; a multiple (2 or more) of the fast bar's "
                f"{self.fast_seconds} s is needed"
            )

    @classmethod
    def for_step(cls, step_seconds: int | Decimal) -> "Spans":
        """Return the spans for a market that moves one step every `step_seconds`.

        :raises ValueError: when the step is not positive.
        """
        if step_seconds <= 0:
            raise ValueError(f"market step was {step_seconds} s; more than 0 s is needed")
        fast = max(SHORTEST_BAR_SECONDS, math.ceil(step_seconds))
        return cls(fast, fast * FAST_BARS_IN_SLOW)


@dataclass(frozen=True, slots=True)
class Forming:
    """A bar that still takes observations, and the last round trip stated in it."""

    bar: Bar
    round_trip_percent: Decimal | None


def floor(moment: datetime, seconds: int) -> datetime:
    """Return the start of the bar of `seconds`, aligned to the epoch, that holds a moment."""
    span = timedelta(seconds=seconds)
    return EPOCH + (moment - EPOCH) // span * span


def begin(observation: Observation, seconds: int) -> Forming:
    """Open the bar that holds the start of an observation."""
    bar = Bar(
        start=floor(observation.start, seconds),
        seconds=seconds,
        open=observation.open,
        high=observation.high,
        low=observation.low,
        close=observation.close,
        volume_usd=observation.volume_usd,
    )
    return Forming(bar, observation.round_trip_percent)


def fold(forming: Forming, observation: Observation) -> Forming:
    """Take one more observation of the same bar."""
    bar = replace(
        forming.bar,
        high=max(forming.bar.high, observation.high),
        low=min(forming.bar.low, observation.low),
        close=observation.close,
        volume_usd=_sum(forming.bar.volume_usd, observation.volume_usd),
    )
    stated = observation.round_trip_percent
    return Forming(bar, forming.round_trip_percent if stated is None else stated)


def _sum(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    if first is None or second is None:
        return second if first is None else first
    return CONTEXT.add(first, second)
