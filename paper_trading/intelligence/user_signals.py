"""Signals of the user's own: what one is, how it joins the built-ins, and when it is left out."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from paper_trading.engine.decision import SignalReading
from paper_trading.engine.enums import Family
from paper_trading.engine.money import CONTEXT, ZERO, ratio
from paper_trading.intelligence.bars import Bar
from paper_trading.intelligence.boundary import decimal_of

_RATIO = Decimal("1e-12")
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class UserSignal:
    """A user's signal as a market was made with it."""

    name: str
    family: Family
    #: Its share of the score before the weights are normalised; the built-ins share 1.
    weight: Decimal
    #: How many closed fast bars it reads: always so many, the newest.
    bars: int
    #: Of the file's bytes, in hexadecimal.
    sha256: str


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A user's signal that a market goes on without, from a step on, and why."""

    name: str
    step: int
    reason: str
    #: It gave no reading in time, which another run of the same may.
    slow: bool = False


class SignalFailed(Exception):
    """A user's signal gave no reading; the reason is for people."""

    def __init__(self, name: str, reason: str, *, slow: bool = False) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
        self.slow = slow


class Reader(Protocol):
    """Whoever runs the user's code: this package runs none."""

    def read(self, signal: UserSignal, bars: Sequence[Bar]) -> float:
        """Return the reading in [-1, 1] on `signal.bars` closed fast bars, oldest first.

        :raises SignalFailed: when there is none.
        """


@dataclass(frozen=True, slots=True)
class UserSignals:
    """The user's signals of a market, without those that are switched off.

    :raises ValueError: when there are signals but nobody to run them.
    """

    signals: tuple[UserSignal, ...] = ()
    reader: Reader | None = None
    off: frozenset[str] = frozenset()
    #: What the weights are divided by, 1 + the sum of all of the market's user weights: one
    #: number for as long as the market lasts, so that its scores compare.
    divisor: Decimal = field(init=False)

    def __post_init__(self) -> None:
        """Add the weights up."""
        if self.signals and self.reader is None:
            raise ValueError(f"reader was None; {len(self.signals)} user signals need one")
        total = sum((signal.weight for signal in self.signals), _ONE)
        object.__setattr__(self, "divisor", total)

    @property
    def longest(self) -> int:
        """Return how many bars the signals look back at most; 0 without signals."""
        return longest(self.signals)

    def join(
        self, built_in: tuple[SignalReading, ...], bars: Sequence[Bar]
    ) -> tuple[SignalReading, ...]:
        """Return the built-ins' readings and the user's, with weights that sum to 1 at most.

        `bars` are the closed fast bars, oldest first. A signal that wants more of them is left
        out, as is one that is switched off. Without user signals nothing changes.
        """
        reader = self.reader
        if not self.signals or reader is None:
            return built_in
        scaled = tuple(self._weighed(one, one.weight) for one in built_in)
        return scaled + tuple(
            self._weighed(_read(reader, signal, bars), signal.weight)
            for signal in self.signals
            if signal.name not in self.off and len(bars) >= signal.bars
        )

    def _weighed(self, one: SignalReading, weight: Decimal) -> SignalReading:
        # Rounded down: the weights must not sum to more than 1.
        share = CONTEXT.divide(weight, self.divisor).quantize(_RATIO, ROUND_DOWN, CONTEXT)
        return replace(one, weight=share, contribution=ratio(one.reading * share) + ZERO)


NO_SIGNALS = UserSignals()


def _read(reader: Reader, signal: UserSignal, bars: Sequence[Bar]) -> SignalReading:
    found = reader.read(signal, bars[len(bars) - signal.bars :])
    if not math.isfinite(found) or not -1 <= found <= 1:
        raise SignalFailed(signal.name, out_of_range(found))
    return SignalReading(signal.name, signal.family, decimal_of(found), signal.weight, ZERO)


def out_of_range(found: float) -> str:
    """Say that a reading is not allowed."""
    return f"gave {found!r}; -1 to 1 is allowed"


def longest(signals: Iterable[UserSignal]) -> int:
    """Return how many bars some signals look back at most; 0 without signals."""
    return max((signal.bars for signal in signals), default=0)


def digest(signals: Iterable[UserSignal]) -> str:
    """Return the SHA-256 of a set of signals with their parameters; empty for the empty set."""
    rows = sorted(
        [one.name, one.family.value, str(one.weight), str(one.bars), one.sha256] for one in signals
    )
    if not rows:
        return ""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
