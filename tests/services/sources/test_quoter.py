"""The chain's quoters, asked over HTTP in the batch that reads pools."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paper_trading.engine.enums import Side
from paper_trading.engine.market import ChainQuote
from paper_trading.intelligence.live_step import Seen
from paper_trading.intelligence.said_quotes import SaidQuote
from paper_trading.services.sources.live import abi
from paper_trading.services.sources.live.base import Answer, LiveToken, SourceFailure
from paper_trading.services.sources.live.http import HttpClient
from paper_trading.services.sources.live.onchain import OnChain, base_fee_wei
from paper_trading.services.sources.live.quoter import (
    MOST_QUOTES,
    QUOTES_ID,
    AskedQuote,
    Quoter,
    swap_along,
)
from tests.services.sources.bodies import USDC, WETH, WETH_POOL
from tests.services.sources.conftest import Clock
from tests.upstream import Fault, Upstream
from tests.upstream.limits import LIMITS, Meter
from tests.upstream.quoters import AMOUNT_OUT, PATH, SINGLE
from tests.upstream.rpc import BASE_FEE, BLOCK
from tests.upstream.world import many_world, registry_world

BASE = 8453
CASH_IN, ETHER = 1_500 * 10**6, 10**18
LINK = registry_world(BASE).token("LINK", BASE).live()


def asked(token: LiveToken = WETH, side: Side = Side.BUY, amount_in: int = CASH_IN) -> AskedQuote:
    found = swap_along(token, side, amount_in)
    assert found is not None
    return found


def source(upstream: Upstream, quoter: Quoter, at_chain: int | None = None) -> OnChain:
    urls = {chain: f"{upstream.url('rpc')}/{at_chain or chain}" for chain in (1, BASE)}
    return OnChain(urls, dict.fromkeys(urls, Decimal(1)), quoter)


def told(
    upstream: Upstream,
    client: HttpClient,
    *of: AskedQuote,
    tokens: Sequence[LiveToken] = (WETH, USDC),
    at_chain: int | None = None,
) -> tuple[SaidQuote, ...]:
    quoter = Quoter(of)
    requests = source(upstream, quoter, at_chain).requests(tokens)
    return tuple(quote for one in requests for quote in quoter.read(one, client.get(one)))


def solidly(upstream: Upstream, kind: str = "aerodrome") -> LiveToken:
    """The world's pools answer whatever curve they are asked by."""
    return replace(upstream.world.token("WETH", BASE).live(), pool_kind=kind)


def test_both_sides_of_a_pool_against_cash_are_quoted(
    upstream: Upstream, client: HttpClient
) -> None:
    buy, sale = told(upstream, client, asked(), asked(side=Side.SELL, amount_in=ETHER))
    (bought, sold) = upstream.world.quoted
    assert bought == ("WETH", "BUY", CASH_IN, buy.quote.amount_out)
    assert sold == ("WETH", "SELL", ETHER, sale.quote.amount_out)
    assert (buy.symbol, buy.side, buy.amount_in) == ("WETH", Side.BUY, CASH_IN)
    assert (sale.side, sale.amount_in, sale.pools) == (Side.SELL, ETHER, (WETH_POOL,))
    assert buy.quote == ChainQuote(bought[3], BLOCK, upstream.world.now())
    # At about the price of the pool, and in one call with it.
    assert Decimal("0.99") < Decimal(sold[3]).scaleb(-6) / upstream.world.prices["WETH"] < 1
    assert upstream.count("rpc") == 1


def test_the_pools_of_the_batch_are_read_as_without_quotes(
    upstream: Upstream, client: HttpClient
) -> None:
    plain, more = (source(upstream, Quoter(of)) for of in ((), (asked(),)))
    (without,), (beside,) = (one.requests([WETH, USDC]) for one in (plain, more))
    assert beside.json[:-1] == without.json
    answer = client.get(beside)
    assert more.read(beside, answer) == plain.read(without, client.get(without))
    assert base_fee_wei(beside, answer) == BASE_FEE


def test_a_chain_is_asked_once_however_many_batches_its_pools_take() -> None:
    tokens = [one for one in many_world(500).live() if one.price_chain_id == BASE]
    requests = OnChain({BASE: "https://node.example"}, None, Quoter([asked()])).requests(tokens)
    ids = [call["id"] for request in requests for call in request.json]
    assert len(requests) > 1
    assert ids.count(QUOTES_ID) == 1


def test_each_swap_is_asked_once_and_no_more_than_the_bound(
    upstream: Upstream, client: HttpClient
) -> None:
    many = [asked(amount_in=CASH_IN + n) for n in range(MOST_QUOTES + 5)]
    found = told(upstream, client, many[0], *many)
    assert [one.amount_in for one in found] == [CASH_IN + n for n in range(MOST_QUOTES)]
    assert len(upstream.world.quoted) == MOST_QUOTES


@pytest.mark.parametrize("kind", ["aerodrome", "aerodrome_stable", "velodrome_volatile"])
def test_a_pool_of_solidly_quotes_itself(kind: str, upstream: Upstream, client: HttpClient) -> None:
    pool = solidly(upstream, kind)
    found = told(upstream, client, asked(pool), asked(pool, Side.SELL, ETHER))
    assert [one[:3] for one in upstream.world.quoted] == [
        ("WETH", "BUY", CASH_IN),
        ("WETH", "SELL", ETHER),
    ]
    assert [one.quote.amount_out for one in found] == [one[3] for one in upstream.world.quoted]


def test_a_pool_of_solidly_against_another_token_is_not_taken(
    upstream: Upstream, client: HttpClient
) -> None:
    link = upstream.world.token("LINK", BASE)
    against_weth = replace(solidly(upstream), symbol="LINK", address=link.address, pool=link.pool)
    assert told(upstream, client, asked(against_weth, Side.SELL, ETHER)) == ()
    assert len(upstream.world.quoted) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"pool_kind": "uniswap_v2"},
        {"pool_kind": "aerodrome_slipstream"},
        # The quoter of Uniswap finds a pool of its own factory: another than this one.
        {"pool_kind": "pancakeswap_v3"},
        {"pool_kind": ""},
        {"pool_fee_pips": 3000},
        {"pool": "0x" + "12" * 20},
        {"price_chain_id": 42161},
    ],
    ids=str,
)
def test_what_the_quoter_would_not_find_is_not_asked(changed: dict[str, Any]) -> None:
    found = asked(replace(WETH, **changed))
    assert found.call is None
    assert Quoter([found]).rpc_call(found.chain_id) == []


# Two pools in a row


def links(
    side: Side = Side.BUY, amount_in: int = CASH_IN, first: LiveToken = WETH, **changed: Any
) -> AskedQuote:
    """A swap of LINK through the pool of WETH."""
    found = swap_along(replace(LINK, **changed), side, amount_in, first)
    assert found is not None
    return found


def test_two_pools_are_quoted_in_one_call_in_the_order_of_the_swap(
    upstream: Upstream, client: HttpClient
) -> None:
    buy, sale = told(upstream, client, links(), links(Side.SELL, 100 * ETHER))
    assert buy.pools == (WETH_POOL, LINK.pool)
    assert sale.pools == (LINK.pool, WETH_POOL)
    out, back = buy.quote.amount_out, sale.quote.amount_out
    assert upstream.world.quoted == [
        ("LINK", "BUY", CASH_IN, out),
        ("LINK", "SELL", 100 * ETHER, back),
    ]
    # At about the price of the pools, less both fees.
    prices = upstream.world.prices
    worth = prices["LINK"] / prices["USDC"]
    kept = Decimal("0.9965")
    assert kept * Decimal("0.998") < Decimal(out).scaleb(-18) * worth / 1_500 < kept
    assert kept * Decimal("0.998") < Decimal(back).scaleb(-6) / (100 * worth) < kept


def test_a_path_is_packed_as_the_contract_reads_it() -> None:
    call = links(amount_in=0x1234).call
    assert call is not None
    assert call.target == "0x3d4e44eb1374240ce5f1b871ab261cd16335b76a"
    path = (
        "833589fcd6edb6e08f4c7c32d4f71b54bda02913" "0001f4"
        "4200000000000000000000000000000000000006" "000bb8"
        "88fb150bdc53a65fe94dea0c9ba0a6daf8c6e196"
    )  # fmt: skip
    words = [0x40, 0x1234, 66]
    padded = path + "0" * 60
    assert call.data == "cdca1753" + "".join(f"{one:064x}" for one in words) + padded


def test_a_further_pool_is_quoted_under_the_name_of_a_plan(
    upstream: Upstream, client: HttpClient
) -> None:
    further = replace(LINK, symbol=f"LINK@{LINK.pool}", is_further=True)
    found = swap_along(further, Side.BUY, CASH_IN, WETH)
    assert found is not None
    (quote,) = told(upstream, client, found)
    assert (quote.symbol, quote.pool) == ("LINK", LINK.pool)


NOT_OF_THE_FACTORY: list[dict[str, Any]] = [
    {"pool_kind": "uniswap_v2"},
    {"pool_kind": "aerodrome"},
    {"pool_kind": "pancakeswap_v3"},
    {"pool_fee_pips": 100},
    {"pool": "0x" + "12" * 20},
]


@pytest.mark.parametrize("changed", NOT_OF_THE_FACTORY, ids=str)
def test_both_pools_must_be_the_ones_that_the_quoter_finds(changed: dict[str, Any]) -> None:
    assert links().call is not None
    assert links(**changed).call is None
    assert links(first=replace(WETH, **changed)).call is None


def test_pools_that_are_no_way_together_are_not_asked() -> None:
    one, both = asked(), links()
    assert replace(one, way=one.way * 2).call is None
    assert replace(both, way=both.way[::-1]).call is None
    assert replace(both, way=()).call is None
    again = links(Side.SELL)
    assert replace(both, way=(*both.way, *again.way)).call is None
    assert swap_along(LINK, Side.BUY, 1, replace(WETH, price_chain_id=1)) is None
    assert swap_along(LINK, Side.BUY, 1, USDC) is None


@pytest.mark.parametrize(("silent", "left"), [(PATH, "WETH"), (SINGLE, "LINK")])
def test_a_path_that_reverts_costs_its_own_answer_only(
    silent: str, left: str, upstream: Upstream, client: HttpClient
) -> None:
    upstream.world.silent.add(silent)
    (found,) = told(upstream, client, asked(), links())
    assert found.symbol == left


def test_a_path_through_a_pool_that_is_gone_reverts(upstream: Upstream, client: HttpClient) -> None:
    upstream.world.gone.add("LINK")
    assert [one.symbol for one in told(upstream, client, links(), asked())] == ["WETH"]


@pytest.mark.parametrize(
    "changed",
    [
        {"pool": ""},
        {"pool": "0x1"},
        {"address": ""},
        {"address": "WETH"},
        {"price_chain_id": 5},
        {"is_cash": True},
    ],
    ids=str,
)
def test_a_token_without_a_pool_against_cash_has_no_swap_to_ask_for(
    changed: dict[str, Any],
) -> None:
    assert swap_along(replace(WETH, **changed), Side.BUY, 1) is None


@pytest.mark.parametrize("amount", [0, -1, 2**256])
def test_an_amount_that_no_contract_takes_is_not_asked(amount: int) -> None:
    assert asked(amount_in=amount).call is None
    assert asked(amount_in=2**256 - 1).call is not None


# Faults


@pytest.mark.parametrize("selector", [SINGLE, AMOUNT_OUT])
def test_a_quoter_that_reverts_costs_its_own_answer_only(
    selector: str, upstream: Upstream, client: HttpClient
) -> None:
    upstream.world.silent.add(selector)
    pool = replace(solidly(upstream), symbol="OWN")
    (found,) = told(upstream, client, asked(), asked(pool))
    assert found.symbol == ("OWN" if selector == SINGLE else "WETH")


@pytest.mark.parametrize("factor", [Fraction(0), Fraction(-1, 10**40), Fraction(2**200)])
def test_any_number_is_read_and_nothing_is_left_out(
    factor: Fraction, upstream: Upstream, client: HttpClient
) -> None:
    upstream.world.quoter_factor = factor
    found = told(upstream, client, asked())
    out = upstream.world.quoted[0][3] % 2**256
    assert [one.quote.amount_out for one in found] == [out] * bool(out)


def test_a_node_of_another_chain_quotes_nothing(upstream: Upstream, client: HttpClient) -> None:
    pool = asked(solidly(upstream))
    assert told(upstream, client, asked(), pool, at_chain=1) == ()


def test_a_call_that_fails_as_a_whole_leaves_the_pools_alone(
    upstream: Upstream, client: HttpClient
) -> None:
    quoter = Quoter([asked()])
    on_chain = source(upstream, quoter)
    (request,) = on_chain.requests([WETH, USDC])
    answer = client.get(request)
    error = {"id": Decimal(QUOTES_ID), "error": {"code": Decimal(3), "message": "out of gas"}}
    broken = replace(answer, body=[*answer.body[:-1], error])
    assert quoter.read(request, broken) == ()
    assert isinstance(on_chain.read(request, broken)["WETH"], Seen)
    # And the other way round: what failed is named by the pools' own reply.
    failed = {"id": Decimal(1), "error": {"code": Decimal(3), "message": "reverted"}}
    with pytest.raises(SourceFailure, match="reverted"):
        on_chain.read(request, replace(answer, body=[error, failed]))


def test_a_reply_that_is_none_quotes_nothing(upstream: Upstream, client: HttpClient) -> None:
    upstream.misbehave("rpc", Fault.WRONG_TYPE)
    assert told(upstream, client, asked()) == ()


@pytest.mark.parametrize("body", [None, {}, [], [17], [{"id": True}], [{"id": Decimal(QUOTES_ID)}]])
def test_any_body_is_read(body: Any, upstream: Upstream) -> None:
    quoter = Quoter([asked()])
    (request,) = source(upstream, quoter).requests([WETH])
    assert quoter.read(request, Answer(body, upstream.world.now())) == ()


def test_two_answers_to_one_question_are_none(upstream: Upstream, client: HttpClient) -> None:
    quoter = Quoter([asked()])
    (request,) = source(upstream, quoter).requests([WETH])
    answer = client.get(request)
    assert len(quoter.read(request, answer)) == 1
    assert quoter.read(request, replace(answer, body=[*answer.body, answer.body[-1]])) == ()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_of_a_node_are_read_or_left(
    data: st.DataObject, upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    upstream.meters["rpc"] = Meter(LIMITS["rpc"])
    quoter = Quoter([asked(), asked(solidly(upstream), Side.SELL, ETHER), links()])
    (request,) = source(upstream, quoter).requests([WETH])
    answer = client.get(request)
    result = bytearray.fromhex(answer.body[-1]["result"][2:])
    at = data.draw(st.integers(0, len(result) // abi.WORD - 1)) * abi.WORD
    result[at : at + abi.WORD] = data.draw(
        st.binary(min_size=32, max_size=32)
        | st.integers(0, 2**12).map(lambda number: number.to_bytes(32, "big"))
    )
    end = data.draw(st.sampled_from([len(result), len(result) - 1, at, at + 31]))
    reply = {"id": Decimal(QUOTES_ID), "result": "0x" + result[:end].hex()}
    found = quoter.read(request, Answer([reply], clock.time + timedelta(seconds=1)))
    assert {one.symbol for one in found} <= {"WETH", "LINK"}
