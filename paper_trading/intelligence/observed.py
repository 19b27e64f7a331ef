"""One step of a market as its source tells it: every token's bar at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine import money
from paper_trading.engine.depth import Depth, depth_from_json, depth_to_json
from paper_trading.engine.enums import PriceVerdict
from paper_trading.engine.market import L1Fees, OtherPool, Token
from paper_trading.engine.seal import seal, seal_rows


@dataclass(frozen=True, slots=True)
class Beside:
    """A further pool of a token as it was read beside the one that prices it; USD, both sides."""

    #: Lower case.
    pool: str
    price_usd: Decimal
    liquidity_usd: Decimal | None
    depth: Depth | None = None


def beside_to_json(found: Iterable[Beside]) -> list[list[Any]] | None:
    """Return readings as JSON values; None for none. `beside_from_json` gives them back."""
    rows = [
        [
            one.pool,
            str(one.price_usd),
            None if one.liquidity_usd is None else str(one.liquidity_usd),
            depth_to_json(one.depth),
        ]
        for one in found
    ]
    return rows or None


def beside_from_json(rows: Iterable[Sequence[Any]] | None) -> tuple[Beside, ...]:
    """Return the readings that `beside_to_json` wrote."""
    return tuple(
        Beside(
            pool,
            Decimal(price),
            None if liquidity is None else Decimal(liquidity),
            depth_from_json(depth),
        )
        for pool, price, liquidity, depth in rows or ()
    )


def other_pools(token: Token, found: Iterable[Beside]) -> tuple[OtherPool, ...]:
    """Return a token's further pools with what was read of them, without those that were not."""
    read = {one.pool: one for one in found}
    return tuple(
        replace(
            one,
            liquidity_usd=read[one.address].liquidity_usd,
            depth=read[one.address].depth,
            price_usd=read[one.address].price_usd,
        )
        for one in token.further
        if one.address in read
    )


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
    #: How far it can be trusted, and the pool and block it was read at; of live sources only.
    verdict: PriceVerdict = PriceVerdict.FRESH
    pool: str = ""
    block: int | None = None
    #: What that pool was read to hold, where a node was asked.
    depth: Depth | None = None
    #: The token's further pools that have about this price.
    beside: tuple[Beside, ...] = ()

    @property
    def close(self) -> Decimal:
        """What bars close at: the pool's own price, also while a disputed one is worth less."""
        return max(self.price_usd, self.low)

    @property
    def trusted(self) -> bool:
        """The price is one that the pool has been seen to hold: bars are made of it."""
        return self.verdict in _SOUND


#: Verdicts on prices that bars, and the price of gas, are made of.
_SOUND = (PriceVerdict.FRESH, PriceVerdict.DISPUTED, PriceVerdict.CASH_UNSURE)


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
    #: Why listed tokens have no quote, by symbol; of live sources only.
    reasons: Mapping[str, str] = field(default_factory=dict)
    #: What live sources said, as far as the quotes do not tell it, as JSON; None: not live.
    said: Mapping[str, Any] | None = None


#: Under which name `said` holds the base fee of the price chain, in wei, if a node told it.
BASE_FEE = "base_fee_wei"
#: And what the chain pays for data on L1: the figures of `L1Fees` in their order.
L1_FEES = "l1_fees"


def l1_fees(said: Mapping[str, Any] | None) -> L1Fees | None:
    """Return what a price chain was read to pay for data on L1; None when no node told it."""
    found = None if said is None else said.get(L1_FEES)
    return None if found is None else L1Fees(*found)


def exact_step(step: SourceStep) -> SourceStep:
    """Return a step with its numbers at the scales that rows keep.

    A step is rounded before anything is computed from it, so that a replay of the stored rows
    starts from the same digits.
    """
    return replace(
        step,
        quotes={symbol: _exact_quote(quote) for symbol, quote in step.quotes.items()},
        cash_price_usd=money.price(step.cash_price_usd),
    )


def _exact_quote(quote: SourceQuote) -> SourceQuote:
    return replace(
        quote,
        price_usd=money.price(quote.price_usd),
        open=money.price(quote.open),
        high=money.price(quote.high),
        low=money.price(quote.low),
        liquidity_usd=None if quote.liquidity_usd is None else money.usd(quote.liquidity_usd),
        volume_usd=None if quote.volume_usd is None else money.usd(quote.volume_usd),
    )


#: The columns of a quote that its seal covers.
_SEALED = (
    "symbol",
    "price_usd",
    "liquidity_usd",
    "source",
    "start",
    "observed_at",
    "open",
    "high",
    "low",
    "volume_usd",
)


#: The columns that a live quote has besides.
_SEALED_LIVE = ("verdict", "pool", "block")


def step_seal(step: SourceStep, source: str, token_list: int) -> dict[str, str]:
    """Return the seal of what a source said at a step, and of the token list it was read with."""
    quotes = [step.quotes[symbol] for symbol in sorted(step.quotes)]
    names: tuple[str, ...] = _SEALED if step.said is None else (*_SEALED, *_SEALED_LIVE)
    rows = [[getattr(quote, name) for name in names] for quote in quotes]
    if any(quote.depth is not None for quote in quotes):
        # Where no node was asked, steps are sealed as they were before depths were read.
        names = (*names, "depth")
        rows = [[*row, depth_to_json(one.depth)] for row, one in zip(rows, quotes, strict=True)]
    if any(quote.beside for quote in quotes):
        # So are those of before further pools were read.
        names = (*names, "others")
        rows = [[*row, beside_to_json(one.beside)] for row, one in zip(rows, quotes, strict=True)]
    live = {} if step.said is None else {"reasons": step.reasons, "said": step.said}
    return {
        **seal(
            {
                "step": step.number,
                "market_time": step.market_time,
                "cash_price_usd": step.cash_price_usd,
                "source": source,
                "token_list": token_list,
                **live,
            }
        ),
        **seal_rows([f"quote.{name}" for name in names], rows),
    }
