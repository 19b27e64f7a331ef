from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.account import Position
from paper_trading.engine.money import ZERO, exact
from paper_trading.engine.position import buy, market_value, sell
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
