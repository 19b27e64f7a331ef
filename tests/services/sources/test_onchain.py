"""Pools read from the chain: the encoding, the anchors in USD, and replies of any kind."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paper_trading.engine.depth import Depth, Range, Reserves
from paper_trading.engine.enums import Side
from paper_trading.engine.market import L1Fees, Quote, Token
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.pools.quoted import pool_of
from paper_trading.engine.trust import POOL_ABSENT, POOL_OTHER, Absent
from paper_trading.intelligence.live_step import BAD_PRICE, Seen
from paper_trading.services.sources.live import abi
from paper_trading.services.sources.live.base import Answer, LiveToken, Reason, SourceFailure
from paper_trading.services.sources.live.bodies import parse
from paper_trading.services.sources.live.http import HttpClient
from paper_trading.services.sources.live.onchain import (
    BATCH_LIMIT,
    NO_USD_ANCHOR,
    POOLS_OF_A_CALL,
    RPC_ERROR,
    OnChain,
    base_fee_wei,
    blocks,
    l1_fees,
)
from tests.services.sources.bodies import NOW, USDC, WETH, WETH_POOL, raw
from tests.services.sources.conftest import Clock
from tests.upstream import Fault, Upstream
from tests.upstream.limits import LIMITS, Meter
from tests.upstream.rpc import BASE_FEE, BLOCK
from tests.upstream.world import World, many_world

BASE = 8453
CASH = Decimal("0.999812")
KEY_URL = "https://node.example/v2/path-key-0123456789abcdef"


def source(upstream: Upstream, cash: Decimal | None = CASH) -> OnChain:
    urls = {chain: f"{upstream.url('rpc')}/{chain}" for chain in (1, BASE)}
    return OnChain(urls, None if cash is None else dict.fromkeys(urls, cash))


def read(
    on_chain: OnChain, client: HttpClient, tokens: list[LiveToken]
) -> dict[str, Seen | Absent]:
    found: dict[str, Seen | Absent] = {}
    for request in on_chain.requests(tokens):
        found |= on_chain.read(request, client.get(request))
    return found


def near(price: Decimal, expected: Decimal) -> bool:
    return abs(price / expected - 1) < Decimal("1e-9")


def test_the_encoding_is_that_of_the_recorded_request() -> None:
    recorded = json.loads(raw("rpc_batch.json"))["rpc_batch_request"][0]["params"][0]
    calls = [
        abi.ContractCall(WETH_POOL, "3850c7bd"),
        abi.ContractCall(WETH_POOL, "1a686502"),
        abi.ContractCall(recorded["to"], "0f28c97d"),
    ]
    assert abi.aggregate3(calls) == recorded["data"]


def test_the_recorded_answer_is_decoded() -> None:
    recorded = json.loads(raw("rpc_batch.json"))["rpc_batch_response"][0]["result"]
    slot0, liquidity, timestamp = abi.results(recorded)
    assert slot0 is not None
    assert liquidity is not None
    assert timestamp is not None
    price = (Decimal(abi.uint(slot0, 0)) / 2**96) ** 2 * 10**12
    assert round(price, 2) == Decimal("1863.64")
    assert abi.uint(liquidity, 0) == 2_500_000_000_000_000_000
    assert abi.uint(timestamp, 0) == 1_784_900_807


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 64, 100, 200, -1])
def test_a_result_that_ends_early_is_refused(cut: int) -> None:
    recorded = json.loads(raw("rpc_batch.json"))["rpc_batch_response"][0]["result"]
    whole = bytes.fromhex(recorded[2:])
    with pytest.raises(abi.AbiError):
        abi.results("0x" + whole[: cut or 0].hex()[: -66 if cut == -1 else None])


@pytest.mark.parametrize("text", [None, 17, "", "12", "0xzz", "0x1", "0x" + "ff" * 64])
def test_what_is_no_result_is_refused(text: object) -> None:
    with pytest.raises(abi.AbiError):
        abi.results(text)


def test_each_price_comes_from_its_pool_by_way_of_cash(
    upstream: Upstream, client: HttpClient
) -> None:
    world = upstream.world
    world.depths["LINK"] = Decimal(250_000)
    found = read(source(upstream), client, world.live())
    assert upstream.count("rpc") == 2
    for token in world.live():
        said = found[token.symbol]
        if token.is_cash:
            assert said == Absent(NO_USD_ANCHOR)
            continue
        assert isinstance(said, Seen)
        assert near(said.reading.price_usd, world.prices[token.symbol])
        assert said.reading.liquidity_usd is not None
        assert near(said.reading.liquidity_usd, world.depth(token.symbol))
        assert (said.block, said.source) == (BLOCK, "onchain")
        assert said.reading.observed_at == world.now()


def test_a_v2_pool_is_read_by_its_reserves(upstream: Upstream, client: HttpClient) -> None:
    link = upstream.world.token("LINK", BASE)
    token = LiveToken("LINK", BASE, link.address, 18, link.pool, "uniswap_v2")
    (said,) = read(source(upstream), client, [token]).values()
    assert isinstance(said, Seen)
    assert near(said.reading.price_usd, upstream.world.prices["LINK"])


def test_the_batch_tells_the_block_and_its_fee(upstream: Upstream, client: HttpClient) -> None:
    (request,) = source(upstream).requests([WETH])
    (block,) = blocks(request, client.get(request))
    assert (block.number, block.base_fee_wei, block.chain_id) == (BLOCK, BASE_FEE, BASE)


def depth_of(
    upstream: Upstream, client: HttpClient, token: LiveToken
) -> tuple[Depth | None, Decimal]:
    """Return what is handed on of a pool, and the price of the same reading in cash."""
    said = read(source(upstream), client, [token])[token.symbol]
    assert isinstance(said, Seen)
    return said.depth, said.reading.price_usd / CASH


def test_a_v3_pool_against_cash_hands_on_its_price_and_liquidity(
    upstream: Upstream, client: HttpClient
) -> None:
    weth = upstream.world.token("WETH", BASE).live()
    depth, price = depth_of(upstream, client, weth)
    assert isinstance(depth, Range)
    assert (depth.tick_spacing, depth.cash_is_token0) == (10, False)
    quote = Quote(
        Token(1, "WETH", 18, weth.address, weth.pool_fee_pips), price, NOW, "onchain", None
    )
    pool = pool_of(replace(quote, depth=depth), Decimal(1))
    assert isinstance(pool, ConcentratedPool)
    assert near(pool.mid_price, price)
    # Virtual reserves of half the depth on each side.
    half = upstream.world.depth("WETH") / 2 / upstream.world.prices["USDC"]
    assert near(Decimal(pool.reserve_in(Side.BUY)).scaleb(-6), half)


def test_a_v2_pool_against_cash_hands_on_its_reserves(
    upstream: Upstream, client: HttpClient
) -> None:
    weth = replace(upstream.world.token("WETH", BASE).live(), pool_kind="uniswap_v2")
    depth, price = depth_of(upstream, client, weth)
    assert isinstance(depth, Reserves)
    assert near(Decimal(depth.cash).scaleb(-6) / Decimal(depth.tokens).scaleb(-18), price)


def test_a_pool_against_weth_hands_on_its_depth_in_weth(
    upstream: Upstream, client: HttpClient
) -> None:
    link = upstream.world.token("LINK", BASE).live()
    depth, price = depth_of(upstream, client, link)
    token = Token(1, "LINK", 18, link.address, link.pool_fee_pips)
    quote = Quote(token, price, NOW, "onchain", None, depth=depth)
    ether = upstream.world.prices["WETH"] / CASH
    pool = pool_of(quote, ether, 18)
    assert isinstance(pool, ConcentratedPool)
    assert near(pool.mid_price, price / ether)


def test_a_pool_without_a_fee_hands_on_no_depth(upstream: Upstream, client: HttpClient) -> None:
    weth = upstream.world.token("WETH", BASE).live()
    # A pool that does not tell its fee is priced all the same.
    upstream.world.silent.add("ddca3f43")
    assert depth_of(upstream, client, weth)[0] is None


def test_a_pool_of_another_fee_is_no_pool_and_is_warned_of(
    upstream: Upstream, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    weth = upstream.world.token("WETH", BASE).live()
    other = replace(weth, pool_fee_pips=3000)
    depth, price = depth_of(upstream, client, other)
    token = Token(1, "WETH", 18, other.address, other.pool_fee_pips)
    # The stated figure is not taken in its place.
    quote = Quote(token, price, NOW, "onchain", Decimal(10**6), depth=depth)
    assert pool_of(quote, Decimal(1)) is None
    assert caplog.messages == [f"pool {weth.pool} takes a fee of 500 pips, not 3000"]


def test_an_op_stack_chain_tells_what_it_pays_for_data(
    upstream: Upstream, client: HttpClient
) -> None:
    (request,) = source(upstream).requests([WETH])
    assert l1_fees(request, client.get(request)) == L1Fees(*upstream.world.l1_fees)
    eth = LiveToken("WETH", 1, WETH.address, 18, WETH_POOL, "uniswap_v3")
    (other,) = source(upstream).requests([eth])
    assert l1_fees(other, client.get(other)) is None
    assert "420000000000000000000000000000000000000f" not in json.dumps(other.json)


@pytest.mark.parametrize(
    "told",
    [
        (0, 1, 1, 1),
        (1, 0, 1, 1),
        (1, 1, 0, 0),
        (10**19, 1, 1, 1),
        (1, 1, 2**32, 1),
        (1, 1, 1, -1),
    ],
)
def test_what_no_chain_pays_for_data_is_not_believed(
    told: tuple[int, int, int, int], upstream: Upstream, client: HttpClient
) -> None:
    upstream.world.l1_fees = told
    (request,) = source(upstream).requests([WETH])
    answer = client.get(request)
    assert l1_fees(request, answer) is None
    assert base_fee_wei(request, answer) == BASE_FEE


def test_an_oracle_that_does_not_tell_all_tells_nothing(
    upstream: Upstream, client: HttpClient
) -> None:
    upstream.world.silent.add("c5985918")
    (request,) = source(upstream).requests([WETH])
    assert l1_fees(request, client.get(request)) is None


def test_without_the_price_of_cash_nothing_has_a_price(
    upstream: Upstream, client: HttpClient
) -> None:
    found = read(source(upstream, cash=None), client, [WETH, USDC])
    assert found == {"WETH": Absent(NO_USD_ANCHOR), "USDC": Absent(NO_USD_ANCHOR)}


def test_a_pool_of_no_known_kind_and_a_chain_without_a_node_are_not_asked() -> None:
    on_chain = OnChain({BASE: KEY_URL})
    odd = LiveToken("ODD", BASE, WETH.address, 18, WETH_POOL, "aerodrome_stable")
    far = LiveToken("FAR", 1, WETH.address, 18, WETH_POOL, "uniswap_v3")
    bare = LiveToken("BARE", BASE, WETH.address, 18, "", "uniswap_v3")
    assert on_chain.requests([odd, far, bare]) == []


def test_a_key_in_the_path_is_not_shown() -> None:
    (request,) = OnChain({BASE: KEY_URL}).requests([WETH])
    assert "path-key" not in request.shown
    said = {"error": {"code": -32005, "message": f"{KEY_URL} is over its limit"}}
    with pytest.raises(SourceFailure) as caught:
        OnChain({BASE: KEY_URL}).read(request, Answer(parse(json.dumps(said).encode()), NOW))
    assert caught.value.reason is Reason.THROTTLED
    assert "path-key" not in str(caught.value)


FAULTS = {
    Fault.NULL: BAD_PRICE, Fault.ZERO: BAD_PRICE, Fault.NEGATIVE: BAD_PRICE,
    Fault.MISSING: POOL_ABSENT,
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS), ids=str)
def test_a_pool_without_a_price_is_absent(
    fault: Fault, upstream: Upstream, client: HttpClient
) -> None:
    upstream.misbehave("rpc", fault)
    link = upstream.world.token("LINK", BASE).live()
    assert read(source(upstream), client, [link]) == {"LINK": Absent(FAULTS[fault])}


@pytest.mark.parametrize("fault", [Fault.WRONG_TYPE, Fault.NAN], ids=str)
def test_a_reply_that_is_none_fails_the_call(
    fault: Fault, upstream: Upstream, client: HttpClient
) -> None:
    upstream.misbehave("rpc", fault)
    with pytest.raises(SourceFailure, match="BAD_BODY"):
        read(source(upstream), client, [WETH])


@pytest.fixture
def many(upstream: Upstream, clock: Clock) -> World:
    upstream.world = many_world(60, clock)
    return upstream.world


def test_replies_out_of_order_are_known_by_their_ids(
    many: World, upstream: Upstream, client: HttpClient
) -> None:
    for number in range(60):
        many.prices[f"T{number}"] = Decimal(number + 1)
    upstream.misbehave("rpc", Fault.OUT_OF_ORDER)
    found = read(source(upstream), client, many.live())
    assert upstream.count("rpc", str(BASE)) == 1
    for number in range(60):
        said = found[f"T{number}"]
        assert isinstance(said, Seen)
        assert near(said.reading.price_usd, Decimal(number + 1))


def test_an_element_with_an_error_costs_its_own_tokens_only(
    many: World, upstream: Upstream, client: HttpClient
) -> None:
    upstream.misbehave("rpc", Fault.ERROR_ELEMENT)
    tokens = [one for one in many.live() if one.symbol.startswith("T")]
    found = read(source(upstream), client, tokens)
    failed = [symbol for symbol, said in found.items() if said == Absent(RPC_ERROR)]
    assert failed == [f"T{number}" for number in range(POOLS_OF_A_CALL)]
    assert all(isinstance(found[f"T{number}"], Seen) for number in range(POOLS_OF_A_CALL, 60))


def test_a_batch_of_errors_is_a_failure(upstream: Upstream, client: HttpClient) -> None:
    upstream.misbehave("rpc", Fault.ERROR_ELEMENT)
    with pytest.raises(SourceFailure, match="SERVER_ERROR: execution reverted"):
        read(source(upstream), client, [WETH])


def test_a_node_of_another_chain_is_refused(upstream: Upstream, client: HttpClient) -> None:
    on_chain = OnChain({BASE: f"{upstream.url('rpc')}/42161"}, {BASE: CASH})
    with pytest.raises(SourceFailure, match="chain 42161; expected is one of chain 8453"):
        read(on_chain, client, [WETH])


def test_a_pool_of_other_tokens_is_not_taken(upstream: Upstream, client: HttpClient) -> None:
    wrong = LiveToken("UNI", BASE, "0x" + "12" * 20, 18, WETH_POOL, "uniswap_v3")
    assert read(source(upstream), client, [wrong]) == {"UNI": Absent(POOL_OTHER)}


def test_pools_are_asked_in_as_few_batches_as_the_limit_allows() -> None:
    tokens = [one for one in many_world(500).live() if one.price_chain_id == BASE]
    pools = {one.pool for one in tokens}
    requests = OnChain({BASE: KEY_URL}).requests(tokens)
    assert len(requests) == -(-len(pools) // BATCH_LIMIT)
    assert {one.symbol for r in requests for one in r.tokens} == {one.symbol for one in tokens}


def test_the_time_is_the_blocks(upstream: Upstream, client: HttpClient, clock: Clock) -> None:
    clock.time = datetime(2026, 7, 24, 13, 46, 40, 999_999, UTC)
    said: Any = read(source(upstream), client, [WETH])["WETH"]
    assert said.reading.observed_at == datetime(2026, 7, 24, 13, 46, 40, tzinfo=UTC)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_of_a_node_are_read_or_refused(
    data: st.DataObject, upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    clock.time = NOW
    upstream.meters["rpc"] = Meter(LIMITS["rpc"])
    on_chain = source(upstream)
    (request,) = on_chain.requests([WETH, USDC])
    answer = client.get(request)
    result = bytearray.fromhex(answer.body[0]["result"][2:])
    # Words of small numbers are the interesting ones: lengths, offsets, flags.
    at = data.draw(st.integers(0, len(result) // 32 - 1)) * 32
    result[at : at + 32] = data.draw(
        st.binary(min_size=32, max_size=32)
        | st.integers(0, 2**12).map(lambda number: number.to_bytes(32, "big"))
    )
    end = data.draw(st.sampled_from([len(result), len(result) - 1, at, at + 31]))
    reply = {"id": Decimal(1), "result": "0x" + result[:end].hex()}
    try:
        said = on_chain.read(request, Answer([reply], NOW))
    except SourceFailure:
        return
    assert set(said) == {"WETH", "USDC"}
