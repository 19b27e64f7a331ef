from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.account import Position
from paper_trading.engine.money import ZERO, exact
from paper_trading.engine.position import buy, market_value, price_in_cash, sell
from tests.engine.worlds import NOON, token

ABC = token(3, "ABC")
COSTS = st.integers(1, 10**15).map(lambda units: Decimal(units).scaleb(-6))
UNITS = st.integers(1, 10**40)


def opened(units: int = 100, cost: str = "50") -> Position:
    return buy(None, ABC, units, Decimal(cost), Decimal(2), NOON)


def test_a_first_buy_opens_at_its_price_with_no_adds() -> None:
    position = opened()
    assert position.units == 100
    assert position.cost_usd == 50
    assert position.adds == 0
    assert position.opened_at == position.marked_at == NOON
    assert position.high_price_usd == position.mark_price_usd == 2
    assert position.net_pnl_percent is None


def test_an_add_averages_the_cost_and_keeps_the_opening_time_and_the_high() -> None:
    first = replace(opened(), high_price_usd=Decimal(9), net_pnl_percent=Decimal(3))
    at = NOON + timedelta(hours=1)
    position = buy(first, ABC, 300, Decimal(30), Decimal(1), at)
    assert position.units == 400
    assert position.cost_usd == 80
    assert position.adds == 1
    assert (position.opened_at, position.marked_at) == (NOON, at)
    assert position.high_price_usd == 9
    assert position.mark_price_usd == 1
    assert position.net_pnl_percent is None


def test_the_high_is_measured_in_cash_and_the_mark_in_dollars() -> None:
    off = Decimal("0.8")
    first = buy(None, ABC, 100, Decimal(50), Decimal(2), NOON, cash_price_usd=off)
    assert (first.high_price_usd, first.mark_price_usd) == (Decimal("2.5"), Decimal(2))
    more = buy(first, ABC, 100, Decimal(50), Decimal("2.1"), NOON, cash_price_usd=off)
    assert (more.high_price_usd, more.mark_price_usd) == (Decimal("2.625"), Decimal("2.1"))
    # The same price is less of a cash that has come back to its peg.
    back = buy(more, ABC, 100, Decimal(50), Decimal("2.1"), NOON)
    assert back.high_price_usd == Decimal("2.625")


def test_a_price_in_cash_is_rounded_once_at_the_scale_of_prices() -> None:
    with localcontext(prec=4):
        found = price_in_cash(Decimal(2), Decimal("0.6"))
    assert found == Decimal("3." + "3" * 36)
    assert price_in_cash(Decimal("2e-18"), Decimal(1)) == Decimal("2e-18")


def test_a_partial_sell_takes_its_share_of_the_cost() -> None:
    rest, cost = sell(opened(), 30)
    assert cost == 15
    assert rest is not None
    assert rest.units == 70
    assert rest.cost_usd == 35


def test_a_full_sell_leaves_nothing() -> None:
    assert sell(opened(), 100) == (None, Decimal(50))


def test_market_value_counts_whole_tokens() -> None:
    held = buy(None, token(decimals=6), 2_500_000, Decimal(1), Decimal("3.2"), NOON)
    assert market_value(held) == 8


@given(UNITS, COSTS, st.data())
@exact
def test_whatever_is_sold_in_parts_gives_out_exactly_what_it_cost(
    units: int, cost: Decimal, data: st.DataObject
) -> None:
    position: Position | None = buy(None, ABC, units, cost, Decimal(1), NOON)
    given_out = ZERO
    for _ in range(8):
        if position is None:
            break
        part = data.draw(st.integers(1, position.units))
        position, out = sell(position, part)
        assert out >= 0
        assert position is None or (position.units > 0 and position.cost_usd >= 0)
        given_out += out
    if position is not None:
        position, out = sell(position, position.units)
        given_out += out
    assert position is None
    assert given_out == cost


@given(UNITS, COSTS, UNITS, COSTS)
@exact
def test_adds_sum_units_and_costs(one: int, paid: Decimal, two: int, more: Decimal) -> None:
    both = buy(buy(None, ABC, one, paid, Decimal(1), NOON), ABC, two, more, Decimal(1), NOON)
    assert (both.units, both.cost_usd) == (one + two, paid + more)


@pytest.mark.parametrize("units", [0, -1, 101])
def test_selling_what_is_not_held_is_refused_with_what_is_allowed(units: int) -> None:
    with pytest.raises(
        ValueError, match=f"sell of ABC was {units}; allowed are whole numbers from 1 to 100$"
    ):
        sell(opened(), units)


@pytest.mark.parametrize(("units", "cost"), [(0, "1"), (1, "0"), (-1, "1")])
def test_buying_nothing_or_for_nothing_is_refused(units: int, cost: str) -> None:
    with pytest.raises(ValueError, match=r"allowed are .* (from 1|above 0) to"):
        opened(units, cost)


def test_adding_another_token_is_refused() -> None:
    with pytest.raises(ValueError, match="buy of token 4 with 18 decimals cannot add to token 3"):
        buy(opened(), token(4), 1, Decimal(1), Decimal(1), NOON)


def test_a_first_buy_keeps_what_its_exits_are_scaled_by_and_what_it_brought() -> None:
    position = buy(None, ABC, 100, Decimal(50), Decimal(2), NOON, Decimal("1.5"))
    assert position.exit_factor == Decimal("1.5")
    assert opened().exit_factor == 1
    assert (position.bought_units, position.steps_taken) == (100, 0)
    assert position.bought_usd == 50
    assert position.realized_usd == position.gas_usd == 0


def test_an_add_counts_all_that_was_bought_and_keeps_the_factor() -> None:
    first = buy(None, ABC, 100, Decimal(50), Decimal(2), NOON, Decimal("1.5"))
    half, _ = sell(first, 50)
    assert half is not None
    added = buy(half, ABC, 300, Decimal(30), Decimal(7), NOON, Decimal(2))
    assert (added.units, added.bought_units) == (350, 400)
    assert added.cost_usd == 55
    assert added.bought_usd == 80
    assert added.exit_factor == Decimal("1.5")
    assert added.high_price_usd == added.mark_price_usd == 7


@pytest.mark.parametrize("units", [1.5, Decimal(2), True])
def test_units_that_are_no_whole_number_are_refused(units: Any) -> None:
    with pytest.raises(TypeError, match=r"^units of a buy of ABC was .*; allowed are whole"):
        opened(units)
    with pytest.raises(TypeError, match=r"^units of a sell of ABC was .*; allowed are whole"):
        sell(opened(), units)


def test_a_cost_that_is_no_exact_number_is_refused() -> None:
    cost: Any = 5.0
    with pytest.raises(TypeError, match=r"^cost_usd of a buy of ABC was 5\.0; allowed are exact"):
        buy(None, ABC, 1, cost, Decimal(1), NOON)


def test_no_context_of_the_caller_rounds_anything() -> None:
    cost, price = Decimal("123456789012.123456789012345678"), Decimal("98765.4321")
    first = buy(None, ABC, 3 * 10**18, cost, price, NOON)
    with localcontext(prec=4):
        added = buy(first, ABC, 4 * 10**18, cost, price, NOON)
        rest, out = sell(added, 10**18)
        value = market_value(added)
    assert added.cost_usd == added.bought_usd == Decimal("246913578024.246913578024691356")
    assert out == Decimal("35273368289.178130511146384479")
    assert rest is not None
    assert rest.cost_usd == Decimal("211640209735.068783066878306877")
    assert value == Decimal("691358.0247")
