"""Seals of records: a short digest a column, so that a changed digit is found and named.

A seal is made from the values themselves when a record is written. Whoever reads the record
later makes it again and compares: the columns that differ were changed, or their seals were.
It guards against mistakes and wear, not against somebody who makes a new seal.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from paper_trading.engine.money import CONTEXT

#: Hexadecimal digits kept of a SHA-256: 48 bits.
_DIGITS = 12


def seal(columns: Mapping[str, Any]) -> dict[str, str]:
    """Return the seal of a record: column to digest.

    TypeError for a value that has no one text: a float, or an object of a class.
    """
    return {
        name: hashlib.sha256(_text(value).encode()).hexdigest()[:_DIGITS]
        for name, value in columns.items()
    }


def seal_rows(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> dict[str, str]:
    """Return one seal over many records: each column's values in the order of the rows."""
    records = [list(row) for row in rows]
    return seal({name: [record[place] for record in records] for place, name in enumerate(names)})


def broken(sealed: Mapping[str, str], columns: Mapping[str, Any]) -> list[str]:
    """Return the columns whose values do not match a seal, or that only one side has."""
    made = seal(columns)
    return [name for name in {**made, **sealed} if made.get(name) != sealed.get(name)]


def _text(value: Any) -> str:
    """Return the one text of a value; numbers that are equal have the same."""
    if isinstance(value, Enum):
        return _text(value.value)
    if value is None or isinstance(value, bool | int | str):
        return f"{type(value).__name__}:{value}"
    if isinstance(value, Decimal):
        return f"decimal:{value.normalize(CONTEXT):f}"
    if isinstance(value, datetime):
        return f"time:{value.astimezone(UTC).isoformat()}"
    if isinstance(value, date):
        return f"day:{value.isoformat()}"
    return _nested(value)


def _nested(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = (f"{key}={_text(value[key])}" for key in sorted(value))
        return f"map:{_joined(parts)}"
    if isinstance(value, list | tuple):
        return f"list:{_joined(map(_text, value))}"
    raise TypeError(f"{type(value).__name__} {value!r} cannot be sealed")


def _joined(parts: Iterable[str]) -> str:
    return "".join(f"{len(part)}:{part}" for part in parts)
