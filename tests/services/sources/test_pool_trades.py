"""The real swaps of a pool as GeckoTerminal lists them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.engine.enums import Side
from paper_trading.services.sources.live.base import LiveToken, SourceFailure
from paper_trading.services.sources.live.http import HttpClient
from paper_trading.services.sources.live.pool_trades import KEPT, MOST, PoolTrades, Trades
from tests.services.sources.bodies import NOW, USDC, WETH, answer
from tests.services.sources.conftest import Clock
from tests.upstream import Fault, Upstream
from tests.upstream.world import Traded

BASE = 8453


def told(upstream: Upstream, client: HttpClient, token: LiveToken = WETH) -> Trades:
    source = PoolTrades(upstream.url("geckoterminal"))
    request = source.request(token)
    assert request is not None
    return source.read(token, client.get(request))


def traded(
    upstream: Upstream, symbol: str, side: str, amount: str, other: str, ago: int = 5
) -> None:
    at = upstream.world.now() - timedelta(seconds=ago)
    upstream.world.traded.append(Traded(symbol, at, side, Decimal(amount), Decimal(other)))


def test_swaps_against_cash_are_priced_in_cash(upstream: Upstream, client: HttpClient) -> None:
    traded(upstream, "WETH", "BUY", "0.5", "930")
    traded(upstream, "WETH", "SELL", "2", "3700", ago=9)
    found = told(upstream, client)
    buy, sale = found.swaps
    assert [buy.side, buy.price] == [Side.BUY, Decimal(1860)]
    assert buy.at == upstream.world.now() - timedelta(seconds=5)
    assert [sale.side, sale.price] == [Side.SELL, Decimal(1850)]
    assert buy.size_usd == 930 * upstream.world.prices["USDC"]
    assert (found.in_cash, found.dropped) == (True, 0)
    assert found.known_since == upstream.world.now() - KEPT


def test_swaps_against_another_token_are_priced_in_usd(
    upstream: Upstream, client: HttpClient
) -> None:
    link = upstream.world.token("LINK", BASE).live()
    traded(upstream, "LINK", "SELL", "200", "1")
    found = told(upstream, client, link)
    (sale,) = found.swaps
    assert (sale.side, sale.price) == (Side.SELL, upstream.world.prices["WETH"] / 200)
    assert not found.in_cash


def test_a_full_list_begins_with_its_oldest_swap(upstream: Upstream, client: HttpClient) -> None:
    for n in range(MOST + 3):
        traded(upstream, "WETH", "BUY", "1", "1860", ago=n + 1)
    found = told(upstream, client)
    assert len(found.swaps) == MOST
    assert found.known_since == upstream.world.now() - timedelta(seconds=MOST)


def test_without_a_swap_there_is_an_empty_list(upstream: Upstream, client: HttpClient) -> None:
    assert told(upstream, client).swaps == ()


@pytest.mark.parametrize("changed", [{"pool": ""}, {"address": ""}, {"price_chain_id": 5}], ids=str)
def test_without_a_known_pool_nothing_is_asked(changed: dict[str, Any]) -> None:
    assert PoolTrades("https://host.example").request(replace(WETH, **changed)) is None


def row(**changed: Any) -> dict[str, Any]:
    attributes = {
        "from_token_address": USDC.address,
        "to_token_address": WETH.address.upper().replace("0X", "0x"),
        "from_token_amount": "1860",
        "to_token_amount": "1",
        "price_from_in_usd": "1",
        "price_to_in_usd": "1860",
        "block_timestamp": "2026-07-24T13:46:00Z",
        "kind": "buy",
        "volume_in_usd": "1860",
    }
    return {"attributes": {**attributes, **changed}}


def read(*rows: Any) -> Trades:
    return PoolTrades("https://host.example").read(WETH, answer({"data": list(rows)}))


@pytest.mark.parametrize(
    "bad",
    [
        None,
        17,
        {},
        {"attributes": []},
        row(to_token_amount="0"),
        row(to_token_amount=None),
        row(from_token_amount="-1"),
        row(from_token_amount="NaN"),
        row(from_token_amount="1e500"),
        row(volume_in_usd=None),
        row(block_timestamp="yesterday"),
        row(block_timestamp="2026-07-24T13:46:00"),
        row(block_timestamp="2126-07-24T13:46:00Z"),
        row(to_token_address="0x" + "12" * 20),
        row(from_token_address=WETH.address),
    ],
    ids=str,
)
def test_a_row_that_is_no_swap_is_left_out_and_counted(bad: Any) -> None:
    found = read(bad, row())
    assert [one.price for one in found.swaps] == [Decimal(1860)]
    assert found.dropped == 1
    with pytest.raises(SourceFailure, match="no row is a swap of WETH"):
        read(bad)


def test_a_price_in_usd_that_is_not_told_leaves_a_row_out() -> None:
    other = "0x" + "12" * 20
    for price, count in (("3", 1), (None, 0), ("0", 0)):
        against = row(from_token_address=other, price_from_in_usd=price)
        good = row(from_token_address=other, price_from_in_usd="2")
        assert len(read(against, good).swaps) == 1 + count


def test_rows_of_two_pools_are_none() -> None:
    with pytest.raises(SourceFailure, match="has other tokens"):
        read(row(), row(from_token_address="0x" + "12" * 20))


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": {}}], ids=str)
def test_a_body_that_is_no_list_is_refused(body: Any) -> None:
    with pytest.raises(SourceFailure, match="BAD_BODY"):
        PoolTrades("https://host.example").read(WETH, answer(body))


def test_faults_of_the_source_are_failures(
    upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    traded(upstream, "WETH", "BUY", "0.5", "930")
    upstream.misbehave("geckoterminal", Fault.NULL, times=1)
    with pytest.raises(SourceFailure, match="no row is a swap of WETH"):
        told(upstream, client)
    gone = replace(WETH, pool="0x" + "12" * 20)
    with pytest.raises(SourceFailure, match="404"):
        told(upstream, client, gone)
    assert clock.time < NOW
