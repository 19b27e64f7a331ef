"""How long a provider asks to be left alone: the header `Retry-After` (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: No provider is believed to want more; a month that is spent is said otherwise.
LONGEST_SECONDS = 86_400.0

_SECONDS = re.compile(r"[0-9]{1,400}(?:\.[0-9]{1,20})?")


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds to wait from `now`, 0 to a day; None when the header says nothing."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        # Nine digits are more than a day, however many more follow.
        whole = text.split(".")[0].lstrip("0")
        return LONGEST_SECONDS if len(whole) > 9 else min(float(text), LONGEST_SECONDS)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # A date of RFC 9110 is always in GMT, also when it says "-0000".
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return min(max((until - now).total_seconds(), 0.0), LONGEST_SECONDS)
