"""What arrives is read once, exactly: JSON with every number as Decimal, or not at all."""

import json
from decimal import Decimal
from typing import Any, NoReturn

from paper_trading.services.sources.live.base import Reason, SourceFailure

#: A number of 256 bits has 78 digits; nothing that is meant has more than twice that.
LONGEST_NUMBER = 160
_FURTHEST_EXPONENT = 160


def parse(body: bytes) -> Any:
    """Return a JSON body with every number as Decimal.

    :raises SourceFailure: BAD_BODY for what is not JSON, is nested beyond reason, or holds NaN,
        an infinity, or a number that no price or amount can be.
    """
    try:
        return json.loads(
            body, parse_float=_number, parse_int=_number, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise SourceFailure(Reason.BAD_BODY, "the answer is nested too deep") from None
    except ValueError as error:
        found = f"at byte {error.pos}" if isinstance(error, json.JSONDecodeError) else f"{error}"
        raise SourceFailure(Reason.BAD_BODY, f"the answer is not JSON: {found}"[:200]) from None


def _number(text: str) -> Decimal:
    # An exponent of more digits than that would not even be a Decimal.
    if len(text) > LONGEST_NUMBER or len(text.lower().partition("e")[2]) > 6:
        raise ValueError("a number is too long")
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_FURTHEST_EXPONENT:
        raise ValueError("a number is too small")
    if number.adjusted() > _FURTHEST_EXPONENT:
        raise ValueError("a number is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
