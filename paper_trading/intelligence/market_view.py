"""What a tick reads of its market: a batch, the tokens with their newest bars, the quantiles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.market import Batch, Recent, Token
from paper_trading.intelligence.series import ClosedBar

#: What stands for ETH in the benchmarks, the first that a market lists.
_ETH = ("WETH", "ETH")


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token of a market as it stood when a batch was made."""

    token: Token
    #: The stablecoin that accounts hold.
    is_cash: bool
    tradable: bool
    #: Address of its pinned pool in lower case; None where prices are not those of pools.
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A listed token with its newest closed fast bar at the batch, if there is one."""

    token: Token
    is_cash: bool
    tradable: bool
    bar: ClosedBar | None


def buyable(tokens: Iterable[ListedToken | Listed]) -> frozenset[int]:
    """Return the ids of the tokens that can be bought: neither cash nor set aside.

    Only they make set-ups, and only their scores rank others.
    """
    return frozenset(one.token.id for one in tokens if one.tradable and not one.is_cash)


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
        recent = _recent(batch, tokens, bars)
        listed = (
            Listed(one.token, one.is_cash, one.tradable, bars.get(one.token.id)) for one in tokens
        )
        ordered = sorted(listed, key=lambda one: (one.token.symbol, one.token.id))
        return cls(replace(batch, recent=recent), quantiles, tuple(ordered), signals)

    def prices(self) -> Prices:
        """Return what the benchmarks of an account read of the tick."""
        quoted = {token_id: quote.price_usd for token_id, quote in self.batch.quotes.items()}
        return benchmark_prices(self.listed, quoted)

    def chunk(self, number: int, total: int) -> tuple[Listed, ...]:
        """Return the tokens of one chunk of the fan-out, dealt in turn by symbol."""
        return self.listed[number :: max(1, total)]


def _recent(
    batch: Batch, tokens: Iterable[ListedToken], bars: Mapping[int, ClosedBar]
) -> dict[int, Recent]:
    """Return the newest bars of what can be bought, where they still speak of the present."""
    found = ((token_id, bars[token_id].bar) for token_id in buyable(tokens) if token_id in bars)
    return {
        token_id: Recent(bar.start, bar.high, bar.low)
        for token_id, bar in sorted(found, key=lambda one: one[0])
        if bar.is_current(batch.market_time)
    }


def benchmark_prices(
    listed: Iterable[ListedToken | Listed], quoted: Mapping[int, Decimal]
) -> Prices:
    """Return the prices of a tick with what is tradable and what stands for ETH."""
    known = list(listed)
    eth = sorted(
        (_ETH.index(one.token.symbol), one.token.id)
        for one in known
        if one.token.symbol in _ETH and one.token.id in quoted
    )
    return Prices(
        quoted=quoted,
        tradable=buyable(known),
        eth=eth[0][1] if eth else None,
    )
