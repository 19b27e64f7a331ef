"""What leaving a position pays, and what going in and out costs."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper_trading.engine.enums import Side
from paper_trading.engine.fills import leaving, round_trip_percent
from paper_trading.engine.money import ZERO, cash_amount
from paper_trading.engine.swaps import fee_usd
from tests.engine.pools import (
    APPROVED,
    CASH,
    ETHER,
    ETHEREUM,
    TOKEN,
    batch_of,
    order_of,
    swap_of,
)


@pytest.mark.parametrize("approvals", [APPROVED, frozenset({0})])
def test_leaving_is_the_sell_as_quoted_with_all_its_gas(approvals: frozenset[int]) -> None:
    swap = swap_of(order_of(Side.SELL, 5 * ETHER), batch_of(), approvals=approvals)
    due = leaving(5 * ETHER, TOKEN.id, batch_of(), approvals)
    assert due == (cash_amount(swap.quoted_out), swap.gas_usd)


def test_a_round_trip_costs_fees_impact_both_ways_and_gas() -> None:
    batch = batch_of()
    buy = swap_of(order_of(Side.BUY, 10_000 * CASH), batch)
    sell = swap_of(order_of(Side.SELL, buy.amount_out), batch)
    lost = 10_000 - cash_amount(sell.amount_out) + buy.gas_usd + sell.gas_usd
    percent = round_trip_percent(TOKEN.id, Decimal(10_000), batch)
    assert percent is not None
    assert abs(percent - lost / 100) < Decimal("1e-11")
    assert round(percent, 2) == Decimal("2.54")


def test_gas_makes_a_small_round_trip_dear_and_impact_a_large_one() -> None:
    batch = batch_of(gas=ETHEREUM)
    costs = [round_trip_percent(TOKEN.id, Decimal(size), batch) for size in (1, 1000, 100_000)]
    small, middle, large = (cost or ZERO for cost in costs)
    assert small > middle < large
    assert middle > Decimal("0.6")


@pytest.mark.parametrize("notional", ["0", "-1", "0.0000009"])
def test_a_round_trip_of_nothing_is_refused(notional: str) -> None:
    with pytest.raises(ValueError, match=r"must be at least 0\.000001"):
        round_trip_percent(TOKEN.id, Decimal(notional), batch_of())


def test_gas_without_a_price_of_the_native_token_is_refused() -> None:
    unpriced = replace(batch_of(), native_price_usd=None)
    assert leaving(ETHER, TOKEN.id, unpriced, APPROVED) is None
    with pytest.raises(ValueError, match="batch 1 has no price for the native token"):
        fee_usd(1, unpriced)
