"""The one place where float64 becomes Decimal."""

import math
from decimal import Decimal

from paper_trading.engine.money import ZERO, ratio


def decimal_of(value: float) -> Decimal:
    """Turn a float into a Decimal of 12 places, half-even.

    :raises ValueError: when the value is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"a computed reading was {value}; only finite numbers are allowed")
    # Adding zero turns a negative zero into zero, so that its text is the same everywhere.
    return ratio(repr(value)) + ZERO
