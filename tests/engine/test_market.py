from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.engine.market import Batch, Quote, Token
from tests.engine.worlds import GAS, NOON, batch, quote, token

ABC = token(3, "ABC")


@pytest.mark.parametrize("decimals", [0, 6, 18, 36])
def test_a_token_of_any_decimals_that_are_kept(decimals: int) -> None:
    assert token(decimals=decimals).decimals == decimals


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("decimals", -1, "whole numbers from 0 to 36"),
        ("decimals", 37, "whole numbers from 0 to 36"),
        ("decimals", 18.0, "whole numbers from 0 to 36"),
        ("decimals", True, "whole numbers from 0 to 36"),
        ("fee_pips", -1, "whole numbers from 0 to 999999"),
        ("fee_pips", 1_000_000, "whole numbers from 0 to 999999"),
        ("fee_pips", Decimal(3000), "whole numbers from 0 to 999999"),
    ],
)
def test_an_impossible_token_is_refused(field: str, value: Any, allowed: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{field} of ABC was .* {allowed}"):
        replace(ABC, **{field: value})


@pytest.mark.parametrize("price", ["2e-18", "1e-36", "1e9", "999999999999999999999999"])
def test_prices_of_every_size_are_quoted(price: str) -> None:
    assert quote(ABC, price).price_usd == Decimal(price)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "-Infinity", "1e24"])
def test_an_absurd_price_is_refused(price: str) -> None:
    with pytest.raises(ValueError, match=r"^price_usd of ABC was .*; allowed are .* above 0 to 9"):
        quote(ABC, price)


@pytest.mark.parametrize("liquidity", ["-1", "NaN", "Infinity", "1e20"])
def test_an_absurd_depth_is_refused(liquidity: str) -> None:
    with pytest.raises(ValueError, match=r"^liquidity_usd of ABC was .*; allowed are .* from 0 to"):
        quote(ABC, liquidity=liquidity)


@pytest.mark.parametrize(
    ("price", "liquidity"), [(1.5, None), ("1.5", None), (Decimal(1), 1e7), (True, None)]
)
def test_floats_and_text_are_refused(price: Any, liquidity: Any) -> None:
    with pytest.raises(TypeError, match=r"of ABC was .*; allowed are exact finite numbers"):
        Quote(ABC, price, NOON, "test", liquidity)


def test_a_time_without_a_zone_is_refused() -> None:
    bare = datetime(2026, 3, 2, 12)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="observed_at of ABC was 2026-03-02T12:00:00; allowed"):
        quote(ABC, at=bare)
    with pytest.raises(ValueError, match="market_time was 2026-03-02T12:00:00; allowed"):
        batch(at=bare)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cash_price_usd", Decimal("-0.01")),
        ("cash_price_usd", Decimal("1000.01")),
        ("cash_price_usd", Decimal("NaN")),
        ("cash_price_usd", 1.0),
        ("native_price_usd", Decimal(-1)),
        ("native_price_usd", Decimal("Infinity")),
        ("native_price_usd", 2000.0),
        ("sigma_annual", {ABC.id: Decimal("-0.1")}),
        ("sigma_annual", {ABC.id: Decimal("NaN")}),
        ("sigma_annual", {ABC.id: 0.65}),
        ("sigma_annual", {ABC.id: Decimal(10) ** 10}),
    ],
)
def test_an_impossible_batch_is_refused(field: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{field}( of token 3)? was .*; allowed"):
        replace(batch(quote(ABC)), **{field: value})


def test_a_quote_under_another_id_is_refused() -> None:
    with pytest.raises(ValueError, match="quotes of batch 1 name token 3 under the id 4"):
        replace(batch(), quotes={4: quote(ABC)})


@pytest.mark.parametrize(
    "name", ["base_fee_wei", "priority_fee_wei", "l1_base_fee_wei", "l1_blob_base_fee_wei"]
)
@pytest.mark.parametrize("fee", [-1, 10**18 + 1, 1.5, Decimal(3)])
def test_an_absurd_fee_is_refused(name: str, fee: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{name} was .* whole numbers from 0 to 1"):
        replace(GAS, **{name: fee})


def test_what_is_unknown_may_be_absent() -> None:
    known: Batch = batch(quote(ABC, liquidity=None), native_price=None, sigma={}, cash_price="0")
    assert known.quotes[ABC.id].liquidity_usd is None
    assert isinstance(known.quotes[ABC.id].token, Token)


def test_what_follows_from_a_batch_is_worked_out_once_and_is_no_part_of_it() -> None:
    one, other = batch(), batch()
    calls: list[int] = []

    def work() -> None:
        calls.append(len(calls))

    assert one.once("nothing", work) is None
    assert one.once("nothing", work) is None
    assert calls == [0]
    assert one == other
    assert repr(one) == repr(other)
    assert not replace(one, step=9).memo
