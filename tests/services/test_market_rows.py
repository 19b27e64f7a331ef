"""Rows of a market and the values of the pure packages say the same."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paper_trading.engine.enums import PoolKind
from paper_trading.engine.market import UNREACHED, OtherPool
from paper_trading.models import Bar, Market, ScoreQuantiles
from paper_trading.services import market_rows
from paper_trading.services.market_view import market_view
from tests import builders as make

pytestmark = pytest.mark.django_db


def test_a_token_s_price_address_comes_in_small_letters_else_its_symbol() -> None:
    known = make.make_token(price_address="0xAbC", pool_fee_pips=500, decimals=6)
    value = market_rows.token_value(known)
    assert (value.address, value.fee_pips, value.decimals) == ("0xabc", 500, 6)
    assert market_rows.token_value(make.make_token("SoLo")).address == "solo"


def test_a_batch_is_read_with_all_of_its_quotes_once_a_process() -> None:
    market = make.make_market()
    batch = make.make_batch(market, 3, l1_base_fee_wei=7, l1_blob_base_fee_wei=8)
    tokens = [make.make_token() for _ in range(4)]
    for number, token in enumerate(tokens):
        make.make_quote(
            batch,
            token,
            price_usd=Decimal("2.34e-18"),
            liquidity_usd=None if number else Decimal(5),
            sigma_annual=None if number else Decimal("0.8"),
        )
    with CaptureQueriesContext(connection) as queries:
        value = market_view(batch.pk).batch
        assert market_view(batch.pk).batch is value
    assert len(queries) == 3
    assert (value.id, value.step, value.market_time) == (batch.pk, 3, batch.market_time)
    assert set(value.quotes) == {token.pk for token in tokens}
    assert value.sigma_annual == {tokens[0].pk: Decimal("0.8")}
    quote = value.quotes[tokens[0].pk]
    assert (quote.price_usd, quote.liquidity_usd) == (Decimal("2.34e-18"), Decimal(5))
    assert value.quotes[tokens[1].pk].liquidity_usd is None
    gas = value.gas
    assert (gas.chain_id, gas.base_fee_wei, gas.priority_fee_wei) == (8453, 5_000_000, 1_000_000)
    assert (gas.l1_base_fee_wei, gas.l1_blob_base_fee_wei) == (7, 8)


def test_a_stored_bar_gives_back_what_its_signals_said(market: Market) -> None:
    row = Bar.objects.filter(market=market, slow=False).latest("closes_at")
    value = market_rows.closed_bar(row)
    assert value.ready
    assert (value.score, value.bar.end) == (row.score, row.closes_at)
    again = market_rows.bar_row(row.market_id, row.token_id, value, row.closes_at)
    assert again.readings == row.readings
    assert again.known_at == row.known_at
    for name in (
        *("slow", "seconds", "start", "closes_at", "open", "high", "low", "close"),
        *("score", "round_trip_percent"),
    ):
        assert getattr(again, name) == getattr(row, name), name


def test_without_frozen_quantiles_nothing_is_ranked() -> None:
    market = make.make_market()
    assert market_rows.quantile_points(make.make_batch(market)) is None
    frozen = ScoreQuantiles.objects.create(
        market=market, frozen_at=make.START, sample_size=2, points=["-0.5", "0.25"]
    )
    batch = make.make_batch(market, 1, quantiles=frozen)
    assert market_rows.quantile_points(batch) == (Decimal("-0.5"), Decimal("0.25"))


def test_the_list_of_a_live_market_names_the_curves_of_its_pools() -> None:
    token = make.make_token(pool_address="0xAB", pool_kind="uniswap_v3")
    rows = market_rows.listed_to_json([token], pools=True)
    assert rows[0][-4:] == ["0xab", "V3", None, []]
    (read,) = market_rows.listed_from_json(rows)
    assert (read.pool, read.token.kind) == ("0xab", PoolKind.V3)
    assert set(market_rows.token_list_seal(rows)) >= {"pool", "kind"}


def test_the_list_of_a_live_market_names_what_a_pool_is_against() -> None:
    weth = make.make_token("WETH", pool_quote="USDC")
    usdc = make.make_token("USDC", pool_quote="WETH", is_cash=True)
    link, odd = make.make_token("LINK", pool_quote="WETH"), make.make_token("ODD", pool_quote="DAI")
    rows = market_rows.listed_to_json([weth, usdc, link, odd], pools=True)
    found = {one.token.symbol: one.token.through for one in market_rows.listed_from_json(rows)}
    assert found == {"WETH": None, "USDC": None, "LINK": weth.pk, "ODD": UNREACHED}
    assert "through" in market_rows.token_list_seal(rows)
    # Where prices are modelled, so are the pools: against cash.
    modelled = market_rows.listed_from_json(market_rows.listed_to_json([weth, link]))
    assert {one.token.through for one in modelled} == {None}


def test_the_list_of_a_live_market_names_further_pools_that_lead_somewhere() -> None:
    usdc = make.make_token("USDC", pool_quote="WETH", is_cash=True)
    weth = make.make_token("WETH", pool_quote="USDC")
    usdc.further_pools = [["0x0A", "uniswap_v3", "WETH", 3000]]
    link = make.make_token("LINK", pool_quote="WETH")
    link.further_pools = [
        ["0x0B", "uniswap_v2", "USDC", 3000],
        ["0x0C", "aerodrome", "WETH", 500],
        ["0x0D", "uniswap_v3", "DAI", 500],
    ]
    rows = market_rows.listed_to_json([usdc, weth, link], pools=True)
    found = {one.token.symbol: one.token.further for one in market_rows.listed_from_json(rows)}
    assert found["USDC"] == found["WETH"] == ()
    assert found["LINK"] == (
        OtherPool("0x0b", PoolKind.V2, 3000, None, None),
        OtherPool("0x0c", PoolKind.SOLIDLY_VOLATILE, 500, weth.pk, None),
    )
    assert "further" in market_rows.token_list_seal(rows)


def test_modelled_pools_and_older_lists_are_of_constant_product() -> None:
    token = make.make_token(pool_address="0xAB", pool_kind="uniswap_v3")
    modelled = market_rows.listed_to_json([token])
    older = [row[:-3] for row in market_rows.listed_to_json([token], pools=True)]
    for rows, pool, last in ((modelled, None, "tradable"), (older, "0xab", "pool")):
        (read,) = market_rows.listed_from_json(rows)
        assert (read.pool, read.token.kind) == (pool, PoolKind.V2)
        assert list(market_rows.token_list_seal(rows))[-1] == last
