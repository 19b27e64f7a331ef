import decimal
import re
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine import money

ROUND = [(money.usd, "amount_usd", 18), (money.price, "price_usd", 36), (money.ratio, "ratio", 12)]
E18 = 10**18
WRONG = [0.1, True, None, b"1", [1]]


@pytest.mark.parametrize(("round_", "field", "places"), ROUND)
def test_rounding_is_half_even_at_the_scale_in_any_context(
    round_: Any, field: str, places: int
) -> None:
    half = Decimal(5).scaleb(-places - 1)
    step = Decimal(1).scaleb(-places)
    with localcontext(prec=3):
        assert round_(half) == 0
        assert round_(3 * half) == 2 * step
        assert round_(5 * half) == 2 * step
        assert round_(-3 * half) == -2 * step
        assert round_(Decimal("123456.5")) == round_("123456.5") == Decimal("123456.5")
    assert round_(7).as_tuple().exponent == -places
    assert round_("1.5") == Decimal("1.5")


@pytest.mark.parametrize(("round_", "field", "places"), ROUND)
@pytest.mark.parametrize("amount", WRONG)
def test_what_is_no_exact_number_is_refused(
    round_: Any, field: str, places: int, amount: object
) -> None:
    with pytest.raises(TypeError, match=rf"^{field} was .*; allowed are exact finite numbers"):
        round_(amount)


@pytest.mark.parametrize(
    ("round_", "field", "limit"),
    [(money.usd, "amount_usd", 20), (money.price, "price_usd", 24), (money.ratio, "ratio", 18)],
)
def test_what_the_column_cannot_keep_is_refused(round_: Any, field: str, limit: int) -> None:
    for amount in ("NaN", "sNaN", "Infinity", "-Infinity", f"1e{limit}", f"-1e{limit}", "many"):
        with pytest.raises(ValueError, match=rf"^{field} was .*; allowed are exact .* and 1"):
            round_(amount)
    for number in (Decimal(10) ** limit, -(Decimal(10) ** limit), Decimal("NaN")):
        with pytest.raises(ValueError, match=rf"^{field} was "):
            round_(number)
    largest = Decimal(10) ** limit - 1
    assert round_(largest) == largest
    assert round_(-largest) == -largest


def test_a_number_of_a_subclass_is_taken() -> None:
    class Shares(Decimal):
        pass

    assert money.usd(Shares(3)) == 3


@pytest.mark.parametrize("value", [5.0, True, "5", None])
def test_require_takes_no_other_type(value: object) -> None:
    shown = re.escape(repr(value))
    with pytest.raises(TypeError, match=f"^depth was {shown}; allowed are exact .* from 1 to 9$"):
        money.require("depth", value, 1, 9)
    with pytest.raises(TypeError, match=r"^depth was .*; allowed are whole numbers from 1 to 9$"):
        money.require("depth", value, 1, 9, whole=True)


@pytest.mark.parametrize("value", [0, 10, Decimal("0.99"), Decimal("9.01")])
def test_require_names_field_value_and_range(value: Decimal | int) -> None:
    message = f"^depth was {value}; allowed are exact finite numbers from 1 to 9$"
    with pytest.raises(ValueError, match=message):
        money.require("depth", value, 1, 9)


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_require_takes_finite_numbers_only(value: str) -> None:
    with pytest.raises(ValueError, match=f"^depth was {value}; allowed"):
        money.require("depth", Decimal(value), Decimal("-Infinity"), Decimal("Infinity"))


def test_require_takes_both_ends_or_what_is_above_the_lower_one() -> None:
    for value in (1, 9, Decimal(1), Decimal(9)):
        money.require("depth", value, 1, 9)
    money.require("depth", Decimal("1.000001"), 1, 9, above=True)
    with pytest.raises(ValueError, match="allowed are exact finite numbers above 1 to 9"):
        money.require("depth", 1, 1, 9, above=True)
    money.require("depth", 1, 1, 9, whole=True)
    with pytest.raises(TypeError, match="whole numbers"):
        money.require("depth", Decimal(5), 1, 9, whole=True)


@pytest.mark.parametrize(
    ("amount", "kept"),
    [
        ("0.0000000000000000019", "1e-18"),
        ("-0.0000000000000000011", "-2e-18"),
        ("3", "3"),
        ("99999999999999999999.9999999999999999999", "99999999999999999999.999999999999999999"),
    ],
)
def test_a_limit_is_rounded_down_so_that_it_is_never_passed(amount: str, kept: str) -> None:
    with localcontext(prec=3, rounding=decimal.ROUND_UP):
        found = money.usd_floor(Decimal(amount))
    assert found == Decimal(kept) <= Decimal(amount)
    assert found.as_tuple().exponent == -18


@pytest.mark.parametrize("amount", ["NaN", "-Infinity", "1.1e20", "-1.1e20"])
def test_a_limit_that_no_column_keeps_is_refused(amount: str) -> None:
    wanted = f"^amount_usd was {re.escape(str(Decimal(amount)))}; allowed .* from -1.* to 1"
    with pytest.raises(ValueError, match=wanted):
        money.usd_floor(Decimal(amount))


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (1, 1, 0),
        (2, 3, E18 // 2),
        (4, 1, -3 * E18 // 4),
        (5, 0, -E18),
        (3, 5, 666_666_666_666_666_667),
        (3, 4, 333_333_333_333_333_333),
        # Just half a unit goes up, whatever the sign.
        (2 * E18, 2 * E18 + 1, 1),
        (2 * E18, 2 * E18 - 1, 0),
        (2 * E18, 2 * E18 - 2, -1),
    ],
)
def test_a_return_is_counted_in_whole_units_half_up(before: int, after: int, units: int) -> None:
    assert money.return_units(before, after) == units


@pytest.mark.parametrize(
    ("quantity", "decimals", "units"),
    [
        ("1.5", 0, 1),
        ("1.5", 1, 15),
        ("0.000000999", 6, 0),
        ("-1.9", 0, -1),
        ("2e-18", 36, 2 * 10**18),
    ],
)
def test_base_units_round_toward_nothing(quantity: str, decimals: int, units: int) -> None:
    assert money.to_base_units(Decimal(quantity), decimals) == units


@pytest.mark.parametrize("quantity", [1.5, 1, "1"])
def test_base_units_of_no_decimal_are_refused(quantity: Any) -> None:
    with pytest.raises(TypeError, match=r"quantity was .*; allowed are exact finite numbers"):
        money.to_base_units(quantity, 6)


@pytest.mark.parametrize("quantity", ["NaN", "Infinity"])
def test_base_units_of_no_number_are_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match=r"quantity was .*; allowed are exact finite numbers"):
        money.to_base_units(Decimal(quantity), 6)


@given(st.integers(0, 2**256 - 1), st.integers(0, 36))
def test_base_units_survive_the_way_there_and_back(units: int, decimals: int) -> None:
    with localcontext(prec=5):
        whole = money.from_base_units(units, decimals)
    assert money.to_base_units(whole, decimals) == units


def test_cash_has_six_decimals() -> None:
    assert money.cash_units(Decimal("1.2345679")) == 1_234_567
    assert money.cash_amount(1_234_567) == Decimal("1.234567")
    assert money.cash_amount(1).as_tuple().exponent == -18


def test_exact_computes_in_its_own_context_and_leaves_the_callers() -> None:
    @money.exact
    def third(of: int, *, by: int) -> Decimal:
        return Decimal(of) / by

    with localcontext(prec=4) as caller:
        assert len(third(1, by=3).as_tuple().digits) == 120
        assert decimal.getcontext().prec == caller.prec == 4


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: Decimal(1) + Decimal("sNaN"), decimal.InvalidOperation),
        (lambda: Decimal(1) / 0, decimal.DivisionByZero),
        (lambda: Decimal(0) / 0, decimal.InvalidOperation),
        (lambda: Decimal(10) ** 1_000_000, decimal.Overflow),
        (lambda: Decimal(1) < 2.0, decimal.FloatOperation),
    ],
)
def test_the_exact_context_traps(act: Any, error: type[Exception]) -> None:
    with localcontext(money.CONTEXT), pytest.raises(error):
        act()


def test_installing_the_context_reaches_this_thread_and_the_default() -> None:
    before, default = decimal.getcontext().copy(), decimal.DefaultContext.copy()
    try:
        decimal.setcontext(decimal.Context(prec=9))
        money.install_context()
        for found in (decimal.getcontext(), decimal.DefaultContext):
            for name in ("prec", "rounding", "Emin", "Emax"):
                assert getattr(found, name) == getattr(money.CONTEXT, name)
            assert found.traps == money.CONTEXT.traps
        assert decimal.getcontext() is not money.CONTEXT
    finally:
        decimal.setcontext(before)
        for name in ("prec", "rounding", "Emin", "Emax"):
            setattr(decimal.DefaultContext, name, getattr(default, name))
        for signal, trapped in default.traps.items():
            decimal.DefaultContext.traps[signal] = trapped
