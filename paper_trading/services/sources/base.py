"""What every price source offers: one step of a market, for all of its tokens at once."""

from collections.abc import Mapping
from typing import Any, Protocol

from paper_trading.intelligence.observed import SourceQuote, SourceStep

__all__ = ["BACKFILL_STEPS", "EndOfRecord", "PriceSource", "SourceQuote", "SourceStep"]

#: Bars a market without a network brings along before its first live step.
BACKFILL_STEPS = 600


class EndOfRecord(Exception):
    """The source has no step of this number and never will: the record is over."""


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
