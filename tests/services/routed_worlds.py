"""A live market whose LINK has two ways: a deep pool against WETH, a shallow one against cash."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paper_trading.engine.depth import Depth
from paper_trading.intelligence.observed import Beside, beside_to_json
from paper_trading.models import FeedMode, Market, MarketToken, PriceBatch, Token, TokenList
from paper_trading.services import market_rows
from tests import builders as make

WETH_POOL = "0x" + "a1" * 20
LINK_POOL = "0x" + "b2" * 20
DIRECT_POOL = "0x" + "c3" * 20
#: Gas of Ethereum on a dear day and on a calm one.
DEAR_WEI, CALM_WEI = 50 * 10**9, 10**8


@dataclass(frozen=True)
class Routed:
    """The market, its newest batch and its tokens."""

    market: Market
    batch: PriceBatch
    link: Token
    weth: Token


def routed(
    base_fee_wei: int = DEAR_WEI,
    direct_usd: str | None = "1000000",
    direct_depth: Depth | None = None,
    weth_usd: str | None = "100000000",
    **quote: Any,
) -> Routed:
    """Make it: LINK at 10 USD, 50 million deep against WETH at 0.05 %, WETH as cheap to trade.

    Straight for cash it costs 0.3 %. `quote` changes the quote of LINK.
    """
    market = make.make_market(
        mode=FeedMode.LIVE, chain_id=1, price_chain_id=1, name="Live Ethereum", step_seconds=15
    )
    usdc, weth, link = _tokens()
    for token in (usdc, weth, link):
        MarketToken.objects.create(market=market, token=token)
    listed = TokenList.objects.create(
        market=market, number=1, tokens=market_rows.listed_to_json([usdc, weth, link], pools=True)
    )
    batch = make.make_batch(
        market, 7, token_list=listed, base_fee_wei=base_fee_wei, priority_fee_wei=0,
        source="dexscreener", said={},
    )  # fmt: skip
    stated = None if direct_usd is None else Decimal(direct_usd)
    beside = [Beside(DIRECT_POOL, Decimal(10), stated, direct_depth)]
    first = None if weth_usd is None else Decimal(weth_usd)
    make.make_quote(batch, usdc, price_usd=Decimal(1), liquidity_usd=Decimal(10**8))
    make.make_quote(batch, weth, price_usd=Decimal(2_500), liquidity_usd=first)
    values = {"price_usd": Decimal(10), "liquidity_usd": Decimal(50_000_000), **quote}
    make.make_quote(batch, link, others=beside_to_json(beside), **values)
    return Routed(market, batch, link, weth)


def _tokens() -> tuple[Token, Token, Token]:
    chain: dict[str, Any] = {"chain_id": 1, "price_chain_id": 1, "pool_kind": "uniswap_v2"}
    usdc = make.make_token("USDC", decimals=6, is_cash=True, pool_quote="WETH", **chain)
    weth = make.make_token(
        "WETH", pool_quote="USDC", pool_address=WETH_POOL, pool_fee_pips=500, **chain
    )
    link = make.make_token(
        "LINK", pool_quote="WETH", pool_address=LINK_POOL, pool_fee_pips=500, **chain
    )
    link.further_pools = [[DIRECT_POOL, "uniswap_v2", "USDC", 3000]]
    link.save()
    return usdc, weth, link
