"""Values of bodies, taken for what they should be or not at all: a body is nobody's promise."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from paper_trading.engine.trust import CLOCK_SKEW, Check
from paper_trading.services.sources.live.base import Reason, Request, SourceFailure

Key = TypeVar("Key", str, tuple[str, str])
_NUMBER = re.compile(r"[0-9]{1,100}(?:\.[0-9]{1,100})?(?:[eE][+-]?[0-9]{1,3})?")


def amount(value: Any) -> Decimal | None:
    """Return a number that is not negative: a Decimal, or text that is one. Otherwise None."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and value >= 0:
        return value
    return None


def positive(value: Any) -> Decimal | None:
    """Return a number above zero: a Decimal, or text that is one. Otherwise None."""
    found = amount(value)
    return found or None


def at(value: Any) -> datetime | None:
    """Return a time: seconds since 1970, or text of ISO 8601 with a zone. Otherwise None."""
    try:
        if isinstance(value, Decimal):
            return datetime.fromtimestamp(int(value), UTC)
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return None if found is None or found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def text(value: Any) -> str:
    """Return text in lower case, the way addresses are compared; empty for what is none."""
    return value.lower() if isinstance(value, str) else ""


def known_once(items: Iterable[tuple[Key, Any]], request: Request) -> dict[Key, Any]:
    """Return the items of an answer by their keys; one that comes twice and differs is None.

    :raises SourceFailure: BAD_BODY when several pools were asked for and none is there: an
        answer that knows nothing of any is none, and no pool is gone by it.
    """
    found: dict[Key, Any] = {}
    for key, item in items:
        found[key] = item if found.get(key, item) == item else None
    if not found and len({one.pool for one in request.tokens}) > 1:
        raise SourceFailure(Reason.BAD_BODY, "the answer knows none of the pools")
    return found


def inside(value: Any, *names: str) -> Any:
    """Return what stands at the end of a path of names; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def objects(value: Any, what: str) -> list[Any]:
    """Return a list of a body; what stands in it may be anything.

    :raises SourceFailure: BAD_BODY when it is none.
    """
    if not isinstance(value, list):
        raise SourceFailure(Reason.BAD_BODY, f"{what} is no list")
    return value


def named(value: Any, what: str) -> Mapping[str, Any]:
    """Return an object of a body.

    :raises SourceFailure: BAD_BODY when it is none.
    """
    if not isinstance(value, Mapping):
        raise SourceFailure(Reason.BAD_BODY, f"{what} is no object")
    return value


def check(price: Any, observed: Any, received_at: datetime) -> Check | None:
    """Return what a source says of a price and its time; None unless both are sound.

    A time ahead of ours would never grow old, so it is none.
    """
    price_usd, observed_at = positive(price), at(observed)
    if price_usd is None or observed_at is None or observed_at > received_at + CLOCK_SKEW:
        return None
    try:
        return Check(price_usd, observed_at)
    except ValueError:
        return None
