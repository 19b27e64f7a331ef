"""What an account is measured against: holding ETH, and holding every token in equal parts."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal

from paper_trading.engine.money import ONE, ZERO, exact, price


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
    """A token's price when it was bought, and the last one known (USD per whole token)."""

    start_usd: Decimal
    last_usd: Decimal


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """Two holdings begun at the first tick that quotes them, without costs."""

    eth_id: int | None = None
    eth: Holding | None = None
    #: By token id: equal parts of money when the newest token joined. One that is not quoted any
    #: more keeps its last price.
    basket: Mapping[int, Holding] = field(default_factory=dict)
    #: What one dollar was worth then.
    basket_base: Decimal = ONE

    @property
    def eth_index(self) -> Decimal | None:
        """Return the worth of one dollar put into ETH; None before it was quoted."""
        return None if self.eth is None else _index([self.eth])

    @property
    def basket_index(self) -> Decimal | None:
        """Return the worth of one dollar put into all tokens; None before any was quoted."""
        if not self.basket:
            return None
        return _index(list(self.basket.values()), self.basket_base)


def quoted(known: Benchmarks, prices: Prices) -> Benchmarks:
    """Return the benchmarks after one more tick.

    A token joins the basket at its first quote: everything is then spread anew over all of its
    tokens, in equal parts at this tick's prices. Between newcomers nothing is traded. So the
    basket knows no more than its time did, and losers stay in it.
    """
    eth_id = prices.eth if known.eth is None else known.eth_id
    moved = replace(
        known,
        eth_id=eth_id,
        eth=_held(known.eth, None if eth_id is None else prices.quoted.get(eth_id)),
        basket={
            token_id: _held(held, prices.quoted.get(token_id)) or held
            for token_id, held in known.basket.items()
        },
    )
    return _joined(moved, (prices.tradable & prices.quoted.keys()) - known.basket.keys(), prices)


def _joined(known: Benchmarks, newcomers: Set[int], prices: Prices) -> Benchmarks:
    """Spread the basket in equal parts over its tokens and the new ones."""
    if not newcomers:
        return known
    last = {token_id: held.last_usd for token_id, held in known.basket.items()}
    last |= {token_id: prices.quoted[token_id] for token_id in newcomers}
    worth = known.basket_index
    return replace(
        known,
        basket={token_id: Holding(last[token_id], last[token_id]) for token_id in sorted(last)},
        basket_base=ONE if worth is None else worth,
    )


def _held(held: Holding | None, now_usd: Decimal | None) -> Holding | None:
    if now_usd is None:
        return held
    return Holding(now_usd if held is None else held.start_usd, now_usd)


@exact
def _index(held: list[Holding], base: Decimal = ONE) -> Decimal:
    return price(base * sum((one.last_usd / one.start_usd for one in held), ZERO) / len(held))
