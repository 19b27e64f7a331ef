"""What each provider answers, from a view of the world. Each validates what it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from paper_trading.services.sources.live.chains import CHAIN_NAMES
from tests.upstream import candles, trades
from tests.upstream.faults import Fault, Reply, bad_request, too_many
from tests.upstream.text import dumps, quoted
from tests.upstream.world import UpstreamToken, View


@dataclass(frozen=True)
class Asked:
    """A call: its path within the source, its query, its body."""

    path: list[str]
    query: Mapping[str, str]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


#: What is answered, and the chain that it is counted by ("" for many).
Answered = tuple[Reply, str]


def ok(body: Any, chain: str = "") -> Answered:
    return Reply(200, dumps(body).encode(), {"Content-Type": "application/json"}), chain


def _chain_id(kind: str, name: str) -> int | None:
    return next((i for i, names in CHAIN_NAMES.items() if getattr(names, kind) == name), None)


def dexscreener(view: View, asked: Asked) -> Answered:
    """Answer the pairs call."""
    match asked.path:
        case ["latest", "dex", "pairs", chain, pools]:
            chain_id = _chain_id("dexscreener", chain)
        case _:
            return bad_request("no such route"), ""
    wanted = pools.split(",")
    if chain_id is None or len(wanted) > 30:
        return bad_request("too many pairs"), chain
    found = [view.world.by_pool(chain_id, pool) for pool in wanted]
    pairs = [_pair(view, one) for one in found if one is not None and not _left_out(view, one)]
    return ok({"schemaVersion": "1.0.0", "pairs": pairs or None}, chain)


def _left_out(view: View, token: UpstreamToken) -> bool:
    # The pool of WETH is that of cash as well, which is never left out.
    return view.is_missing(token.symbol) and token.symbol != "WETH"


def _pair(view: View, token: UpstreamToken) -> dict[str, Any]:
    quote = view.world.token(token.quote, token.chain_id)
    price, depth = view.value(token.symbol), view.world.depth(token.symbol)
    native = price
    if isinstance(price, Decimal):
        native = round(price / view.price(quote.symbol), 40)
    liquidity = {} if view.fault is Fault.NO_LIQUIDITY else {"liquidity": {"usd": depth}}
    return {
        "chainId": CHAIN_NAMES[token.chain_id].dexscreener,
        "dexId": "uniswap",
        "pairAddress": token.pool.upper().replace("0X", "0x"),
        "labels": ["v3"],
        "baseToken": {"address": token.address.upper().replace("0X", "0x")},
        "quoteToken": {"address": quote.address},
        "priceNative": quoted(native),
        "priceUsd": quoted(price),
        "volume": {"m5": view.world.volume(token.symbol)},
        **liquidity,
    }


def geckoterminal(view: View, asked: Asked) -> Answered:
    """Answer the call for many pools, and that for the candles of one, perhaps from a cache.

    A cache may say how old its answer is.
    """
    cached = view.world.cached()
    reply, chain = _gecko_answer(replace(view, world=cached), asked)
    if cached is not view.world and view.world.tells_age:
        age = view.world.now() - cached.now()
        reply.headers["Age"] = str(int(age.total_seconds()))
    return reply, chain


def _gecko_answer(view: View, asked: Asked) -> Answered:
    match asked.path:
        case ["networks", chain, "pools", pool, "ohlcv", "minute"]:
            return _candles(view, asked, chain, pool)
        case ["networks", chain, "pools", pool, "trades"]:
            return _trades(view, chain, pool)
        case ["networks", chain, "pools", "multi", pools]:
            chain_id = _chain_id("geckoterminal", chain)
        case _:
            return bad_request("no such route"), ""
    wanted = pools.split(",")
    if chain_id is None or len(wanted) > 30:
        return bad_request("too many addresses"), chain
    found = [view.world.by_pool(chain_id, pool) for pool in wanted]
    items = [
        _gecko_pool(view, chain, one)
        for one in found
        if one is not None and not _left_out(view, one)
    ]
    return ok({"data": items}, chain)


def _candles(view: View, asked: Asked, chain: str, pool: str) -> Answered:
    chain_id = _chain_id("geckoterminal", chain)
    token = None if chain_id is None else view.world.by_pool(chain_id, pool)
    if token is None:
        return Reply(404, b'{"errors":[{"status":"404","title":"Not Found"}]}'), chain
    return ok(candles.ohlcv(view, token, dict(asked.query)), chain)


def _trades(view: View, chain: str, pool: str) -> Answered:
    chain_id = _chain_id("geckoterminal", chain)
    token = None if chain_id is None else view.world.by_pool(chain_id, pool)
    if token is None:
        return Reply(404, b'{"errors":[{"status":"404","title":"Not Found"}]}'), chain
    return ok(trades.trades(view, chain, token), chain)


def _gecko_pool(view: View, chain: str, token: UpstreamToken) -> dict[str, Any]:
    quote = view.world.token(token.quote, token.chain_id)
    sides = {"base_token": token.address, "quote_token": quote.address}
    return {
        "id": f"{chain}_{token.pool}",
        "type": "pool",
        "attributes": {
            "address": token.pool,
            "base_token_price_usd": quoted(view.value(token.symbol)),
            "quote_token_price_usd": quoted(view.value(quote.symbol)),
            "reserve_in_usd": quoted(view.world.depth(token.symbol)),
            "volume_usd": {"m5": quoted(view.world.volume(token.symbol))},
        },
        "relationships": {
            side: {"data": {"id": f"{chain}_{address}", "type": "token"}}
            for side, address in sides.items()
        },
    }


def coingecko(view: View, asked: Asked) -> Answered:
    """Answer the call by ids, or for one's chart.

    Unknown ids are left out; a dead one is an empty object.
    """
    match asked.path:
        case ["coins", coin, "market_chart"]:
            symbol = next(one.symbol for one in view.world.tokens if one.coingecko_id == coin)
            return ok(candles.chart(view, symbol, int(asked.query["days"])))
    if asked.path != ["simple", "price"]:
        return bad_request("no such route"), ""
    if "usd" not in asked.query.get("vs_currencies", ""):
        return bad_request("Missing parameter vs_currencies"), ""
    ids = asked.query.get("ids", "").split(",")
    if len(ids) > 515:
        return too_many(515), ""
    known = {one.coingecko_id: one for one in view.world.tokens}
    body: dict[str, Any] = {}
    for name in ids:
        if name not in known or view.is_missing(known[name].symbol):
            continue
        price = {"usd": view.value(known[name].symbol), "last_updated_at": _seconds(view)}
        body[name] = {} if known[name].symbol in view.world.gone else price
    return ok(body)


def defillama(view: View, asked: Asked) -> Answered:
    """Answer the call by coins."""
    match asked.path:
        case ["prices", "current", coins]:
            wanted = coins.split(",")
        case _:
            return bad_request("no such route"), ""
    if len(wanted) > 200 or len(coins) > 9_000:
        return Reply(414, b"URI too long"), ""
    body: dict[str, Any] = {}
    for name in wanted:
        chain, _, address = unquote(name).partition(":")
        chain_id = _chain_id("defillama", chain)
        token = None if chain_id is None else view.world.by_address(chain_id, address)
        if token is not None and not view.is_missing(token.symbol):
            body[f"{chain}:{address.upper().replace('0X', '0x')}"] = {
                "decimals": token.decimals,
                "symbol": token.symbol,
                "price": view.value(token.symbol),
                "timestamp": _seconds(view) - view.world.llama_age_seconds,
                "confidence": 0.99,
            }
    return ok({"coins": body})


def alchemy(view: View, asked: Asked) -> Answered:
    """Answer the call by addresses; a token that it does not know carries an error."""
    wanted = asked.body.get("addresses", []) if isinstance(asked.body, dict) else []
    if asked.path != ["prices", "v1", "tokens", "by-address"]:
        return bad_request("no such route"), ""
    if not 0 < len(wanted) <= 25 or len({one["network"] for one in wanted}) > 3:
        return Reply(400, b'{"error":{"message":"too many addresses"}}'), ""
    return ok({"data": [_alchemy_item(view, one) for one in wanted]})


def _alchemy_item(view: View, asked: dict[str, str]) -> dict[str, Any]:
    chain_id = _chain_id("alchemy", asked["network"])
    token = None if chain_id is None else view.world.by_address(chain_id, asked["address"])
    if token is None or view.is_missing(token.symbol):
        return {**asked, "prices": [], "error": {"message": "Token not found"}}
    price = {
        "currency": "USD",
        "value": quoted(view.value(token.symbol)),
        "lastUpdatedAt": f"{view.world.now():%Y-%m-%dT%H:%M:%SZ}",
    }
    return {**asked, "prices": [price], "error": None}


def _seconds(view: View) -> int:
    return int(view.world.now().timestamp())
