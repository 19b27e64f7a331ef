"""What every price source offers: one step of a market, for all of its tokens at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from paper_trading.intelligence.live_step import Pinned, Said
from paper_trading.intelligence.observed import SourceQuote, SourceStep

__all__ = [
    "BACKFILL_STEPS",
    "EndOfRecord",
    "LiveFeed",
    "NoPrices",
    "PriceSource",
    "SourceQuote",
    "SourceStep",
]

#: Bars a market without a network brings along before its first live step.
BACKFILL_STEPS = 600


class EndOfRecord(Exception):
    """The source has no step of this number and never will: the record is over."""


class NoPrices(Exception):
    """Nobody served a live market in time, and its newest batch is too old to stand in."""


class LiveFeed(Protocol):
    """The live sources of a market, as its batches ask them: once a step, for all tokens."""

    def said(self, pinned: Sequence[Pinned], now: datetime) -> Said:
        """Return what the sources say at a time of the database's clock.

        A source that fails is an absence with its reason, never an exception.
        """
        ...


class PriceSource(Protocol):
    """A market without a clock: a step depends on its number and the state before it."""

    @property
    def name(self) -> str:
        """Name the source the way quotes carry it."""
        ...

    @property
    def step_seconds(self) -> int:
        """Return the length of one step of market time."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return every symbol that a step can carry, sorted."""
        ...

    def step(self, number: int, state: Mapping[str, Any]) -> SourceStep:
        """Return the step of a number, counted from 0; EndOfRecord when there is none.

        The state is that of step `number - 1`, and empty for step 0.
        """
        ...
