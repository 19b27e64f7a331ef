"""What the providers say: tokens with prices and pools, moved by the test."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from paper_trading.services import token_registry
from paper_trading.services.sources.live.base import LiveToken
from tests.upstream.faults import Fault

#: Prices of the registry's tokens to begin with.
PRICES = {
    "WETH": "1863.64", "USDC": "0.999812", "DAI": "0.999704", "WBTC": "68211", "cbBTC": "68305",
    "UNI": "3.41", "AAVE": "92.37", "LINK": "9.36", "POL": "0.0931", "ARB": "0.1148",
}  # fmt: skip


@dataclass(frozen=True)
class UpstreamToken:
    """A token with the pool that prices it."""

    symbol: str
    chain_id: int
    address: str
    decimals: int
    pool: str
    #: Symbol of the pool's other token.
    quote: str
    coingecko_id: str
    fee_pips: int = 3000

    def live(self) -> LiveToken:
        """Return the token as sources ask for it."""
        return LiveToken(
            self.symbol, self.chain_id, self.address, self.decimals, self.pool,
            token_registry.POOL_UNISWAP_V3, self.fee_pips, self.coingecko_id,
            is_cash=self.symbol == token_registry.CASH_SYMBOL, pool_quote=self.quote,
        )  # fmt: skip


@dataclass(frozen=True)
class Traded:
    """A swap that somebody made in a token's pool."""

    symbol: str
    at: datetime
    #: "BUY" or "SELL", of the token.
    side: str
    #: Of the token and of the pool's other one, in whole tokens.
    amount: Decimal
    other_amount: Decimal


@dataclass
class World:
    """Prices as they are; a view of it may be faulty. Tests change it while it is served."""

    tokens: list[UpstreamToken]
    prices: dict[str, Decimal]
    depths: dict[str, Decimal] = field(default_factory=dict)
    volumes: dict[str, Decimal] = field(default_factory=dict)
    #: Symbols whose pools and coins no provider knows.
    gone: set[str] = field(default_factory=set)
    #: Selectors that contracts of the chain do not answer.
    silent: set[str] = field(default_factory=set)
    #: What the oracle of OP-stack chains says: L1 base fee, blob base fee, and their scalars.
    l1_fees: tuple[int, int, int, int] = (158_000_000, 8_350_000, 2_269, 1_055_762)
    #: What the chain's quoters pay more than their pools: they need not agree with any model.
    quoter_factor: Fraction = Fraction(1)
    #: What they were asked and said: symbol, "BUY" or "SELL", amount in, amount out.
    quoted: list[tuple[str, str, int, int]] = field(default_factory=list)
    #: Swaps in the pools, in any order.
    traded: list[Traded] = field(default_factory=list)
    #: A real series, if prices shall move by themselves: symbol and time to price.
    series: Callable[[str, datetime], Decimal] | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    #: How long GeckoTerminal answers from its cache, which begins at whole multiples; 0: no cache.
    cache_seconds: int = 0
    #: It says by a header how old its cache is.
    tells_age: bool = True
    #: How old the prices of DefiLlama say that they are.
    llama_age_seconds: int = 0
    _cached: "World | None" = field(default=None, init=False, repr=False)

    def cached(self) -> "World":
        """Return the world as a cache holds it: as it was at the start of the running minute.

        Prices that the test moves, and depths, are those of the first call since then.
        """
        if not self.cache_seconds:
            return self
        seconds = int(self.now().timestamp())
        start = datetime.fromtimestamp(seconds - seconds % self.cache_seconds, UTC)
        if self._cached is None or self._cached.now() != start:
            self._cached = replace(
                self, prices=dict(self.prices), depths=dict(self.depths),
                volumes=dict(self.volumes), gone=set(self.gone), now=lambda: start,
            )  # fmt: skip
        return self._cached

    def price(self, symbol: str) -> Decimal:
        """Return the price in USD now."""
        return self.price_at(symbol, self.now())

    def price_at(self, symbol: str, at: datetime) -> Decimal:
        """Return the price in USD at a time; without a series it always was what it is now."""
        return self.series(symbol, at) if self.series else self.prices[symbol]

    def depth(self, symbol: str) -> Decimal:
        """Return both sides of the token's pool in USD."""
        return self.depths.get(symbol, Decimal("4000000.25"))

    def volume(self, symbol: str) -> Decimal:
        """Return the volume of five minutes in USD."""
        return self.volumes.get(symbol, Decimal("30386.5"))

    def token(self, symbol: str, chain_id: int) -> UpstreamToken:
        """Return a token of a chain by its symbol."""
        return next(t for t in self.tokens if (t.symbol, t.chain_id) == (symbol, chain_id))

    def by_address(self, chain_id: int, address: str) -> UpstreamToken | None:
        """Return the token at an address, in any case; None for an unknown or a gone one."""
        return next(
            (
                one
                for one in self.tokens
                if (one.chain_id, one.address) == (chain_id, address.lower())
                and one.symbol not in self.gone
            ),
            None,
        )

    def by_pool(self, chain_id: int, pool: str) -> UpstreamToken | None:
        """Return the base token of a pool: that which is quoted in the other."""
        found = [
            one
            for one in self.tokens
            if (one.chain_id, one.pool) == (chain_id, pool.lower()) and one.symbol not in self.gone
        ]
        # USDC's pool is WETH's: WETH is its base.
        return min(found, key=lambda one: one.symbol == "USDC", default=None)

    def live(self) -> list[LiveToken]:
        """Return the tokens as sources ask for them."""
        return [one.live() for one in self.tokens]


@dataclass(frozen=True)
class View:
    """The world as a source sees it, with the fault that it has at the moment."""

    world: World
    fault: Fault | None = None

    def value(self, symbol: str) -> Any:
        """Return the value that stands where a price should."""
        values: Mapping[Fault | None, Any] = {
            Fault.WRONG_TYPE: {"value": [True]},
            Fault.NULL: None,
            Fault.ZERO: Decimal(0),
            Fault.NEGATIVE: Decimal("-1.5"),
            Fault.NAN: Decimal("NaN"),
            Fault.NAN_TEXT: "NaN",
        }
        return values[self.fault] if self.fault in values else self.price(symbol)

    def price(self, symbol: str) -> Decimal:
        """Return a price that is one, if perhaps a wrong one."""
        if self.fault is Fault.SWAPPED:
            symbol = {"WETH": "LINK", "LINK": "WETH"}.get(symbol, symbol)
        price = self.world.price(symbol)
        is_outlier = self.fault is Fault.OUTLIER and symbol != token_registry.CASH_SYMBOL
        return price * Decimal("1.4") if is_outlier else price

    def is_missing(self, symbol: str) -> bool:
        """Say whether the answer leaves a token out."""
        return self.fault is Fault.MISSING and symbol != token_registry.CASH_SYMBOL


def registry_world(
    chain_id: int = token_registry.DEFAULT_CHAIN_ID,
    extra: Iterable[UpstreamToken] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> World:
    """Return the nine tokens of the specification, with WETH and USDC of their chains."""
    specs = {
        (one.symbol, one.price_chain_id): one for one in token_registry.default_tokens(chain_id)
    }
    for chain in sorted({chain for _, chain in specs}):
        for symbol in ("WETH", "USDC"):
            specs.setdefault((symbol, chain), token_registry.token(chain, symbol))
    found = [
        UpstreamToken(
            one.symbol, one.price_chain_id, one.price_address.lower(), one.decimals,
            (one.pool_address or "").lower(), one.pool_quote, one.coingecko_id, one.pool_fee_pips,
        )
        for one in specs.values()
    ]  # fmt: skip
    tokens = [*found, *extra]
    prices = {one.symbol: Decimal(PRICES.get(one.symbol, "1.25")) for one in tokens}
    return World(tokens, prices, now=now)


def many_world(count: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> World:
    """Return the tokens of Base and so many more of it, each with a pool of its own."""
    more = [
        UpstreamToken(
            f"T{n}", token_registry.BASE, f"0x{n + 1:040x}", 18, f"0x{n + 2**32:040x}", "USDC",
            f"token-{n}",
        )
        for n in range(count)
    ]  # fmt: skip
    return registry_world(token_registry.BASE, more, now)
