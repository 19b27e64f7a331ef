"""A further pool of LINK in the upstream's world, as the daily look would have kept it."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from paper_trading.models import Token
from tests.bot.live_upstreams import UpstreamWorld, waves

BASE = 8453
POOL = "0x" + "4f" * 20


def priced(symbol: str, at: datetime) -> Decimal:
    """The price of LINK2, which is another pool of LINK, is that of LINK."""
    return waves(symbol.removesuffix("2"), at)


def listed(
    upstream: UpstreamWorld, usd: int = 50_000_000, pool: str = POOL, quote: str = "USDC"
) -> Token:
    """Let LINK have a second pool: against USDC, at 0.05 %, and deep."""
    world = upstream.world
    link = world.token("LINK", BASE)
    world.tokens.append(replace(link, symbol="LINK2", pool=pool, quote=quote, fee_pips=500))
    world.depths["LINK2"] = Decimal(usd)
    world.series = priced
    token = Token.objects.get(symbol="LINK", listings__market=upstream.market)
    token.further_pools = [[pool, "uniswap_v3", quote, 500]]
    token.save()
    return token
