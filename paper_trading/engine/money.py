"""Exact money: the decimal context, the scales, and the only places that round.

Scales: USD amounts carry 18 decimal places, prices 36, ratios 12. Token amounts are
integers in base units (10**-decimals of a token).
"""

import decimal
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
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


def usd(amount: Decimal | int | str) -> Decimal:
    """Round a USD amount half-even to 18 places."""
    return Decimal(amount).quantize(_USD, rounding=ROUND_HALF_EVEN, context=CONTEXT)


def price(amount: Decimal | int | str) -> Decimal:
    """Round a price (USD per whole token) half-even to 36 places."""
    return Decimal(amount).quantize(_PRICE, rounding=ROUND_HALF_EVEN, context=CONTEXT)


def ratio(amount: Decimal | int | str) -> Decimal:
    """Round a dimensionless ratio half-even to 12 places."""
    return Decimal(amount).quantize(_RATIO, rounding=ROUND_HALF_EVEN, context=CONTEXT)


def return_units(before: int, after: int) -> int:
    """Return after / before - 1 in whole units of 10**-18, half up. `before` must be positive.

    Integers, because statistics over a year of hours sum thousands of products.
    """
    return (2 * after * RETURN_UNIT + before) // (2 * before) - RETURN_UNIT


def to_base_units(quantity: Decimal, decimals: int) -> int:
    """Turn a quantity of whole tokens into base units, rounding down."""
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
