"""What every price source offers: one step of a market, for all of its tokens at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

#: Bars a market without a network brings along before its first live step.
BACKFILL_STEPS = 600


class EndOfRecord(Exception):
    """The source has no step of this number and never will: the record is over."""


@dataclass(frozen=True, slots=True)
class SourceQuote:
    """One token's bar of a step: prices in USD per whole token, depth in USD."""

    symbol: str
    #: The close of the bar, seen at `observed_at`.
    price_usd: Decimal
    #: Both sides of the pool in USD; None when the source does not say.
    liquidity_usd: Decimal | None
    source: str
    start: datetime
    observed_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    #: Traded in the bar, in USD; None when the source does not say.
    volume_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class SourceStep:
    """Everything a source knows at one step of a market's logical time."""

    number: int
    market_time: datetime
    #: By symbol, in the order of the symbols; a token without a price is absent.
    quotes: Mapping[str, SourceQuote]
    #: USD price of one unit of cash (USDC).
    cash_price_usd: Decimal
    #: What the source needs to make the next step, as JSON; empty when it needs nothing.
    state: Mapping[str, Any]


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
