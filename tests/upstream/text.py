"""JSON with exact numbers: what `json.dumps` would make floats of."""

import json
from decimal import Decimal
from typing import Any


def dumps(value: Any) -> str:
    """Return JSON text; a Decimal is a number with its own digits, NaN included."""
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value)


def quoted(value: Any) -> Any:
    """Return a number as text, the way some providers write prices; other values as they are."""
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else value
