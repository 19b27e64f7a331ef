"""Intervals as people write them (seconds, decimals allowed) and as rows keep them."""

from decimal import Decimal, InvalidOperation

SHORTEST_MS = 200
LONGEST_MS = 3_600_000
DEFAULT_MS = 15_000
_SHORTEST, _LONGEST = Decimal(SHORTEST_MS) / 1000, Decimal(LONGEST_MS) / 1000
_ALLOWED = "allowed is 0.2 to 3600 seconds with at most three decimals"


def milliseconds(seconds: str) -> int:
    """Return an interval in milliseconds. ValueError says what is allowed."""
    shown = ascii(seconds)[:40]
    try:
        found = Decimal(seconds)
    except InvalidOperation as error:
        raise ValueError(f"interval was {shown}; {_ALLOWED}") from error
    in_range = found.is_finite() and _SHORTEST <= found <= _LONGEST
    if not in_range or "_" in seconds or found != round(found, 3):
        raise ValueError(f"interval was {shown}; {_ALLOWED}")
    return int(found * 1000)


def check(interval_ms: int) -> None:
    """Refuse an interval out of range with a ValueError."""
    if not SHORTEST_MS <= interval_ms <= LONGEST_MS:
        raise ValueError(f"interval was {interval_ms / 1000:g} s; {_ALLOWED}")
