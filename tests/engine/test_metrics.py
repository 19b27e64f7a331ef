from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.metrics import (
    PERIODS_PER_YEAR,
    Performance,
    Point,
    annualised_volatility,
    expectancy,
    hourly_returns,
    max_drawdown,
    performance,
    profit_factor,
    sharpe,
    sortino,
    total_return,
    win_rate,
)
from paper_trading.engine.money import HUNDRED, exact, ratio
from tests.engine.worlds import NOON, account


def decimals(*numbers: str) -> list[Decimal]:
    return [Decimal(number) for number in numbers]


#: Reference returns; the expected values were computed by independent libraries.
RETURNS = decimals(".01", "-.02", ".015", ".005", "-.01", ".02", "-.005", "0", ".012", "-.008")
TOLERANCE = Decimal("1e-9")


def curve(*values: str, minutes: int = 60) -> list[Point]:
    return [
        (NOON + timedelta(minutes=minutes * index), Decimal(value))
        for index, value in enumerate(values)
    ]


def test_sharpe_matches_its_reference() -> None:
    actual = sharpe(RETURNS, 365)
    assert actual is not None
    assert abs(actual - Decimal("2.8628726498")) < TOLERANCE


def test_sortino_matches_its_reference() -> None:
    actual = sortino(RETURNS, 365)
    assert actual is not None
    assert abs(actual - Decimal("4.7297957400")) < TOLERANCE


def test_volatility_profit_factor_and_win_rate_match_their_references() -> None:
    volatility = annualised_volatility(RETURNS, 365)
    factor = profit_factor(RETURNS)
    assert volatility is not None
    assert factor is not None
    assert abs(volatility - Decimal("0.2422392")) < Decimal("1e-7")
    assert abs(factor - Decimal("1.4418605")) < Decimal("1e-7")
    assert abs(factor - Decimal(62) / 43) < TOLERANCE
    assert win_rate(RETURNS) == win_rate(decimals("1", "1", "1", "1", "1", "-1", "-1", "-1", "-1"))


@exact
def test_drawdown_counts_the_start() -> None:
    values = [Decimal(1)]
    for step in RETURNS:
        values.append(values[-1] * (1 + step))
    deepest = max_drawdown(values)
    assert deepest is not None
    assert abs(deepest + Decimal("0.02")) < TOLERANCE
    assert max_drawdown(decimals("100", "90", "120", "60", "130")) == Decimal("-0.5")
    assert max_drawdown([]) is None
    assert max_drawdown(decimals("0", "0")) == 0


def test_expectancy_is_the_mean_of_what_was_won_or_lost() -> None:
    assert expectancy(decimals("30", "0", "-10", "10")) == 10
    assert win_rate(decimals("30", "0", "-10", "10", "10")) == Decimal("0.75")


@pytest.mark.parametrize("returns", [[], decimals("0.1"), decimals("0.1", "0.1", "0.1")])
def test_ratios_without_variance_are_undefined(returns: list[Decimal]) -> None:
    assert sharpe(returns, 365) is None


@pytest.mark.parametrize("returns", [[], decimals("-0.1"), decimals("0.1", "0.2")])
def test_sortino_without_a_loss_is_undefined(returns: list[Decimal]) -> None:
    assert sortino(returns, 365) is None


def test_volatility_needs_two_returns() -> None:
    assert annualised_volatility(decimals("0.1"), 365) is None
    assert annualised_volatility(decimals("0.1", "0.1"), 365) == 0


@pytest.mark.parametrize("figure", [profit_factor, expectancy, win_rate])
def test_figures_of_no_trades_are_undefined(
    figure: Callable[[Sequence[Decimal]], Decimal | None],
) -> None:
    assert figure([]) is None
    assert figure(decimals("0", "0")) is None


def test_a_profit_factor_needs_a_loss_and_may_be_zero() -> None:
    assert profit_factor(decimals("5")) is None
    assert profit_factor(decimals("-5")) == 0


def test_total_return_needs_two_points_and_positive_equity() -> None:
    assert total_return(curve("100", "105", "110")) == Decimal("0.1")
    assert total_return(curve("100")) is None
    assert total_return(curve("100", "0", "5")) is None
    assert total_return(curve("100", "0")) == -1


def test_total_return_does_not_count_a_deposit_as_a_gain() -> None:
    points = curve("100", "110", "320", "352")
    paid = [(points[2][0], Decimal(200))]
    grown = total_return(points, paid)
    assert grown is not None
    # +10 %, then 120/110, then +10 %.
    assert ratio(grown) == Decimal("0.32")


def test_hours_end_with_the_last_value_known() -> None:
    points = curve("100", "103", "104", "110", "121", "99", minutes=25)
    # At 13:00 the value of 12:50 holds (104); at 14:00 that of 13:40 (121).
    assert [ratio(step) for step in hourly_returns(points)] == [
        Decimal("0.04"),
        ratio(Decimal(121) / 104 - 1),
    ]


def test_an_hour_without_ticks_returns_zero() -> None:
    points = [*curve("100", "110"), (NOON + timedelta(hours=4), Decimal(121))]
    assert [ratio(step) for step in hourly_returns(points)] == decimals("0.1", "0", "0", "0.1")


def test_hourly_returns_take_deposits_off() -> None:
    points = curve("100", "300")
    assert hourly_returns(points, [(points[1][0], Decimal(200))]) == (Decimal(0),)


def test_hourly_returns_of_too_little_are_empty() -> None:
    assert hourly_returns([]) == ()
    assert hourly_returns(curve("100")) == ()
    assert hourly_returns(curve("100", "101", minutes=59)) == ()
    assert hourly_returns(curve("100", "0", "100")) == ()


def test_points_out_of_order_are_refused() -> None:
    points = curve("1", "2", "3")
    with pytest.raises(ValueError, match=r"12:00:00\+00:00 comes after 2026-03-02T13"):
        hourly_returns([points[1], points[0]])


def test_an_account_that_has_done_nothing_has_no_figures() -> None:
    nothing = performance(account(), [], [])
    assert nothing == Performance(
        total_return_percent=None,
        sharpe=None,
        sortino=None,
        volatility_percent=None,
        max_drawdown_percent=Decimal(0),
        profit_factor=None,
        expectancy_usd=None,
        win_rate_percent=None,
        wins=0,
        losses=0,
        realized_usd=Decimal(0),
        gas_usd=Decimal(0),
        hours=0,
    )


@exact
def test_performance_brings_the_figures_together() -> None:
    values = [Decimal(10_000)]
    for step in RETURNS:
        values.append(values[-1] * (1 + step))
    points = [(NOON + timedelta(hours=hour), value) for hour, value in enumerate(values)]
    worn = replace(account(), max_drawdown_percent=Decimal("2.5"), gas_usd=Decimal(3))
    made = performance(worn, points, decimals("30", "-10", "0"))
    assert made.hours == 10
    annual = sharpe(RETURNS, PERIODS_PER_YEAR)
    assert annual is not None
    assert made.sharpe == ratio(annual)
    assert made.total_return_percent == ratio((values[-1] / 10_000 - 1) * HUNDRED)
    assert made.profit_factor == 3
    assert made.expectancy_usd == 10
    assert made.win_rate_percent == 50
    assert (made.wins, made.losses) == (1, 1)
    assert made.max_drawdown_percent == Decimal("2.5")
    assert made.gas_usd == 3


@given(st.lists(st.decimals(-1000, 1000, places=6), min_size=1, max_size=30))
@exact
def test_expectancy_is_wins_and_losses_by_their_shares(made: list[Decimal]) -> None:
    wins = [one for one in made if one > 0]
    losses = [-one for one in made if one < 0]
    decided = len(wins) + len(losses)
    actual = expectancy(made)
    if not decided:
        assert actual is None
        return
    won = Decimal(len(wins)) / decided * sum(wins) / max(len(wins), 1)
    lost = Decimal(len(losses)) / decided * sum(losses) / max(len(losses), 1)
    assert actual is not None
    assert abs(actual - (won - lost)) < Decimal("1e-30")


@given(st.lists(st.decimals("0.01", 10**6, places=6), min_size=2, max_size=30))
@exact
def test_hourly_returns_compound_to_the_total(values: list[Decimal]) -> None:
    points = [(NOON + timedelta(hours=hour), value) for hour, value in enumerate(values)]
    growth = Decimal(1)
    for step in hourly_returns(points):
        growth *= 1 + step
    assert ratio(growth) == ratio(values[-1] / values[0])
    deepest = max_drawdown(values)
    assert deepest is not None
    assert -1 < deepest <= 0
