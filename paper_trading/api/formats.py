"""How the API writes numbers and times."""

from datetime import datetime
from decimal import Decimal


def number(found: Decimal | int | None) -> str | int | None:
    """Return a Decimal as text without trailing zeros; the rest as it is."""
    return f"{found.normalize():f}" if isinstance(found, Decimal) else found


def time(at: datetime | None) -> str | None:
    """Return a time as ISO 8601."""
    return None if at is None else at.isoformat()
