"""What an account is measured against: holding ETH, and holding every token in equal parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from paper_trading.engine.money import ZERO, exact, price


@dataclass(frozen=True, slots=True)
class Prices:
    """What one tick quotes, in USD per whole token."""

    #: By token id.
    quoted: Mapping[int, Decimal]
    #: Ids of the tokens that the market trades, without cash.
    tradable: frozenset[int] = frozenset()
    #: The token that stands for ETH; None when the market has none.
    eth: int | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """A token bought once: its price then, and the last one known (USD per whole token)."""

    start_usd: Decimal
    last_usd: Decimal


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """Two holdings begun at the first tick that quotes them, never rebalanced, without costs."""

    eth_id: int | None = None
    eth: Holding | None = None
    #: Equal parts of money by token id; one that is not quoted any more keeps its last price.
    basket: Mapping[int, Holding] = field(default_factory=dict)

    @property
    def eth_index(self) -> Decimal | None:
        """Return the worth of one dollar put into ETH; None before it was quoted."""
        return None if self.eth is None else _index([self.eth])

    @property
    def basket_index(self) -> Decimal | None:
        """Return the worth of one dollar put into all tokens; None before any was quoted."""
        return _index(list(self.basket.values())) if self.basket else None


def quoted(known: Benchmarks, prices: Prices) -> Benchmarks:
    """Return the benchmarks after one more tick."""
    eth_id = prices.eth if known.eth is None else known.eth_id
    basket = known.basket or {
        token_id: Holding(prices.quoted[token_id], prices.quoted[token_id])
        for token_id in sorted(prices.tradable & prices.quoted.keys())
    }
    return Benchmarks(
        eth_id=eth_id,
        eth=_held(known.eth, None if eth_id is None else prices.quoted.get(eth_id)),
        basket={
            token_id: _held(held, prices.quoted.get(token_id)) or held
            for token_id, held in basket.items()
        },
    )


def _held(held: Holding | None, now_usd: Decimal | None) -> Holding | None:
    if now_usd is None:
        return held
    return Holding(now_usd if held is None else held.start_usd, now_usd)


@exact
def _index(held: list[Holding]) -> Decimal:
    return price(sum((one.last_usd / one.start_usd for one in held), ZERO) / len(held))
