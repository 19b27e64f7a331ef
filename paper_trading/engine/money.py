"""Exact money: the decimal context, the scales, and the only places that round.

Scales: USD amounts carry 18 decimal places, prices 36, ratios 12. Token amounts are
integers in base units (10**-decimals of a token).
"""

import decimal
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import wraps
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

USD_PLACES = 18
PRICE_PLACES = 36
RATIO_PLACES = 12
CASH_DECIMALS = 6  # USDC
RETURN_UNIT = 10**18

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)

#: What the columns keep: numeric(38,18), numeric(60,36), numeric(30,12), numeric(78,0).
USD_DIGITS, PRICE_DIGITS, RATIO_DIGITS = 20, 24, 18
USD_LIMIT = Decimal(10) ** USD_DIGITS
PRICE_LIMIT = Decimal(10) ** PRICE_DIGITS
RATIO_LIMIT = Decimal(10) ** RATIO_DIGITS
UNITS_LIMIT = 2**256 - 1
DECIMALS_LIMIT = 36
#: The most that is paid in at once.
HIGHEST_DEPOSIT_USD = Decimal(10) ** 12

_USD = Decimal(1).scaleb(-USD_PLACES)
_PRICE = Decimal(1).scaleb(-PRICE_PLACES)
_RATIO = Decimal(1).scaleb(-RATIO_PLACES)

# 120 digits: numeric(60,36) times numeric(78,0) still fits without a hidden rounding.
CONTEXT = decimal.Context(
    prec=120,
    rounding=ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    traps=[
        decimal.FloatOperation,
        decimal.InvalidOperation,
        decimal.DivisionByZero,
        decimal.Overflow,
    ],
)


def install_context() -> None:
    """Make the exact context the default of this thread and of all later threads."""
    for name in ("prec", "rounding", "Emin", "Emax"):
        setattr(decimal.DefaultContext, name, getattr(CONTEXT, name))
    for signal, trapped in CONTEXT.traps.items():
        decimal.DefaultContext.traps[signal] = trapped
    decimal.setcontext(CONTEXT.copy())


def exact(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Make a function compute in the exact context, whatever its caller's is."""

    @wraps(function)
    def run(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with decimal.localcontext(CONTEXT):
            return function(*args, **kwargs)

    return run


def require(
    field: str,
    value: object,
    low: Decimal | int,
    high: Decimal | int,
    *,
    above: bool = False,
    whole: bool = False,
) -> None:
    """Refuse a value that is no exact number from `low` to `high`; with `above`, above `low`.

    :raises TypeError: for a float, a bool, text, None; with `whole` for all but an int.
    :raises ValueError: for NaN, an infinity, and what is out of range.
    """
    # One test for the usual case: this runs for every quote of every batch.
    exact_type = type(value) is int or (not whole and type(value) is Decimal)
    number = value if isinstance(value, Decimal | int) else None
    if exact_type and number is not None and _within(number, low, high, above):
        return
    kind = "whole numbers" if whole else "exact finite numbers"
    start = f"above {low}" if above else f"from {low}"
    shown = f"{value}" if exact_type else repr(value)
    message = f"{field} was {shown}; allowed are {kind} {start} to {high}"
    raise ValueError(message) if exact_type else TypeError(message)


def _within(number: Decimal | int, low: Decimal | int, high: Decimal | int, above: bool) -> bool:
    if isinstance(number, Decimal) and not number.is_finite():
        return False
    return (low < number if above else low <= number) and number <= high


def usd(amount: Decimal | int | str) -> Decimal:
    """Round a USD amount half-even to 18 places.

    :raises TypeError: for a float.
    :raises ValueError: for what is not a finite number below 10**20 either way.
    """
    if type(amount) is Decimal and amount.is_finite() and amount.adjusted() < USD_DIGITS:
        return amount.quantize(_USD, ROUND_HALF_EVEN, CONTEXT)
    return _rounded("amount_usd", amount, _USD, USD_LIMIT)


def usd_floor(amount: Decimal) -> Decimal:
    """Round a limit in USD down to 18 places, so that what keeps to it never passes it.

    :raises ValueError: for what is not a finite number below 10**20 either way.
    """
    require("amount_usd", amount, -USD_LIMIT, USD_LIMIT)
    return amount.quantize(_USD, ROUND_FLOOR, CONTEXT)


def price(amount: Decimal | int | str) -> Decimal:
    """Round a price (USD per whole token) half-even to 36 places.

    :raises TypeError: for a float.
    :raises ValueError: for what is not a finite number below 10**24 either way.
    """
    if type(amount) is Decimal and amount.is_finite() and amount.adjusted() < PRICE_DIGITS:
        return amount.quantize(_PRICE, ROUND_HALF_EVEN, CONTEXT)
    return _rounded("price_usd", amount, _PRICE, PRICE_LIMIT)


def ratio(amount: Decimal | int | str) -> Decimal:
    """Round a dimensionless ratio half-even to 12 places.

    :raises TypeError: for a float.
    :raises ValueError: for what is not a finite number below 10**18 either way.
    """
    if type(amount) is Decimal and amount.is_finite() and amount.adjusted() < RATIO_DIGITS:
        return amount.quantize(_RATIO, ROUND_HALF_EVEN, CONTEXT)
    return _rounded("ratio", amount, _RATIO, RATIO_LIMIT)


def _rounded(field: str, amount: object, places: Decimal, limit: Decimal) -> Decimal:
    """Round what is not the usual case, a Decimal in range, or refuse it."""
    if type(amount) is int or isinstance(amount, Decimal):
        number = Decimal(amount)
    elif isinstance(amount, str):
        number = _read(field, amount, limit)
    else:
        raise TypeError(
            f"{field} was {amount!r}; allowed are exact finite numbers between -{limit} and {limit}"
        )
    # NaN compares with nothing.
    if not number.is_finite() or number.copy_abs() >= limit:
        raise ValueError(
            f"{field} was {amount!r}; allowed are exact finite numbers between -{limit} and {limit}"
        )
    return number.quantize(places, rounding=ROUND_HALF_EVEN, context=CONTEXT)


def _read(field: str, text: str, limit: Decimal) -> Decimal:
    try:
        return Decimal(text)
    except decimal.InvalidOperation as error:
        raise ValueError(
            f"{field} was {text!r}; allowed are exact finite numbers between -{limit} and {limit}"
        ) from error


def return_units(before: int, after: int) -> int:
    """Return after / before - 1 in whole units of 10**-18, half up. `before` must be positive.

    Integers, because statistics over a year of hours sum thousands of products.
    """
    return (2 * after * RETURN_UNIT + before) // (2 * before) - RETURN_UNIT


def to_base_units(quantity: Decimal, decimals: int) -> int:
    """Turn a quantity of whole tokens into base units, rounding down.

    :raises TypeError: for a float.
    :raises ValueError: for NaN and infinities.
    """
    if not isinstance(quantity, Decimal):
        raise TypeError(f"quantity was {quantity!r}; allowed are exact finite numbers")
    if not quantity.is_finite():
        raise ValueError(f"quantity was {quantity!r}; allowed are exact finite numbers")
    scaled = CONTEXT.scaleb(quantity, decimals)
    return int(scaled.to_integral_value(rounding=ROUND_DOWN, context=CONTEXT))


def from_base_units(units: int, decimals: int) -> Decimal:
    """Turn base units into whole tokens, exactly."""
    return CONTEXT.scaleb(Decimal(units), -decimals)


def cash_units(amount_usd: Decimal) -> int:
    """Turn an amount of cash (USDC at par) into its base units, rounding down."""
    return to_base_units(amount_usd, CASH_DECIMALS)


def cash_amount(units: int) -> Decimal:
    """Turn base units of cash (USDC) into an amount at par, at the USD scale."""
    return usd(from_base_units(units, CASH_DECIMALS))
