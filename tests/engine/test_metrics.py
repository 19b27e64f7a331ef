"""The formulas: reference vectors, an independent library, and what is undefined."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.metrics import (
    LARGEST_ANNUAL_PERCENT,
    annual_return,
    annualised_volatility,
    calmar,
    compounded,
    conditional_value_at_risk,
    mean,
    profit_factor,
    returns_of,
    series,
    sharpe,
    sortino,
    turnover,
    value_at_risk,
)
from paper_trading.engine.money import RETURN_UNIT, exact

#: Reference returns; the expected values were computed by independent libraries.
TEXTS = [".01", "-.02", ".015", ".005", "-.01", ".02", "-.005", "0", ".012", "-.008"]
RETURNS = series(map(Decimal, TEXTS))
TOLERANCE = Decimal("1e-9")


def close(actual: Decimal | None, wanted: Any, within: Decimal = TOLERANCE) -> bool:
    return actual is not None and abs(actual - Decimal(str(wanted))) <= within


@exact
def grown() -> Decimal:
    growth = Decimal(1)
    for text in TEXTS:
        growth *= 1 + Decimal(text)
    return growth


def test_ratios_match_their_references() -> None:
    assert close(sharpe(RETURNS, 365), "2.8628726498")
    assert close(sortino(RETURNS, 365), "4.7297957400")
    assert close(annualised_volatility(RETURNS, 365), "0.2422392", Decimal("1e-7"))


def test_growth_a_year_and_calmar_match_their_references() -> None:
    yearly = compounded(grown(), Decimal("36.5"))
    assert close(yearly, "0.9473847", Decimal("1e-7"))
    assert close(calmar(yearly, Decimal("0.02")), "47.3692", Decimal("1e-4"))


def test_losses_at_risk_match_their_references() -> None:
    assert value_at_risk(RETURNS) == Decimal("-0.0155")
    assert conditional_value_at_risk(RETURNS) == Decimal("-0.02")


def test_figures_of_trades_match_their_references() -> None:
    made = [Decimal(text) for text in TEXTS]
    won = sum(one for one in made if one > 0)
    lost = -sum(one for one in made if one < 0)
    assert close(profit_factor(Decimal(won), Decimal(lost)), "1.4418605", Decimal("1e-7"))
    assert close(mean(Decimal(5), 9), "0.5555555555555555")


@given(
    st.lists(st.integers(-60_000, 60_000), min_size=3, max_size=200),
    st.sampled_from([365, 8_760]),
)
def test_an_independent_library_agrees(steps: list[int], periods: int) -> None:
    """Agree to 1e-9, relative for figures above 1; undefined here is zero or no number there."""
    mine = series(Decimal(step).scaleb(-6) for step in steps)
    theirs = np.array([step / 1e6 for step in steps])
    pairs = [
        (annualised_volatility(mine, periods), empyrical.annual_volatility),
        (sharpe(mine, periods), empyrical.sharpe_ratio),
        (sortino(mine, periods), empyrical.sortino_ratio),
    ]
    for actual, figure in pairs:
        if actual is not None:
            found = figure(theirs, annualization=periods)
            assert float(actual) == pytest.approx(found, rel=1e-9, abs=1e-9)
    at_risk, tail = value_at_risk(mine), conditional_value_at_risk(mine)
    assert at_risk is not None
    assert tail is not None
    assert float(at_risk) == pytest.approx(empyrical.value_at_risk(theirs), abs=1e-12)
    assert float(tail) == pytest.approx(empyrical.conditional_value_at_risk(theirs), abs=1e-12)


# A seed rather than drawn steps: hundreds of draws take longer than what is tested.
@given(st.integers(0, 2**32))
def test_an_independent_library_agrees_on_the_year(seed: int) -> None:
    luck = random.Random(seed)
    steps = [luck.randint(-2_000, 2_000) for _ in range(luck.randint(200, 300))]
    growth = Decimal(1)
    for step in steps:
        growth *= 1 + Decimal(step).scaleb(-6)
    actual = annual_return(growth, len(steps))
    returns = np.array([step / 1e6 for step in steps])
    found = empyrical.annual_return(returns, annualization=8_760)
    assert actual is not None
    assert float(actual) == pytest.approx(found, rel=1e-9, abs=1e-9)
    deepest = empyrical.max_drawdown(returns)
    if deepest < 0:
        ours = calmar(actual, Decimal(repr(float(deepest))))
        theirs = empyrical.calmar_ratio(returns, annualization=8_760)
        assert ours is not None
        assert float(ours) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("texts", [[], ["0.1"], ["0.1", "0.1", "0.1"]])
def test_a_sharpe_ratio_without_variance_is_undefined(texts: list[str]) -> None:
    assert sharpe(series(map(Decimal, texts)), 365) is None


@pytest.mark.parametrize("texts", [[], ["-0.1"], ["0.1", "0.2"]])
def test_a_sortino_ratio_without_a_loss_is_undefined(texts: list[str]) -> None:
    assert sortino(series(map(Decimal, texts)), 365) is None


def test_volatility_needs_two_returns() -> None:
    assert annualised_volatility(series([Decimal("0.1")]), 365) is None
    assert annualised_volatility(series([Decimal("0.1")] * 2), 365) == 0


@pytest.mark.parametrize("figure", [value_at_risk, conditional_value_at_risk])
def test_losses_of_no_returns_are_undefined(figure: Callable[[Any], Decimal | None]) -> None:
    assert figure([]) is None
    assert figure([RETURN_UNIT // 10]) == Decimal("0.1")


def test_figures_of_nothing_are_undefined() -> None:
    assert profit_factor(Decimal(5), Decimal(0)) is None
    assert profit_factor(Decimal(0), Decimal(5)) == 0
    assert mean(Decimal(0), 0) is None
    assert calmar(None, Decimal("0.1")) is None
    assert calmar(Decimal("0.1"), None) is None
    assert calmar(Decimal("0.1"), Decimal(0)) is None
    assert turnover(Decimal(1), Decimal(1), None) is None
    assert turnover(Decimal(1), Decimal(1), Decimal(0)) is None
    assert turnover(Decimal(30), Decimal(10), Decimal(100)) == Decimal("0.2")


def test_a_year_is_not_told_from_a_week_or_an_explosion() -> None:
    assert annual_return(Decimal("1.01"), 167) is None
    assert annual_return(Decimal("1.01"), 168) is not None
    assert annual_return(1 + LARGEST_ANNUAL_PERCENT / 100, 8_760) is not None
    assert annual_return(2 + LARGEST_ANNUAL_PERCENT / 100, 8_760) is None
    assert annual_return(Decimal(0), 8_760) == -1


def test_returns_are_between_the_levels_that_are_known() -> None:
    levels = [None, Decimal(1), Decimal("1.1"), Decimal("0.55")]
    assert returns_of(levels) == (RETURN_UNIT // 10, -RETURN_UNIT // 2)
    assert returns_of([Decimal(1), Decimal(0)]) == (-RETURN_UNIT,)
    assert returns_of([Decimal(1), Decimal(0), Decimal(1)]) == ()
    assert returns_of([]) == returns_of([Decimal(1)]) == ()
