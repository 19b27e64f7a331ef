from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.bracket import Bracket, bracket, exit_factor, scaled
from paper_trading.engine.strategy import Strategy

SCALED = Strategy(exit_volatility_percent=Decimal(80))


@pytest.mark.parametrize(
    ("sigma", "factor"),
    [
        ("0.8", "1"),
        ("1", "1.25"),
        ("0.6", "0.75"),
        ("0.4", "0.5"),
        ("0.399999", "0.5"),
        ("0.000001", "0.5"),
        ("1.6", "2"),
        ("1.600001", "2"),
        ("90", "2"),
        ("0.333333333333", "0.5"),
        ("0.7", "0.875"),
    ],
)
def test_distances_follow_volatility_within_a_half_and_two(sigma: str, factor: str) -> None:
    assert exit_factor(SCALED, Decimal(sigma)) == Decimal(factor)


@pytest.mark.parametrize("sigma", [None, Decimal(0)])
def test_an_unmeasured_volatility_leaves_the_settings_as_written(sigma: Decimal | None) -> None:
    assert exit_factor(SCALED, sigma) == 1


def test_without_the_setting_volatility_changes_nothing() -> None:
    assert exit_factor(Strategy(), Decimal(3)) == 1
    assert bracket(Strategy(), Decimal(3)) == Bracket(
        Decimal(5), Decimal(10), Decimal(24), Decimal(1)
    )


def test_a_negative_volatility_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sigma_annual was -1; allowed are .* from 0"):
        exit_factor(SCALED, Decimal(-1))


def test_a_bracket_scales_its_distances_and_not_its_time() -> None:
    wide = bracket(SCALED, Decimal("1.2"))
    assert wide == Bracket(Decimal("7.5"), Decimal(15), Decimal(24), Decimal("1.5"))
    assert scaled(SCALED, Decimal("1.5")) == wide


@given(st.decimals("0.000001", 1000, places=6), st.decimals(1, 1000, places=6))
def test_the_factor_never_leaves_its_range(sigma: Decimal, reference: Decimal) -> None:
    factor = exit_factor(Strategy(exit_volatility_percent=reference), sigma)
    assert Decimal("0.5") <= factor <= 2
