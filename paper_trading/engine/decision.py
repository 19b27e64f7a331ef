"""A decision: what one token's evidence says at one tick, with every number behind it."""

from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action, Family


@dataclass(frozen=True, slots=True)
class SignalReading:
    """One signal: value in [-1, 1], its weight, and value * weight."""

    name: str
    family: Family
    reading: Decimal
    weight: Decimal
    contribution: Decimal


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate with its numbers; `actual` is None when it could not be computed."""

    name: str
    threshold: Decimal
    actual: Decimal | None
    met: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one token's analysis at one tick."""

    token_id: int
    symbol: str
    action: Action
    code: Code
    level: int
    #: Fixed-weight score of the latest closed bar; None before warm-up.
    score: Decimal | None = None
    #: Evidence rank in percent among the frozen score quantiles.
    confidence: Decimal | None = None
    #: Chance that the mean net outcome is positive, in percent.
    outcome_percent: Decimal | None = None
    #: Expected move over the holding horizon and cost of a round trip, in percent.
    expected_move_percent: Decimal | None = None
    round_trip_percent: Decimal | None = None
    families_agreeing: int | None = None
    signals: tuple[SignalReading, ...] = ()
    gates: tuple[Gate, ...] = ()
