"""Every recorded body, served over HTTP: what the source that asked for it makes of it."""

import json
from decimal import Decimal

import pytest

from paper_trading.engine.trust import Absent, Check
from paper_trading.intelligence.live_step import Seen
from paper_trading.services.sources.live.alchemy import Alchemy
from paper_trading.services.sources.live.base import (
    CheckSource,
    LiveToken,
    PoolSource,
    Reason,
    SourceFailure,
)
from paper_trading.services.sources.live.coingecko import CoinGecko
from paper_trading.services.sources.live.defillama import DefiLlama
from paper_trading.services.sources.live.dexscreener import DexScreener
from paper_trading.services.sources.live.geckoterminal import GeckoTerminal
from paper_trading.services.sources.live.http import HttpClient
from paper_trading.services.sources.live.onchain import OnChain
from tests.services.sources.bodies import FOLDER, USDC, WETH, raw
from tests.upstream import Upstream
from tests.upstream.faults import Reply

BTC = LiveToken(
    "WBTC", 1, "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", 8,
    "0xcbcdf9626bc03e24f779434178a73a0b4bad62ed", "uniswap_v3", 3000, "wrapped-bitcoin",
)  # fmt: skip
TOKENS = [WETH, USDC, BTC]

SOURCES = ("dexscreener", "geckoterminal", "coingecko", "defillama", "alchemy", "rpc")
#: Body, who asks, and what it says of the tokens.
PRICES = [
    ("dexscreener_tokens_v1_base.200.json", "dexscreener", "WETH 1863.64 USDC 1 WBTC POOL_ABSENT"),
    # Of another call than ours: tokens, where pools were asked for.
    ("geckoterminal_tokens_multi_base.200.json", "geckoterminal",
     "WETH POOL_ABSENT USDC POOL_ABSENT WBTC POOL_ABSENT"),
    ("cg_simple_price.200.json", "coingecko", "WETH 1863.64 USDC 0.999812 WBTC 68211"),
    ("cg_simple_price.partial.200.json", "coingecko", "WETH 1863.64 USDC 0.999812"),
    # By address and by symbol: we ask by id and by address.
    ("cg_token_price_base.200.json", "coingecko", ""),
    ("cg_onchain_token_price_base.200.json", "coingecko", ""),
    ("alchemy_by_symbol.200.json", "alchemy", ""),
    ("alchemy_by_address.200.json", "alchemy", "WETH 1863.3319 WBTC 68214.1"),
    ("llama_prices_current.200.json", "defillama", "WETH 1863.64 USDC 0.999812"),
    # The replies of a smaller batch than ours.
    ("rpc_batch.json", "rpc", "BAD_BODY: no call of the batch was answered"),
]  # fmt: skip
#: Body, its status, who asks, and how the failure begins.
FAILURES = [
    ("alchemy_error_429.json", 429, "alchemy", "THROTTLED: HTTP 429: Rate limit exceeded"),
    ("cg_error_429.json", 429, "coingecko", "THROTTLED: HTTP 429: You've exceeded the Rate"),
    ("cg_error_429_monthly_10006.json", 429, "coingecko", "MONTH_SPENT: HTTP 429: You have"),
    ("cg_error_401_10002.json", 401, "coingecko", "KEY_REFUSED: HTTP 401: API Key Missing."),
    ("cg_error_400_10010.json", 400, "coingecko", "KEY_REFUSED: HTTP 400: If you are using Pro"),
    ("cg_error_400_10012.json", 400, "coingecko", "REQUEST_REFUSED: HTTP 400: Number of contr"),
    ("cg_error_400_plain.json", 400, "coingecko", "REQUEST_REFUSED: HTTP 400: Missing param"),
]


def of(name: str, url: str) -> PoolSource | CheckSource:
    sources: dict[str, PoolSource | CheckSource] = {
        "dexscreener": DexScreener(url),
        "geckoterminal": GeckoTerminal(url),
        "coingecko": CoinGecko(url, "key-0123456789"),
        "defillama": DefiLlama(url),
        "alchemy": Alchemy(url, "key-0123456789"),
        "rpc": OnChain({8453: f"{url}/8453"}, {8453: Decimal(1)}),
    }
    return sources[name]


def served(name: str) -> bytes:
    """Return a body; of the recorded batch the replies."""
    if name == "rpc_batch.json":
        return json.dumps(json.loads(raw(name))["rpc_batch_response"]).encode()
    return raw(name)


def made_of(client: HttpClient, upstream: Upstream, name: str) -> str:
    """Return what a source says of the tokens, in their order, or how it failed."""
    source, words = of(name, upstream.url(name)), dict[str, str]()
    for request in source.requests(TOKENS):
        try:
            said = source.read(request, client.get(request))
        except SourceFailure as failed:
            return str(failed)
        words |= {symbol: word_of(one) for symbol, one in said.items()}
    return " ".join(f"{one.symbol} {words[one.symbol]}" for one in TOKENS if one.symbol in words)


def word_of(one: Seen | Check | Absent) -> str:
    if isinstance(one, Absent):
        return one.reason
    price = one.reading.price_usd if isinstance(one, Seen) else one.price_usd
    return f"{price.normalize():f}"


@pytest.mark.parametrize(("name", "source", "made"), PRICES, ids=[one[0] for one in PRICES])
def test_what_a_source_makes_of_an_answer(
    name: str, source: str, made: str, upstream: Upstream, client: HttpClient
) -> None:
    for asked in SOURCES:
        upstream.recorded[asked] = Reply(200, served(name))
        found = made_of(client, upstream, asked)
        if asked == source:
            assert found == made
        else:
            # No source takes another's answer for its own.
            assert found.startswith(Reason.BAD_BODY) or not any(
                word[0].isdigit() for word in found.split()
            )


@pytest.mark.parametrize(
    ("name", "status", "source", "begins"), FAILURES, ids=[one[0] for one in FAILURES]
)
def test_what_a_source_makes_of_an_error(
    name: str, status: int, source: str, begins: str, upstream: Upstream, client: HttpClient
) -> None:
    upstream.recorded[source] = Reply(status, served(name))
    assert made_of(client, upstream, source).startswith(begins)


def test_no_body_is_left_out() -> None:
    names = [one[0] for one in PRICES] + [one[0] for one in FAILURES]
    assert sorted(names) == sorted(path.name for path in FOLDER.iterdir())
