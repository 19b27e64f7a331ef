"""An order on every way of a token: what people are told is what the engine would do."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.engine import gas
from paper_trading.engine.amm import amount_out
from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Range, Reserves
from paper_trading.engine.enums import FillGrade, PoolKind, PriceVerdict, Side
from paper_trading.engine.money import cash_units
from paper_trading.engine.ways import best_way
from paper_trading.models import Market, PriceBatch, TokenList
from paper_trading.services.dex_router_service import Route, Routes, get_dex_router
from paper_trading.services.market_view import market_view
from tests import builders as make
from tests.services.routed_worlds import (
    CALM_WEI,
    DIRECT_POOL,
    LINK_POOL,
    WETH_POOL,
    Routed,
    routed,
)

pytestmark = pytest.mark.django_db

CASH, ETHER = 10**6, 10**18
WAY = (WETH_POOL, LINK_POOL)
DIRECT = (DIRECT_POOL,)


def asked(found: Routed, side: Side = Side.BUY, usd: str = "1000", symbol: str = "LINK") -> Routes:
    return get_dex_router(found.market).routes(symbol, side, Decimal(usd))


def addresses(one: Route | None) -> tuple[str, ...]:
    assert one is not None
    return tuple(pool.address for pool in one.pools)


def by_pools(found: Routes, pools: tuple[str, ...]) -> Route:
    return next(one for one in found.routes if addresses(one) == pools)


def test_on_dear_gas_a_small_order_goes_straight_and_a_large_one_deep() -> None:
    found = routed()
    small, large = asked(found), asked(found, usd="100000")
    assert [addresses(one) for one in small.routes] == [DIRECT, WAY]
    assert [addresses(one) for one in large.routes] == [WAY, DIRECT]
    # It is gas that keeps the small one off the way that is cheaper in fees.
    assert addresses(asked(routed_again(found, CALM_WEI)).taken) == WAY


def routed_again(found: Routed, base_fee_wei: int) -> Routed:
    """Let the next batch of the market say another base fee."""
    batch = make.make_batch(
        found.market, found.batch.step + 1, token_list=found.batch.token_list,
        base_fee_wei=base_fee_wei, priority_fee_wei=0, said={},
    )  # fmt: skip
    for row in found.batch.quotes.all():
        row.pk, row.batch = None, batch
        row.save()
    return replace(found, batch=batch)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("usd", ["5", "1000", "4000", "100000", "10000000"])
def test_the_first_way_is_the_one_that_the_bot_takes(side: Side, usd: str) -> None:
    found = routed()
    batch = market_view(found.batch.pk).batch
    units = cash_units(Decimal(usd)) if side is Side.BUY else int(usd) * ETHER // 10
    way = best_way(batch, batch.quotes[found.link.pk], side, units)
    taken = asked(found, side, usd).taken
    assert (DIRECT_POOL in addresses(taken)) == (way.pool == DIRECT_POOL)


def test_a_buy_s_figures_are_those_of_the_pool() -> None:
    one = by_pools(asked(routed()), DIRECT)
    # Half of the figure a side, less the haircut of a fifth.
    out = amount_out(1_000 * CASH, 400_000 * CASH, 40_000 * ETHER, 3000)
    assert one.amount_out == Decimal(out).scaleb(-18)
    assert one.out_usd == (one.amount_out * 10).quantize(Decimal("1e-18"))
    assert (one.code, one.hops, one.grade) == (Code.OK, 1, FillGrade.C)
    assert (one.fee_percent, one.gas_used) == (Decimal("0.3"), gas.SWAP_GAS)
    # 50 gwei, ETH at 2,500 USD.
    assert one.gas_usd == Decimal(gas.SWAP_GAS * 50) / 10**9 * 2_500
    assert one.net_usd == one.out_usd - one.gas_usd
    assert one.price_impact_percent is not None
    # 1000 * 0.997 / (400000 + 1000 * 0.997) of what the fee leaves.
    impact = Decimal(997) ** 2 / (400_000 + Decimal(997)) / 1_000 * 100
    assert abs(one.price_impact_percent - impact) < Decimal("1e-11")


def test_a_sale_is_of_tokens_worth_as_much_and_tells_cash() -> None:
    found = asked(routed(), Side.SELL)
    assert found.amount_in == 100
    one = by_pools(found, DIRECT)
    out = amount_out(100 * ETHER, 40_000 * ETHER, 400_000 * CASH, 3000)
    assert one.amount_out == one.out_usd == Decimal(out).scaleb(-6)
    assert one.price_impact_percent is not None
    assert Decimal("0.24") < one.price_impact_percent < Decimal("0.25")
    # The pools stand in the order of the swap.
    assert addresses(found.routes[1]) == (LINK_POOL, WETH_POOL)


def test_off_the_peg_usd_are_those_of_the_books() -> None:
    found = routed()
    PriceBatch.objects.filter(pk=found.batch.pk).update(cash_price_usd=Decimal("0.8"))
    sale, buy = asked(found, Side.SELL), asked(found)
    # 1,000 of cash are 800 USD: 80 LINK at 10 USD.
    assert (sale.amount_in, buy.amount_in) == (Decimal(80), Decimal(1_000))
    for one in (by_pools(sale, DIRECT), by_pools(buy, DIRECT)):
        assert one.out_usd is not None
        assert 990 < one.out_usd < 997


def test_a_way_of_two_pools_names_both_with_fees_and_gas_of_both() -> None:
    found = asked(routed())
    one = by_pools(found, WAY)
    first, second = one.pools
    assert (first.token, first.against, first.prices_token) == ("WETH", "USDC", True)
    assert (second.token, second.against, second.prices_token) == ("LINK", "WETH", True)
    assert (first.kind, second.fee_percent) == (PoolKind.V2, Decimal("0.05"))
    assert (one.hops, one.gas_used) == (2, gas.V2_TWO_HOP_GAS)
    # 1 - 0.9995 squared, rounded up to a millionth.
    assert one.fee_percent == Decimal("0.1")
    (direct,) = by_pools(found, DIRECT).pools
    assert (direct.token, direct.against, direct.prices_token) == ("LINK", "USDC", False)


def test_a_pool_that_was_read_is_of_grade_b_and_the_worse_pool_counts() -> None:
    read = Reserves(400_000 * CASH, 40_000 * ETHER)
    found = asked(routed(direct_depth=read))
    assert by_pools(found, DIRECT).grade is FillGrade.B
    assert by_pools(found, WAY).grade is FillGrade.C


def test_a_way_of_unknown_depth_comes_last_with_a_code() -> None:
    found = asked(routed(direct_usd=None))
    assert addresses(found.taken) == WAY
    last = found.routes[-1]
    assert (addresses(last), last.code, last.hops) == (DIRECT, Code.DEPTH_UNKNOWN, 1)
    assert last.gas_used == gas.SWAP_GAS
    assert last.gas_usd > 0
    figures = (last.amount_out, last.out_usd, last.price_impact_percent, last.net_usd, last.grade)
    assert set(figures) == {None}


def test_an_order_beyond_the_known_depth_has_a_code_too() -> None:
    shallow = Range(2**96 * 316_228, 10**12, 60, cash_is_token0=True)
    found = asked(routed(direct_depth=shallow), usd="1000000")
    last = found.routes[-1]
    assert (addresses(last), last.code) == (DIRECT, Code.DEPTH_UNKNOWN)
    assert last.grade is FillGrade.B
    assert last.amount_out is last.net_usd is None


def test_where_no_way_is_known_none_is_taken() -> None:
    found = asked(routed(direct_usd=None, weth_usd=None))
    assert found.taken is None
    assert found.code is Code.DEPTH_UNKNOWN
    assert {one.code for one in found.routes} == {Code.DEPTH_UNKNOWN}
    assert {one.hops for one in found.routes} == {1, 2}


@pytest.mark.parametrize(
    ("verdict", "side", "code"),
    [
        (PriceVerdict.JUMP, Side.SELL, Code.PRICE_JUMPED),
        (PriceVerdict.STALE, Side.BUY, Code.PRICE_STALE),
        (PriceVerdict.DISPUTED, Side.BUY, Code.PRICE_DISPUTED),
        (PriceVerdict.DISPUTED, Side.SELL, Code.OK),
        (PriceVerdict.FRESH, Side.BUY, Code.OK),
    ],
)
def test_what_would_stop_an_order_now_is_told(verdict: str, side: Side, code: Code) -> None:
    found = asked(routed(verdict=verdict), side)
    assert (found.verdict, found.code) == (verdict, code)
    assert found.taken is not None


def test_price_and_age_are_those_of_the_newest_batch() -> None:
    old = routed()
    observed = make.START + timedelta(seconds=30)
    batch = routed_again(old, CALM_WEI).batch
    batch.quotes.filter(token=old.link).update(observed_at=observed, price_usd=Decimal(11))
    found = asked(old)
    assert (found.step, found.market_time) == (8, batch.market_time)
    assert (found.price_usd, found.observed_at) == (Decimal(11), observed)
    assert found.age == batch.market_time - observed
    assert not found.is_modelled


def test_a_modelled_market_has_one_pool(market: Market) -> None:
    batch = make.make_batch(market, market.head_step + 1)
    token = market.own_tokens.filter(is_cash=False, tradable=True).order_by("symbol").first()
    assert token is not None
    make.make_quote(batch, token)
    found = get_dex_router(market).routes(token.symbol, Side.BUY, Decimal(500))
    assert found.is_modelled
    (one,) = found.routes
    assert addresses(one) == ("",)
    assert one.pools[0].prices_token
    assert (one.hops, one.code) == (1, Code.OK)


def test_a_symbol_is_known_whatever_its_case_where_it_is_one_token() -> None:
    assert asked(routed(), symbol="link").symbol == "LINK"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"symbol": "SHIB"}, "token 'SHIB' is not in the newest batch of Live Ethereum; allowed "
                             "are LINK, WETH"),
        ({"symbol": "usdc"}, "USDC is the cash of Live Ethereum: it is not traded"),
        ({"usd": Decimal(0)}, "usd was 0; allowed are exact finite numbers above 0"),
        ({"usd": Decimal(-5)}, "usd was -5; allowed"),
        ({"usd": Decimal("NaN")}, "usd was NaN; allowed"),
        ({"usd": Decimal(10) ** 12 + 1}, "usd was 1000000000001; allowed"),
        ({"usd": Decimal("1e-7")}, "base units of cash for 1E-7 USD was 0; allowed"),
        ({"side": "HOLD"}, "side was 'HOLD'; allowed are BUY and SELL"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_words(changes: dict[str, Any], message: str) -> None:
    values = {"symbol": "LINK", "side": Side.BUY, "usd": Decimal(1_000), **changes}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        get_dex_router(routed().market).routes(**values)


def test_a_float_is_refused() -> None:
    usd: Any = 1000.0
    with pytest.raises(TypeError, match=r"usd was 1000\.0"):
        get_dex_router(routed().market).routes("LINK", Side.BUY, usd)


def test_a_market_without_a_batch_says_so() -> None:
    with pytest.raises(ValueError, match="market Bare has no price batch yet"):
        get_dex_router(make.make_market(name="Bare")).routes("LINK", Side.BUY, Decimal(5))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"native_price_usd": None}, "step 7 has no price of the native token: gas is unknown"),
        ({"cash_price_usd": 0}, "step 7 has no price of cash"),
    ],
)
def test_without_a_price_to_reckon_with_nothing_is_quoted(
    values: dict[str, Any], message: str
) -> None:
    found = routed()
    PriceBatch.objects.filter(pk=found.batch.pk).update(**values)
    with pytest.raises(ValueError, match=message):
        asked(found)


def test_a_token_that_the_step_has_no_price_of_says_why() -> None:
    found = routed()
    found.batch.quotes.filter(token=found.link).delete()
    with pytest.raises(ValueError, match="LINK has no price at step 7: PRICE_MISSING"):
        asked(found)
    PriceBatch.objects.filter(pk=found.batch.pk).update(reasons={"LINK": "POOL_OTHER"})
    with pytest.raises(ValueError, match="LINK has no price at step 7: POOL_OTHER"):
        asked(found)


def test_a_pool_against_what_the_market_does_not_list_has_no_first_pool() -> None:
    found = routed()
    rows = TokenList.objects.get().tokens
    (row,) = (one for one in rows if one[1] == "LINK")
    row[-2] = -1
    TokenList.objects.update(tokens=rows)
    told = asked(found)
    assert addresses(told.taken) == DIRECT
    last = told.routes[-1]
    assert (last.code, last.hops, addresses(last)) == (Code.DEPTH_UNKNOWN, 2, (LINK_POOL,))
    assert last.pools[0].against == ""
