"""What people paste is read or refused with a reason, and bodies never break the reader."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.services.sources.live import token_search
from paper_trading.services.sources.live.addresses import checksummed
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure
from paper_trading.services.sources.live.token_search import (
    SLUGS,
    Pasted,
    read_decimals,
    read_decimals_call,
    read_pairs,
    read_paste,
)
from tests.services.token_bodies import NOW, POOL, TOSHI, WETH, as_json, pair

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
numbers = st.decimals(allow_nan=True, allow_infinity=True) | st.integers().map(Decimal)
texts = st.text(max_size=50) | numbers.map(str)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
#: Bodies that look like pairs in some places and like nothing in others.
bent_pairs = st.fixed_dictionaries(
    {}, optional={name: anything | st.just(value) for name, value in as_json(pair()).items()}
)


def answer(body: Any) -> Answer:
    return Answer(as_json(body), NOW)


@given(addresses, st.sampled_from([None, *SLUGS]), st.sampled_from(["", " ", "\n"]))
def test_an_address_is_read_with_the_chain_that_was_named(
    address: str, chain_id: int | None, space: str
) -> None:
    for text in (address, checksummed(address)):
        expected = Pasted(address, chain_id, is_link=False)
        assert read_paste(f"{space}{text}{space}", chain_id) == expected


@given(
    addresses,
    st.sampled_from(list(SLUGS)),
    st.sampled_from(["https://", "http://", ""]),
    st.sampled_from(["", "www."]),
    st.sampled_from(["", "/", "?maker=0x1", "#chart"]),
)
def test_a_link_says_its_chain(
    address: str, chain_id: int, scheme: str, www: str, rest: str
) -> None:
    link = f"{scheme}{www}dexscreener.com/{SLUGS[chain_id]}/{address}{rest}"
    assert read_paste(link) == Pasted(address, chain_id, is_link=True)
    assert read_paste(link, chain_id).chain_id == chain_id


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    found, refusal = None, ""
    try:
        found = read_paste(text)
    except ValueError as error:
        refusal = str(error)
    assert "allowed are" in refusal if found is None else found.address.startswith("0x")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing was pasted"),
        ("  ", "nothing was pasted"),
        ("WETH", "is no address and no link"),
        ("0x1234", "is no address"),
        ("x" * 301, "301 characters were pasted"),
        (f"https://dexscreener.com.evil.example/base/{POOL}", "no link to dexscreener.com"),
        (f"https://dexscreener.com@evil.example/base/{POOL}", "no link to dexscreener.com"),
        (f"ftp://dexscreener.com/base/{POOL}", "no link to dexscreener.com"),
        (f"https://etherscan.io/token/{TOSHI}", "no link to dexscreener.com"),
        ("https://dexscreener.com/base", "names no chain and address"),
        (f"https://dexscreener.com/solana/{POOL}", "chain 'solana' of the link is not known"),
        ("https://dexscreener.com/base/0x12", "is no address"),
        ("https://[dexscreener.com/base/", "is no link"),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="allowed are") as caught:
        read_paste(text)
    assert reason in str(caught.value)


def test_a_link_of_another_chain_than_the_one_named_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the link is to base \(8453\), and the chain named is 1"):
        read_paste(f"https://dexscreener.com/base/{POOL}", 1)


def test_a_pool_of_uniswap_v4_is_known_by_its_hash() -> None:
    found = read_paste(f"https://dexscreener.com/base/0x{'AB' * 32}")
    assert found.address == "0x" + "ab" * 32


@pytest.mark.parametrize(
    "make",
    [
        token_search.pools_request,
        token_search.token_request,
        token_search.pair_request,
        token_search.decimals_request,
    ],
)
def test_what_is_shown_of_a_call_holds_no_url(make: Callable[[int, str, str], Request]) -> None:
    request = make(8453, POOL.lower(), "https://host.example/secret")
    assert "https://host.example/secret/" in request.url
    assert request.shown.endswith(f" base {POOL.lower()}")
    assert "secret" not in request.shown
    assert "://" not in request.shown


def test_the_calls_are_those_that_are_documented() -> None:
    host = "https://api.dexscreener.com"
    token, pool = TOSHI.lower(), POOL.lower()
    assert token_search.pools_request(8453, token).url == f"{host}/token-pairs/v1/base/{token}"
    assert token_search.token_request(1, token).url == f"{host}/tokens/v1/ethereum/{token}"
    request = token_search.pair_request(42161, pool)
    assert request.url == f"{host}/latest/dex/pairs/arbitrum/{pool}"
    asked = token_search.decimals_request(1, token)
    assert asked.url == f"https://api.geckoterminal.com/api/v2/networks/eth/tokens/{token}"


def test_what_may_be_logged_of_a_call_to_the_chain_holds_no_key() -> None:
    request = token_search.decimals_call("https://rpc.invalid/secret", 8453, TOSHI.lower())
    assert "secret" not in request.shown
    assert request.json["params"][0] == {"to": TOSHI.lower(), "data": "0x313ce567"}


@pytest.mark.parametrize("wrap", [lambda pairs: pairs, lambda pairs: {"pairs": pairs}])
def test_a_pair_is_read_to_the_digit(wrap: Any) -> None:
    (found,) = read_pairs(answer(wrap([pair()])))
    assert (found.base.address, found.base.symbol) == (TOSHI.lower(), "TOSHI")
    assert found.quote.address == WETH.lower()
    assert found.price_usd == Decimal("0.0004")
    assert found.liquidity_usd == Decimal("2183312.25")
    assert found.volume_h24_usd == Decimal("880331.5")
    assert found.h24 is not None
    assert (found.h24.buys, found.h24.sells) == (1400, 1390)
    assert found.kind == "uniswap_v3"
    assert found.created_at == datetime(2026, 4, 25, 12, tzinfo=UTC)
    assert found.price_of(WETH.lower()) == Decimal(2000)


@pytest.mark.parametrize("body", [None, "Throttled", {"schemaVersion": "1.0.0"}, {"pairs": "x"}])
def test_what_is_no_list_of_pairs_is_a_bad_body(body: Any) -> None:
    with pytest.raises(SourceFailure) as caught:
        read_pairs(answer(body))
    assert caught.value.reason is Reason.BAD_BODY


def test_null_stands_for_no_pairs() -> None:
    assert read_pairs(answer({"schemaVersion": "1.0.0", "pairs": None})) == []


@given(anything | st.lists(bent_pairs | anything, max_size=3))
def test_no_body_breaks_the_reader(body: Any) -> None:
    try:
        found = read_pairs(Answer(body, NOW))
    except SourceFailure as failure:
        found, reason = [], failure.reason
    else:
        reason = Reason.BAD_BODY
    assert reason is Reason.BAD_BODY
    for one in found:
        amounts = (one.price_usd, one.price_native, one.liquidity_usd, one.volume_h24_usd)
        assert all(amount is None or amount >= 0 for amount in amounts)
        one.price_of(one.quote.address)


@given(anything)
def test_no_body_breaks_the_readers_of_decimals(body: Any) -> None:
    for found in (read_decimals(Answer(body, NOW), TOSHI), read_decimals_call(Answer(body, NOW))):
        assert found is None or 0 <= found <= 36


@pytest.mark.parametrize(
    ("said", "expected"),
    [(6, 6), ("8", 8), (0, 0), (36, 36), (37, None), (-1, None), (1.5, None), (None, None)],
)
def test_decimals_are_taken_as_listed_or_not_at_all(said: Any, expected: int | None) -> None:
    body = {"data": {"attributes": {"address": TOSHI, "decimals": said}}}
    assert read_decimals(answer(body), TOSHI.lower()) == expected
    assert read_decimals(answer(body), WETH) is None


@pytest.mark.parametrize(
    ("result", "expected"),
    [("0x" + "6".rjust(64, "0"), 6), ("0x", None), (6, None), ("0x" + "f" * 64, None)],
)
def test_decimals_of_the_chain_are_one_word(result: Any, expected: int | None) -> None:
    assert read_decimals_call(answer({"result": result})) == expected
    assert read_decimals_call(answer({"error": {"code": 3}})) is None
