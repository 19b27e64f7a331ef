"""What a tick reads of its market: a batch, the tokens with their newest bars, the quantiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.market import Batch, Token
from paper_trading.intelligence.series import ClosedBar


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token of a market as it stood when a batch was made."""

    token: Token
    #: The stablecoin that accounts hold.
    is_cash: bool
    tradable: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A listed token with its newest closed fast bar at the batch, if there is one."""

    token: Token
    is_cash: bool
    tradable: bool
    bar: ClosedBar | None


@dataclass(frozen=True, slots=True)
class MarketView:
    """Everything that a tick reads of its market."""

    batch: Batch
    #: None while there are too few scores to rank.
    quantiles: tuple[Decimal, ...] | None
    #: By symbol: the order in which the fan-out deals them.
    listed: tuple[Listed, ...]
    #: Digest of the market's set of user signals; empty without any.
    signals: str = ""

    @classmethod
    def of(
        cls,
        batch: Batch,
        quantiles: tuple[Decimal, ...] | None,
        tokens: Sequence[ListedToken],
        bars: Mapping[int, ClosedBar],
        signals: str = "",
    ) -> "MarketView":
        """Put a view together; `bars` are the newest of the tokens that the batch quotes."""
        listed = (
            Listed(one.token, one.is_cash, one.tradable, bars.get(one.token.id)) for one in tokens
        )
        ordered = sorted(listed, key=lambda one: (one.token.symbol, one.token.id))
        return cls(batch, quantiles, tuple(ordered), signals)

    def chunk(self, number: int, total: int) -> tuple[Listed, ...]:
        """Return the tokens of one chunk of the fan-out, dealt in turn by symbol."""
        return self.listed[number :: max(1, total)]
