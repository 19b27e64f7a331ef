"""Intervals as people write them (seconds, decimals allowed) and as rows keep them."""

from decimal import Decimal, InvalidOperation

SHORTEST_MS = 200
LONGEST_MS = 3_600_000
DEFAULT_MS = 15_000


def milliseconds(seconds: str) -> int:
    """Return an interval in milliseconds. ValueError says what is allowed."""
    try:
        found = int(Decimal(seconds) * 1000)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"interval was {seconds!r}; allowed is 0.2 to 3600 seconds") from error
    check(found)
    return found


def check(interval_ms: int) -> None:
    """Refuse an interval out of range with a ValueError."""
    if not SHORTEST_MS <= interval_ms <= LONGEST_MS:
        raise ValueError(f"interval was {interval_ms / 1000:g} s; allowed is 0.2 to 3600 seconds")
