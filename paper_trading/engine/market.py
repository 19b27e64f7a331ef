"""What a tick knows of the world: tokens, quotes, and the batch that carries them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from paper_trading.engine.depth import Depth
from paper_trading.engine.enums import FillGrade, PoolKind, PriceVerdict, Side
from paper_trading.engine.money import DECIMALS_LIMIT, PRICE_LIMIT, USD_LIMIT, ZERO, require

_Found = TypeVar("_Found")

#: A price and what a pool may hold, in USD: what their columns keep.
HIGHEST_PRICE_USD = PRICE_LIMIT - 1
DEEPEST_POOL_USD = USD_LIMIT - 1
#: A stablecoin above this is none.
HIGHEST_CASH_PRICE_USD = Decimal(1000)
#: Annual volatility as a fraction: 1 is 100 %.
HIGHEST_SIGMA = Decimal(10) ** 9
#: A whole coin for one unit of gas.
HIGHEST_FEE_WEI = 10**18
#: What the contracts of an OP-stack chain keep a scalar in.
HIGHEST_SCALAR = 2**32 - 1
#: Read on Base at block 49,055,730; Base Sepolia is taken to have the same.
BASE_FEE_SCALAR = 2_269
BLOB_BASE_FEE_SCALAR = 1_055_762
_PIPS = 1_000_000
#: In the place of a token that comes between: the pool is against one that the market has not.
UNREACHED = -1


@dataclass(frozen=True, slots=True)
class Token:
    """A token of one market with the pool that prices it.

    :raises TypeError: when decimals or fee are no whole numbers.
    :raises ValueError: when decimals are not 0 to 36, or the fee not 0 to 999,999 millionths.
    """

    id: int
    symbol: str
    decimals: int
    #: Lower-case address on the price chain, or the symbol in a recorded market.
    address: str
    #: Pool fee in millionths: 3000 is 0.30 %.
    fee_pips: int
    #: How deep the pool really is, compared with the source's figure (fills of grade C).
    grade: FillGrade = FillGrade.C
    #: The pool's curve, on which gas depends; that of the quote's token counts. It may be told
    #: anew while a position is held, and is no part of who the token is.
    kind: PoolKind = field(default=PoolKind.V2, compare=False)
    #: Id of the token that its pool is against, whose own pool is against cash, or UNREACHED; None:
    #: the pool is against cash itself, or prices are modelled. Like the kind it may be told anew.
    through: int | None = field(default=None, compare=False)
    #: Its further pools, as its market lists them; what they hold is said by quotes.
    further: "tuple[OtherPool, ...]" = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Refuse a token whose amounts could not be kept."""
        require(f"decimals of {self.symbol}", self.decimals, 0, DECIMALS_LIMIT, whole=True)
        require(f"fee_pips of {self.symbol}", self.fee_pips, 0, _PIPS - 1, whole=True)


@dataclass(frozen=True, slots=True)
class OtherPool:
    """A pool of a token besides the one that prices it: a way that an order may take.

    It is reckoned at the price of the quote that names it, or at its own where that is worse: pools
    differ by less than their fees, and what is read late looks cheap.

    :raises TypeError: when fee or figure is no exact number.
    :raises ValueError: when one is out of range.
    """

    #: Lower case.
    address: str
    kind: PoolKind
    fee_pips: int
    #: As of a token.
    through: int | None
    liquidity_usd: Decimal | None
    depth: Depth | None = None
    #: As it was read; None: it was not.
    price_usd: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse what no pool is."""
        require(f"fee_pips of pool {self.address}", self.fee_pips, 0, _PIPS - 1, whole=True)
        if self.liquidity_usd is not None:
            figure = f"liquidity_usd of pool {self.address}"
            require(figure, self.liquidity_usd, ZERO, DEEPEST_POOL_USD)
        if self.price_usd is not None:
            figure = f"price_usd of pool {self.address}"
            require(figure, self.price_usd, ZERO, HIGHEST_PRICE_USD, above=True)


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its source and time, and the depth of the same pool.

    :raises TypeError: when price or depth is a float or no number.
    :raises ValueError: when one is not finite or out of range, or the time has no zone.
    """

    token: Token
    price_usd: Decimal
    observed_at: datetime
    source: str
    #: Both sides of the pool in USD; None when the source does not say.
    liquidity_usd: Decimal | None
    #: What it may be used for.
    verdict: PriceVerdict = PriceVerdict.FRESH
    #: What the pool was read to hold on chain; None: only a figure is stated.
    depth: Depth | None = None
    #: The token's further pools.
    others: tuple[OtherPool, ...] = ()
    #: Of the quote as seen by one of these: its address; empty: by the pool that prices the token.
    pool: str = ""

    def __post_init__(self) -> None:
        """Refuse what no pool quotes."""
        of = self.token.symbol
        require(f"price_usd of {of}", self.price_usd, ZERO, HIGHEST_PRICE_USD, above=True)
        if self.liquidity_usd is not None:
            require(f"liquidity_usd of {of}", self.liquidity_usd, ZERO, DEEPEST_POOL_USD)
        require_zone(f"observed_at of {of}", self.observed_at)


@dataclass(frozen=True, slots=True)
class L1Fees:
    """What an OP-stack chain says that it pays for data on L1: wei per gas, and its scalars.

    :raises TypeError: when one is no whole number.
    :raises ValueError: when a fee is not 0 to 10**18 wei, or a scalar not 0 to 2**32 - 1.
    """

    base_fee_wei: int
    blob_base_fee_wei: int
    base_fee_scalar: int
    blob_base_fee_scalar: int

    def __post_init__(self) -> None:
        """Refuse what no chain says."""
        for name in ("base_fee_wei", "blob_base_fee_wei"):
            require(f"L1 {name}", getattr(self, name), 0, HIGHEST_FEE_WEI, whole=True)
        for name in ("base_fee_scalar", "blob_base_fee_scalar"):
            require(name, getattr(self, name), 0, HIGHEST_SCALAR, whole=True)


@dataclass(frozen=True, slots=True)
class GasConditions:
    """Fees of one chain at one moment, in wei per gas (and the L1 part on rollups).

    The scalars are those of OP-stack chains, and nothing to others.

    :raises TypeError: when a figure is no whole number.
    :raises ValueError: when a fee is not 0 to 10**18 wei, or a scalar not 0 to 2**32 - 1.
    """

    chain_id: int
    base_fee_wei: int
    priority_fee_wei: int
    l1_base_fee_wei: int = 0
    l1_blob_base_fee_wei: int = 0
    base_fee_scalar: int = BASE_FEE_SCALAR
    blob_base_fee_scalar: int = BLOB_BASE_FEE_SCALAR

    def __post_init__(self) -> None:
        """Refuse fees that no chain asks for."""
        for name in (
            "base_fee_wei",
            "priority_fee_wei",
            "l1_base_fee_wei",
            "l1_blob_base_fee_wei",
        ):
            require(name, getattr(self, name), 0, HIGHEST_FEE_WEI, whole=True)
        for name in ("base_fee_scalar", "blob_base_fee_scalar"):
            require(name, getattr(self, name), 0, HIGHEST_SCALAR, whole=True)

    def charged(self, l1: L1Fees) -> "GasConditions":
        """Return the conditions with the L1 part as the chain itself says it."""
        return replace(
            self,
            l1_base_fee_wei=l1.base_fee_wei,
            l1_blob_base_fee_wei=l1.blob_base_fee_wei,
            base_fee_scalar=l1.base_fee_scalar,
            blob_base_fee_scalar=l1.blob_base_fee_scalar,
        )


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest closed bar of a token that still speaks of the present; prices are above 0."""

    start: datetime
    high_usd: Decimal
    low_usd: Decimal


@dataclass(frozen=True, slots=True)
class ChainQuote:
    """What the chain's own quoter said of a swap of an exact input, at one block.

    :raises TypeError: when the output or the block is no whole number.
    :raises ValueError: when the output is not 1 to 2**256 - 1 base units, the block not 0 to
        2**64 - 1, or the time has no zone.
    """

    amount_out: int
    block: int
    #: The block's own time.
    observed_at: datetime

    def __post_init__(self) -> None:
        """Refuse what no quoter says."""
        require("quoted amount_out", self.amount_out, 1, 2**256 - 1, whole=True)
        require("block of a quote", self.block, 0, 2**64 - 1, whole=True)
        require_zone("observed_at of a quote", self.observed_at)


#: A swap as a quoter is asked for it: token id, the pool as a plan names it (empty: the one that
#: prices the token), side, and the exact input in base units.
QuotedSwap = tuple[int, str, Side, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """One bulk fetch: every quote of a market at one step of its time.

    :raises TypeError: when a price or a volatility is a float or no number.
    :raises ValueError: when one is not finite or out of range, a quote stands under another
        token's id, or the time has no zone.
    """

    id: int
    step: int
    market_time: datetime
    quotes: Mapping[int, Quote]
    gas: GasConditions
    #: USD price of one unit of cash (USDC); equity shows a depeg.
    cash_price_usd: Decimal
    #: USD price of the chain's native token; None when unknown: gas cannot be priced.
    native_price_usd: Decimal | None
    #: Annualised volatility by token id, from closed bars; absent when not yet known.
    sigma_annual: Mapping[int, Decimal]
    #: By the id of every token that can be bought and has one.
    recent: Mapping[int, Recent] = field(default_factory=dict)
    #: What the chain's quoter said of swaps that were on their way, where a node was asked.
    chain_quotes: Mapping[QuotedSwap, ChainQuote] = field(default_factory=dict)
    #: What follows from the batch alone and is asked for by every account on it, by name. It is
    #: no part of the value.
    memo: dict[object, Any] = field(
        default_factory=dict, init=False, compare=False, repr=False, hash=False
    )

    def once(self, name: object, work: Callable[[], _Found]) -> _Found:
        """Return what some work gave when the batch was first asked for it by this name."""
        found: _Found
        if name in self.memo:
            found = self.memo[name]
        else:
            found = self.memo[name] = work()
        return found

    def __post_init__(self) -> None:
        """Refuse what no market can be; a price of 0 says that there is none."""
        require("cash_price_usd", self.cash_price_usd, ZERO, HIGHEST_CASH_PRICE_USD)
        if self.native_price_usd is not None:
            require("native_price_usd", self.native_price_usd, ZERO, HIGHEST_PRICE_USD)
        require_zone("market_time", self.market_time)
        for token_id, sigma in self.sigma_annual.items():
            require(f"sigma_annual of token {token_id}", sigma, ZERO, HIGHEST_SIGMA)
        for token_id, quote in self.quotes.items():
            if quote.token.id != token_id:
                raise ValueError(
                    f"quotes of batch {self.id} name token {quote.token.id} under the id {token_id}"
                )


def require_zone(field: str, at: datetime) -> None:
    """Refuse a time without a zone.

    :raises ValueError: naming the field and the time.
    """
    if at.tzinfo is None:
        raise ValueError(f"{field} was {at.isoformat()}; allowed are times with a zone")
