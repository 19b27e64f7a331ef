"""Candles and charts are read to the digit; rows that are no candle are left out and counted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.services.sources.live import candles
from paper_trading.services.sources.live.base import Answer, LiveToken, Reason, SourceFailure
from paper_trading.services.sources.live.candles import (
    CANDLE,
    Candle,
    Candles,
    CoinGeckoChart,
    GeckoTerminalCandles,
    Span,
)

NOW = datetime(2026, 7, 24, 12, 3, 20, tzinfo=UTC)
SPAN = Span.before(NOW, timedelta(hours=2))
TOKEN = LiveToken("WETH", 8453, "0xaa", 18, "0xpool", coingecko_id="ethereum")
POOLS = GeckoTerminalCandles("https://pools.example/api/v2/")
CHART = CoinGeckoChart("https://coins.example/api/v3", "secret")


def answer(body: Any, at: datetime = NOW, age: int = 0) -> Answer:
    return Answer(body, at, age)


def body(rows: Any) -> dict[str, Any]:
    return {
        "data": {"attributes": {"ohlcv_list": rows}},
        "meta": {"base": {"address": "0xAA"}, "quote": {"address": "0xBB"}},
    }


def at(minutes_ago: int, price: str = "10", volume: Any = Decimal(7)) -> list[Any]:
    """Return a good row that ended so long before the span's end."""
    start = SPAN.until - timedelta(minutes=minutes_ago) - CANDLE
    return [Decimal(int(start.timestamp())), *[Decimal(price)] * 4, volume]


def read(*rows: Any, now: datetime = NOW, age: int = 0) -> Candles:
    return POOLS.read(TOKEN, answer(body(list(rows)), now, age), SPAN)


def changed(**columns: Any) -> list[Any]:
    names = ("time", "open", "high", "low", "close", "volume")
    return [columns.get(name, found) for name, found in zip(names, at(10), strict=True)]


def test_the_span_ends_before_what_a_cache_may_not_know_yet() -> None:
    assert SPAN.until == NOW.replace(minute=0, second=0)
    assert Span.before(NOW.replace(minute=0, second=59), CANDLE).until == SPAN.until - CANDLE


def test_a_page_is_asked_for_by_the_address_of_the_token() -> None:
    request = POOLS.request(TOKEN, SPAN.until)
    assert request is not None
    parts = urlsplit(request.url)
    assert parts.path == "/api/v2/networks/base/pools/0xpool/ohlcv/minute"
    assert {name: found[0] for name, found in parse_qs(parts.query).items()} == {
        "aggregate": "5",
        "limit": "1000",
        "currency": "usd",
        "token": "0xaa",
        "before_timestamp": str(int(SPAN.until.timestamp())),
    }


@pytest.mark.parametrize(
    "token",
    [LiveToken("A", 8453, "0xaa", 18, ""), LiveToken("A", 5, "0xaa", 18, "0xp")],
    ids=["no pool", "another chain"],
)
def test_what_the_source_cannot_know_is_not_asked(token: LiveToken) -> None:
    assert POOLS.request(token, SPAN.until) is None
    assert CHART.request(token) is None


def test_candles_come_oldest_first_and_gaps_stay() -> None:
    found = read(at(0, "3"), at(5, "2"), at(20, "1"))
    assert [candle.close for candle in found.candles] == [1, 2, 3]
    gaps = [b.start - a.start for a, b in zip(found.candles, found.candles[1:], strict=False)]
    assert gaps == [3 * CANDLE, CANDLE]
    assert (found.dropped, found.rows) == ({}, 3)
    assert found.oldest == found.candles[0].start


def test_unordered_rows_are_put_in_order_and_of_two_the_first_counts() -> None:
    found = read(at(20, "1"), at(0, "3"), at(5, "2"), at(5, "9"))
    assert [candle.close for candle in found.candles] == [1, 2, 3]
    assert found.dropped == {candles.DUPLICATE: 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("text", candles.NOT_A_ROW),
        ([], candles.NOT_A_ROW),
        (changed(time=Decimal(17)), candles.BAD_TIME),
        (changed(time=Decimal("1.5")), candles.BAD_TIME),
        (changed(time=Decimal("1e30")), candles.BAD_TIME),
        (changed(time=None), candles.BAD_TIME),
        (changed(open=None), candles.BAD_PRICE),
        (changed(close=True), candles.BAD_PRICE),
        (changed(close="cheap"), candles.BAD_PRICE),
        (changed(close=Decimal(0)), candles.BAD_PRICE),
        (changed(close=Decimal(-1)), candles.BAD_PRICE),
        (changed(close=Decimal("NaN")), candles.BAD_PRICE),
        (changed(close=Decimal("Infinity")), candles.BAD_PRICE),
        (changed(low=Decimal("1e-40")), candles.BAD_PRICE),
        (changed(high=Decimal("1e40")), candles.BAD_PRICE),
        (changed(volume=Decimal(-1)), candles.BAD_VOLUME),
        (changed(volume="much"), candles.BAD_VOLUME),
        (changed(high=Decimal(9)), candles.CONTRADICTORY),
        (changed(low=Decimal(11)), candles.CONTRADICTORY),
        (changed(high=Decimal("30.1")), candles.CONTRADICTORY),
        (changed(low=Decimal("3.3")), candles.CONTRADICTORY),
        (at(-5), candles.UNFINISHED),
        (at(-5000), candles.UNFINISHED),
        (at(121), candles.BAD_TIME),
        (at(120), candles.TOO_OLD),
    ],
)
def test_a_bad_row_is_left_out_with_its_reason_and_the_rest_counts(row: Any, reason: str) -> None:
    found = read(at(0), row)
    assert len(found.candles) == 1
    assert found.dropped == {reason: 1}


def test_a_candle_that_a_cache_may_know_by_half_is_left_out() -> None:
    early = SPAN.until + timedelta(seconds=59)
    assert read(at(0), at(5), now=early).dropped == {candles.UNFINISHED: 1}
    assert read(at(0), age=200).dropped == {candles.UNFINISHED: 1}
    assert read(at(0), now=early + timedelta(seconds=1)).dropped == {}


def test_a_volume_may_be_unknown_and_a_number_in_quotes() -> None:
    assert read(at(0, volume=None)).candles[0].volume_usd is None
    assert read(at(0, volume="7.25")).candles[0].volume_usd == Decimal("7.25")


@pytest.mark.parametrize("wrong", [None, [], {}, {"data": None}, body(None), body({}), body("x")])
def test_a_body_of_another_shape_is_refused(wrong: Any) -> None:
    with pytest.raises(SourceFailure) as refused:
        POOLS.read(TOKEN, answer(wrong), SPAN)
    assert refused.value.reason is Reason.BAD_BODY


def test_candles_of_a_pool_without_the_token_are_refused() -> None:
    stranger = LiveToken("UNI", 8453, "0xcc", 18, "0xpool")
    with pytest.raises(SourceFailure, match="the pool of UNI is one of 0xaa and 0xbb"):
        POOLS.read(stranger, answer(body([at(0)])), SPAN)


def test_a_chart_stands_for_candles_with_its_last_point_of_each() -> None:
    start = int((SPAN.until - CANDLE).timestamp()) * 1000
    points = [[start + 1, Decimal(1)], [start + 200_000, Decimal(2)], [start - 9, Decimal(3)]]
    found = CHART.read(TOKEN, answer({"prices": [*points, [start, None], "x"]}), SPAN)
    assert [(one.start, one.close) for one in found.candles] == [
        (SPAN.until - 2 * CANDLE, Decimal(3)),
        (SPAN.until - CANDLE, Decimal(2)),
    ]
    assert all(one.volume_usd is None for one in found.candles)
    assert found.dropped == {
        candles.DUPLICATE: 1,
        candles.BAD_PRICE: 1,
        candles.NOT_A_ROW: 1,
    }
    with pytest.raises(SourceFailure):
        CHART.read(TOKEN, answer({"prices": None}), SPAN)


def test_what_is_shown_of_a_call_holds_no_url() -> None:
    pools = GeckoTerminalCandles("https://pools.example/secret").request(TOKEN, SPAN.until)
    chart = CoinGeckoChart("https://coins.example/secret", "key").request(TOKEN)
    assert pools is not None
    assert chart is not None
    assert pools.shown == "geckoterminal candles of WETH"
    assert chart.shown == "coingecko chart of WETH"


def test_the_key_of_a_chart_is_in_no_text_that_is_shown() -> None:
    request = CHART.request(TOKEN)
    assert request is not None
    assert request.headers["x-cg-demo-api-key"] == "secret"
    assert "secret" not in request.shown
    assert "/coins/ethereum/market_chart?vs_currency=usd&days=1" in request.url


@given(st.decimals("1e-30", "1e20", allow_nan=False, places=30))
def test_a_price_survives_to_the_digit(price: Decimal) -> None:
    [candle] = read(at(0, str(price))).candles
    assert (candle.open, candle.close) == (price, price)


_anything = st.recursive(
    st.none() | st.booleans() | st.decimals() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(_anything, max_size=6), st.booleans())
def test_no_rows_raise_anything(rows: list[Any], chart: bool) -> None:
    source, whole = (CHART, {"prices": rows}) if chart else (POOLS, body(rows))
    found = source.read(TOKEN, answer(whole), SPAN)
    assert len(found.candles) + sum(found.dropped.values()) == len(rows)
    assert all(isinstance(one, Candle) for one in found.candles)


@given(_anything)
def test_no_body_raises_anything_but_a_failure(whole: Any) -> None:
    for source in (POOLS, CHART):
        with pytest.raises(SourceFailure):
            source.read(TOKEN, answer(whole), SPAN)
