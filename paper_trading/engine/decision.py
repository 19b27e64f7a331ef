"""A decision: what one token's evidence says at one tick, with every number behind it."""

from dataclasses import dataclass
from datetime import datetime
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
class Outcome:
    """How likely the mean net outcome of a level's set-ups is positive, and from how many."""

    percent: Decimal
    #: Matured set-ups that the level's evidence gates would have taken, and their days.
    n: int
    days: int


@dataclass(frozen=True, slots=True)
class PWin:
    """How often set-ups of one rank bin ended net above zero, in percent; it gates nothing."""

    #: Plain share of the winners; None while nothing has matured.
    share: Decimal | None
    #: Mean of the posterior, and its central 95 %.
    mean: Decimal
    low: Decimal
    high: Decimal
    #: Matured set-ups, and the market days in which they matured: the clusters.
    n: int
    days: int
    break_even: Decimal


@dataclass(frozen=True, slots=True)
class Twin:
    """What the learning level would have decided with its base weights."""

    action: Action
    code: Code
    confidence: Decimal | None


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """What a decision was made from, so that it can be made again without the account's history.

    The rows of the tick's batch hold the market; the account's part is kept here.
    """

    #: Version of the account's state that was read.
    state_version: int
    #: Market time at which the open position was opened; None: flat.
    held_since: datetime | None
    #: Notional of the round trip that the cost gate asks about, USD.
    notional_usd: Decimal
    #: When the quote was observed and the bar ended; None when there was none.
    observed_at: datetime | None
    bar_end: datetime | None
    #: Digests of every column that was read, in a fixed order (intelligence.decision_inputs).
    seal: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one token's analysis at one tick."""

    token_id: int
    symbol: str
    action: Action
    code: Code
    level: int
    #: Score of the latest closed bar under the weights in `signals`; None before warm-up.
    score: Decimal | None = None
    #: Evidence rank in percent among the frozen score quantiles.
    confidence: Decimal | None = None
    #: Chance that the mean net outcome is positive, in percent.
    outcome_percent: Decimal | None = None
    #: Matured set-ups behind that chance, and the days in which they matured.
    outcome_n: int | None = None
    outcome_days: int | None = None
    p_win: PWin | None = None
    #: The same evidence under base weights; of the learning level only.
    twin: Twin | None = None
    #: Expected move over the holding horizon and cost of a round trip, in percent.
    expected_move_percent: Decimal | None = None
    round_trip_percent: Decimal | None = None
    families_agreeing: int | None = None
    signals: tuple[SignalReading, ...] = ()
    gates: tuple[Gate, ...] = ()
    #: None when nothing was looked at.
    inputs: DecisionInputs | None = None
