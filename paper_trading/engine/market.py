"""What a tick knows of the world: tokens, quotes, and the batch that carries them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paper_trading.engine.enums import FillGrade


@dataclass(frozen=True, slots=True)
class Token:
    """A token of one market with the pool that prices it."""

    id: int
    symbol: str
    decimals: int
    #: Lower-case address on the price chain, or the symbol in a recorded market.
    address: str
    #: Pool fee in millionths: 3000 is 0.30 %.
    fee_pips: int
    #: How deep the pool really is, compared with the source's figure (fills of grade C).
    grade: FillGrade = FillGrade.C


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its source and time, and the depth of the same pool."""

    token: Token
    price_usd: Decimal
    observed_at: datetime
    source: str
    #: Both sides of the pool in USD; None when the source does not say.
    liquidity_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class GasConditions:
    """Fees of one chain at one moment, in wei per gas (and the L1 part on rollups)."""

    chain_id: int
    base_fee_wei: int
    priority_fee_wei: int
    l1_base_fee_wei: int = 0
    l1_blob_base_fee_wei: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """One bulk fetch: every quote of a market at one step of its time."""

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
