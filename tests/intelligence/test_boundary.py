"""Floats become Decimals once, with 12 places, or not at all."""

import math
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.money import CONTEXT
from paper_trading.intelligence.boundary import decimal_of


@given(st.floats(-1e6, 1e6))
def test_a_reading_keeps_12_places_and_is_nearest(value: float) -> None:
    with localcontext(CONTEXT):
        result = decimal_of(value)
        assert result.as_tuple().exponent == -12
        assert abs(result - Decimal(repr(value))) <= Decimal("0.5e-12")


def test_a_negative_zero_reads_like_zero() -> None:
    assert str(decimal_of(-0.0)) == str(decimal_of(0.0)) == "0E-12"
    assert str(decimal_of(-1e-20)) == "0E-12"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"was {value}; only finite"):
        decimal_of(value)
