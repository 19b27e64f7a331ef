"""Each source's calls and bodies: known ones, faulty ones, and any JSON at all."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paper_trading.engine.trust import POOL_ABSENT, POOL_OTHER, Absent, Check
from paper_trading.intelligence.live_step import BAD_PRICE, Seen
from paper_trading.services.sources.live.alchemy import Alchemy
from paper_trading.services.sources.live.base import (
    Answer,
    CheckSource,
    LiveToken,
    PoolSource,
    Reason,
    SourceFailure,
)
from paper_trading.services.sources.live.bodies import parse
from paper_trading.services.sources.live.coingecko import CoinGecko
from paper_trading.services.sources.live.defillama import LONGEST_URL, DefiLlama
from paper_trading.services.sources.live.dexscreener import DexScreener
from paper_trading.services.sources.live.geckoterminal import GeckoTerminal
from paper_trading.services.sources.live.http import HttpClient
from paper_trading.services.sources.live.onchain import OnChain
from tests.services.sources.bodies import NOW, USDC, WETH, WETH_POOL, answer, asked, body
from tests.services.sources.conftest import Clock
from tests.upstream import Fault, Upstream
from tests.upstream.world import many_world

BASE = 8453
URL = "https://host.example"
POOLS: dict[str, PoolSource] = {
    "dexscreener": DexScreener(URL),
    "geckoterminal": GeckoTerminal(URL),
}
CHECKS: dict[str, CheckSource] = {
    "defillama": DefiLlama(URL),
    "coingecko": CoinGecko(URL, "key-0123456789"),
    "alchemy": Alchemy(URL, "key-0123456789"),
}
BTC = LiveToken("WBTC", 1, "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", 8, "", "", 0, "")
ARB = LiveToken("ARB", 42161, "0x912ce59144191c1204e64559fe8253a0e49e6548", 18, "", "", 0, "")


def of(upstream: Upstream, name: str) -> Any:
    """Return a source that asks the fake upstream."""
    url = upstream.url(name)
    made: dict[str, Callable[[], Any]] = {
        "dexscreener": lambda: DexScreener(url),
        "geckoterminal": lambda: GeckoTerminal(url),
        "defillama": lambda: DefiLlama(url),
        "coingecko": lambda: CoinGecko(url, upstream.keys.get(name, "")),
        "alchemy": lambda: Alchemy(url, upstream.keys.get(name, "any")),
    }
    return made[name]()


def read(source: Any, client: HttpClient, tokens: list[LiveToken]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for request in source.requests(tokens):
        found |= source.read(request, client.get(request))
    return found


# Bodies as they were recorded.


def test_dexscreener_says_price_depth_and_volume_of_the_pinned_pair() -> None:
    said = POOLS["dexscreener"].read(
        asked(WETH, USDC), answer(body("dexscreener_tokens_v1_base.200.json"), 7)
    )
    weth, usdc = said["WETH"], said["USDC"]
    assert isinstance(weth, Seen)
    assert isinstance(usdc, Seen)
    assert weth.reading.price_usd == Decimal("1863.64")
    assert weth.reading.liquidity_usd == Decimal("21833120.2")
    assert weth.reading.observed_at == NOW - timedelta(seconds=7)
    assert weth.reading.pool == WETH_POOL
    assert weth.volume_usd is not None
    assert round(weth.volume_usd, 6) == Decimal("15193.160517")
    assert usdc.reading.price_usd == 1


@pytest.mark.parametrize(
    "none", [[], {"pairs": []}, {"pairs": None}, {"schemaVersion": "1", "pairs": None}]
)
def test_no_pairs_at_all_is_an_answer(none: Any) -> None:
    said = POOLS["dexscreener"].read(asked(WETH), answer(none))
    assert said == {"WETH": Absent(POOL_ABSENT)}


@pytest.mark.parametrize("none", [[], {"pairs": None}])
def test_an_answer_that_knows_none_of_several_pools_is_none(none: Any) -> None:
    other = replace(WETH, symbol="LINK", pool="0x" + "1" * 40)
    with pytest.raises(SourceFailure, match="knows none of the pools"):
        POOLS["dexscreener"].read(asked(WETH, other), answer(none))
    with pytest.raises(SourceFailure, match="knows none of the pools"):
        POOLS["geckoterminal"].read(asked(WETH, other), answer({"data": []}))


def test_a_pair_that_comes_twice_and_differs_says_nothing() -> None:
    twice = [pair(), pair(priceUsd="1700")]
    assert POOLS["dexscreener"].read(asked(WETH), answer(twice)) == {"WETH": Absent(BAD_PRICE)}
    same = POOLS["dexscreener"].read(asked(WETH), answer([pair(), pair()]))
    assert isinstance(same["WETH"], Seen)


def pair(**changes: Any) -> Any:
    (found, *_) = body("dexscreener_tokens_v1_base.200.json")
    return {**found, **changes}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"priceUsd": None}, BAD_PRICE), ({"priceUsd": "0"}, BAD_PRICE),
        ({"priceUsd": "-1"}, BAD_PRICE), ({"priceUsd": "NaN"}, BAD_PRICE),
        ({"priceUsd": "Infinity"}, BAD_PRICE), ({"priceUsd": [1]}, BAD_PRICE),
        ({"priceUsd": True}, BAD_PRICE), ({"priceUsd": "1e90"}, BAD_PRICE),
        ({"priceUsd": "1e-40"}, BAD_PRICE), ({"priceUsd": "1_0"}, BAD_PRICE),
        ({"priceUsd": "٣"}, BAD_PRICE), ({"chainId": "ethereum"}, POOL_ABSENT),
        ({"pairAddress": "0x12"}, POOL_ABSENT), ({"pairAddress": None}, POOL_ABSENT),
        ({"baseToken": None}, POOL_OTHER), ({"baseToken": {"address": 7}}, POOL_OTHER),
    ],
)  # fmt: skip
def test_a_pair_that_says_no_price_of_the_token(changes: dict[str, Any], reason: str) -> None:
    said = POOLS["dexscreener"].read(asked(WETH), answer([pair(**changes)]))
    assert said == {"WETH": Absent(reason)}


@pytest.mark.parametrize("native", [None, "0", "-2", "x"])
def test_a_quote_token_needs_both_prices(native: Any) -> None:
    said = POOLS["dexscreener"].read(asked(USDC), answer([pair(priceNative=native)]))
    assert said == {"USDC": Absent(BAD_PRICE)}


@pytest.mark.parametrize(
    "liquidity", [None, {}, {"usd": None}, {"usd": "much"}, {"usd": Decimal(-1)}, 5]
)
def test_a_depth_that_is_not_said_is_unknown(liquidity: Any) -> None:
    said = POOLS["dexscreener"].read(asked(WETH), answer([pair(liquidity=liquidity)]))["WETH"]
    assert isinstance(said, Seen)
    assert said.reading.liquidity_usd is None


def test_an_empty_pool_is_no_unknown_one() -> None:
    said = POOLS["dexscreener"].read(asked(WETH), answer([pair(liquidity={"usd": Decimal(0)})]))
    weth = said["WETH"]
    assert isinstance(weth, Seen)
    assert weth.reading.liquidity_usd == 0


def test_defillama_is_read_in_any_case_of_its_keys() -> None:
    said = CHECKS["defillama"].read(
        asked(WETH, USDC, ARB, BTC), answer(body("llama_prices_current.200.json"))
    )
    assert said == {
        "WETH": Check(Decimal("1863.64"), datetime.fromtimestamp(1784900800, UTC)),
        "USDC": Check(Decimal("0.999812"), datetime.fromtimestamp(1784900788, UTC)),
        "ARB": Check(Decimal("0.1148"), datetime.fromtimestamp(1784900769, UTC)),
    }


@pytest.mark.parametrize(("confidence", "is_said"), [("0.49", False), ("0.5", True), (None, True)])
def test_an_unsure_price_is_dropped(confidence: str | None, is_said: bool) -> None:
    sure = None if confidence is None else Decimal(confidence)
    coin = {"price": Decimal(5), "timestamp": Decimal(1784900800), "confidence": sure}
    said = CHECKS["defillama"].read(asked(WETH), answer({"coins": {f"base:{WETH.address}": coin}}))
    assert ("WETH" in said) is is_said


def test_coingecko_serves_every_token_of_an_id_and_leaves_dead_ones_out() -> None:
    ether = LiveToken("ETH", 1, "", 18, "", "", 0, "ethereum")
    matic = LiveToken("MATIC", 1, "", 18, "", "", 0, "matic-network")
    said = CHECKS["coingecko"].read(
        asked(WETH, ether, USDC, matic), answer(body("cg_simple_price.partial.200.json"))
    )
    assert (
        said["WETH"]
        == said["ETH"]
        == Check(Decimal("1863.64"), datetime.fromtimestamp(1784895400, UTC))
    )
    assert sorted(said) == ["ETH", "USDC", "WETH"]


def test_alchemy_is_read_by_network_and_address() -> None:
    said = CHECKS["alchemy"].read(
        asked(WETH, USDC, BTC), answer(body("alchemy_by_address.200.json"))
    )
    assert said == {
        "WETH": Check(Decimal("1863.3319"), datetime(2026, 7, 24, 13, 46, 30, tzinfo=UTC)),
        "WBTC": Check(Decimal("68214.10"), datetime(2026, 7, 24, 13, 46, 10, tzinfo=UTC)),
    }


@pytest.mark.parametrize(
    ("error", "is_said"),
    [(None, True), ("", True), ("Token not found", False), ({"message": "x"}, False), (..., True)],
)
@pytest.mark.parametrize("currency", ["usd", "USD"])
def test_an_item_with_an_error_says_nothing(error: Any, is_said: bool, currency: str) -> None:
    price = {"currency": currency, "value": "5", "lastUpdatedAt": "2026-07-24T13:46:30Z"}
    item = {"network": "base-mainnet", "address": WETH.address.upper(), "prices": [price]}
    item |= {} if error is ... else {"error": error}
    said = CHECKS["alchemy"].read(asked(WETH), answer({"data": [item]}))
    assert ("WETH" in said) is is_said


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("time", ["future", None, "soon", Decimal("1e30"), [1]])
def test_a_check_without_a_sound_time_is_left_out(name: str, time: Any) -> None:
    ahead = NOW + timedelta(seconds=6)
    if time == "future":
        time = ahead.isoformat() if name == "alchemy" else Decimal(int(ahead.timestamp()))
    assert CHECKS[name].read(asked(WETH), answer(check_body(name, "5", time))) == {}


def check_body(name: str, price: Any, time: Any) -> Any:
    number = Decimal(price) if isinstance(price, str) else price
    return {
        "defillama": {"coins": {f"base:{WETH.address}": {"price": number, "timestamp": time}}},
        "coingecko": {"ethereum": {"usd": number, "last_updated_at": time}},
        "alchemy": {
            "data": [
                {
                    "network": "base-mainnet",
                    "address": WETH.address,
                    "prices": [{"currency": "usd", "value": price, "lastUpdatedAt": time}],
                }
            ]
        },
    }[name]


# Calls.


@pytest.mark.parametrize(("name", "limit"), [("dexscreener", 30), ("geckoterminal", 30)])
@pytest.mark.parametrize("count", [1, 9, 30, 31, 500])
def test_pools_are_asked_for_in_as_few_calls_as_the_limit_allows(
    name: str, limit: int, count: int
) -> None:
    tokens = [one for one in many_world(count).live() if one.symbol.startswith("T")]
    requests = POOLS[name].requests(tokens)
    assert len(requests) == -(-count // limit)
    assert [one for request in requests for one in request.tokens] == tokens


def test_two_tokens_of_one_pool_name_it_once() -> None:
    (request,) = POOLS["dexscreener"].requests([WETH, USDC])
    assert request.url == f"{URL}/latest/dex/pairs/base/{WETH_POOL}"
    assert request.tokens == (WETH, USDC)


@pytest.mark.parametrize("name", POOLS)
def test_a_token_without_a_pool_or_on_an_unknown_chain_is_not_asked_for(name: str) -> None:
    elsewhere = LiveToken("FAR", 56, WETH.address, 18, WETH_POOL)
    assert POOLS[name].requests([BTC, elsewhere]) == []


def test_defillama_is_asked_within_its_length_of_a_url() -> None:
    tokens = many_world(500).live()
    requests = CHECKS["defillama"].requests(tokens)
    assert all(len(one.url) <= LONGEST_URL for one in requests)
    assert len(requests) == 3
    assert {one.symbol for r in requests for one in r.tokens} == {one.symbol for one in tokens}


def test_coingecko_is_asked_for_each_id_once_and_515_at_most() -> None:
    tokens = many_world(520).live()
    requests = CHECKS["coingecko"].requests([*tokens, WETH])
    assert len(requests) == 2
    ids = [r.url.partition("ids=")[2].partition("&")[0].split(",") for r in requests]
    assert [len(one) for one in ids] == [515, len({t.coingecko_id for t in tokens}) - 515]
    assert ids[0].count("ethereum") == 1


def test_alchemy_is_asked_for_25_addresses_and_three_networks_at_most() -> None:
    requests = CHECKS["alchemy"].requests([*many_world(60).live(), ARB])
    for request in requests:
        wanted = request.json["addresses"]
        assert len(wanted) <= 25
        assert len({one["network"] for one in wanted}) <= 3
    assert len(requests) == 3


@pytest.mark.parametrize(
    ("source", "header", "value"),
    [
        (CoinGecko(URL, "demo-0123456789"), "x-cg-demo-api-key", "demo-0123456789"),
        (CoinGecko(URL, "pro-0123456789", is_pro=True), "x-cg-pro-api-key", "pro-0123456789"),
        (Alchemy(URL, "alc-0123456789"), "Authorization", "Bearer alc-0123456789"),
    ],
)
def test_a_key_travels_in_its_header_only(source: CheckSource, header: str, value: str) -> None:
    (request,) = source.requests([WETH])
    assert request.headers == {header: value}
    assert "0123456789" not in request.url + request.shown


# Against the fake upstream.


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_source_says_what_the_upstream_serves(
    name: str, upstream: Upstream, client: HttpClient
) -> None:
    world = upstream.world
    found = read(of(upstream, name), client, world.live())
    assert upstream.count(name) == 2
    for token in world.live():
        said = found[token.symbol]
        assert isinstance(said, Seen)
        if not token.is_cash:
            assert said.reading.price_usd == world.prices[token.symbol]
            assert said.reading.liquidity_usd == world.depth(token.symbol)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_says_what_the_upstream_serves(
    name: str, upstream: Upstream, client: HttpClient
) -> None:
    upstream.keys = {"coingecko": "demo-0123456789", "alchemy": "alc-0123456789"}
    found = read(of(upstream, name), client, upstream.world.live())
    assert upstream.count(name) == 1
    prices = upstream.world.prices
    assert found == {name: Check(price, upstream.world.now()) for name, price in prices.items()}


@pytest.mark.parametrize("name", ["coingecko", "alchemy"])
def test_a_wrong_key_is_refused(name: str, upstream: Upstream, client: HttpClient) -> None:
    upstream.keys = {name: "right-0123456789"}
    source = of(upstream, name)
    upstream.keys = {name: "other-0123456789"}
    with pytest.raises(SourceFailure, match="KEY_REFUSED: HTTP 401: API Key Missing"):
        read(source, client, upstream.world.live())


@pytest.mark.parametrize("name", [*POOLS, *CHECKS])
@pytest.mark.parametrize(
    "fault",
    [Fault.WRONG_TYPE, Fault.NULL, Fault.ZERO, Fault.NEGATIVE, Fault.NAN_TEXT, Fault.MISSING],
    ids=str,
)
def test_a_wrong_value_is_no_price(
    name: str, fault: Fault, upstream: Upstream, client: HttpClient
) -> None:
    upstream.misbehave(name, fault)
    link = upstream.world.token("LINK", BASE).live()
    found = read(of(upstream, name), client, [link])
    if name in CHECKS:
        assert found == {}
    else:
        reason = POOL_ABSENT if fault is Fault.MISSING else BAD_PRICE
        assert found == {"LINK": Absent(reason)}


@pytest.mark.parametrize("name", [*POOLS, *CHECKS])
def test_nan_is_no_json(name: str, upstream: Upstream, client: HttpClient) -> None:
    upstream.misbehave(name, Fault.NAN)
    with pytest.raises(SourceFailure, match=r"BAD_BODY: .* NaN is no number"):
        read(of(upstream, name), client, [WETH])


@pytest.mark.parametrize("name", [*POOLS, *CHECKS])
def test_outliers_and_mix_ups_are_read_as_said(
    name: str, upstream: Upstream, client: HttpClient
) -> None:
    """They are judged later: a source says what it was told."""
    link, weth = upstream.world.token("LINK", BASE).live(), WETH
    prices = upstream.world.prices
    upstream.misbehave(name, Fault.OUTLIER)
    assert price_of(read(of(upstream, name), client, [link])["LINK"]) == prices["LINK"] * 14 / 10
    upstream.misbehave(name, Fault.SWAPPED)
    found = read(of(upstream, name), client, [link, weth])
    assert price_of(found["LINK"]) == prices["WETH"]
    assert price_of(found["WETH"]) == prices["LINK"]


def price_of(said: Any) -> Decimal:
    price = said.reading.price_usd if isinstance(said, Seen) else said.price_usd
    assert isinstance(price, Decimal)
    return price


@pytest.mark.parametrize("name", [*POOLS, *CHECKS])
def test_the_upstream_enforces_the_documented_limit(
    name: str, upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    source, limit = of(upstream, name), upstream.meters[name].limit
    for _ in range(limit.calls):
        read(source, client, [WETH])
    clock.move(limit.window.total_seconds() - 3)
    with pytest.raises(SourceFailure) as caught:
        read(source, client, [WETH])
    assert (caught.value.reason, caught.value.retry_after_seconds) == (Reason.THROTTLED, 3.0)
    assert upstream.throttled == {name: 1}
    clock.move(3)
    assert read(source, client, [WETH])


def test_the_upstream_closes_the_month(
    upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    source, meter = of(upstream, "coingecko"), upstream.meters["coingecko"]
    meter.by_month["2026-07"] = 9_999
    assert read(source, client, [WETH])
    with pytest.raises(SourceFailure, match="MONTH_SPENT: HTTP 429: You have reached 10,000"):
        read(source, client, [WETH])
    clock.time = datetime(2026, 8, 1, tzinfo=UTC)
    assert read(source, client, [WETH])


# Any JSON at all.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["pairs", "data", "coins", "ethereum", "usd", "last_updated_at", "attributes", "prices", "id",
     "relationships", "base_token", "liquidity", "priceUsd", "baseToken", "address", "chainId",
     "pairAddress", "result", "error", "code", "message", "volume", "m5", f"base:{WETH.address}",
     f"base_{WETH_POOL}", "price", "timestamp", "network", "currency", "value"]
)  # fmt: skip
VALUES = st.sampled_from(
    [WETH.address, WETH_POOL, "base", "base-mainnet", "usd", "1.5", 1, 1784900800]
)
NEAR = st.recursive(
    VALUES | JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
ALL: list[PoolSource | CheckSource] = [
    *POOLS.values(), *CHECKS.values(), OnChain({BASE: URL}, {BASE: Decimal(1)})
]  # fmt: skip


@settings(max_examples=200)
@given(NEAR)
def test_any_json_is_read_or_refused(found: Any) -> None:
    try:
        parsed = parse(json.dumps(found).encode())
    except SourceFailure as failed:
        assert failed.reason is Reason.BAD_BODY  # noqa: PT017 - most examples raise nothing
        return
    for source in ALL:
        (request,) = source.requests([WETH])
        try:
            said = source.read(request, Answer(parsed, NOW))
        except SourceFailure:
            continue
        assert set(said) <= {"WETH"}


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(found: bytes) -> None:
    try:
        parse(found)
    except SourceFailure as failed:
        assert failed.reason is Reason.BAD_BODY  # noqa: PT017 - some examples raise nothing


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "[Infinity]", "-Infinity", "1e999", "1e-999", "9" * 200, "1e99999999999999999999",
        "[" * 100_000, '{"a":1', "", "\ufeff", "<html>", "'a'", "1e161", "-1e161",
    ],
)  # fmt: skip
def test_what_is_no_body_is_refused(text: str) -> None:
    with pytest.raises(SourceFailure, match="BAD_BODY"):
        parse(text.encode())


PRICES = st.decimals(
    min_value=Decimal("1e-30"), max_value=Decimal("1e12"), allow_nan=False, places=36
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(price=PRICES)
def test_a_price_survives_to_the_digit(
    price: Decimal, upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    clock.move(3600)
    upstream.world.prices["LINK"] = price
    link = upstream.world.token("LINK", BASE).live()
    for name in (*POOLS, *CHECKS):
        found: Mapping[str, Any] = read(of(upstream, name), client, [link])
        assert price_of(found["LINK"]) == price
