"""What a refusal means: a status, headers and a body of any shape become one reason.

Shapes: CoinGecko's three, Alchemy's, plain text, and a proxy's page.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from paper_trading.services.sources.live.base import Reason, Request, SourceFailure

LONGEST_WORDS = 200
#: Shorter values of headers, and shorter pieces of a URL, are no secrets.
_SHORTEST_IN_HEADER = 6
_SHORTEST_IN_URL = 16
#: CoinGecko's codes: the month's calls; what is wrong with a key, its host or its plan.
MONTH_CODE = 10006
KEY_CODES = frozenset({10002, 10005, 10010, 10011})
_THROTTLED_CODE = 429
_CDN_BLOCK = "1020"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a body of an error says."""

    code: int | None
    words: str
    is_page: bool


def failure(
    status: int, body: bytes, request: Request, retry_after_seconds: float | None
) -> SourceFailure:
    """Return what a call that ended with an error status means."""
    told = _told(body)
    reason = _reason(status, told)
    words = shorten(told.words, secrets(request))
    message = f"HTTP {status}" + (f": {words}" if words else "")
    return SourceFailure(reason, message, retry_after_seconds)


def failure_inside(body: Any, request: Request) -> SourceFailure | None:
    """Return the failure that a body with a good status tells of, if it does.

    CoinGecko's code stands beside or in `status`; a coin of that name carries no code.
    """
    code = _code(body)
    if code is None:
        return None
    told = _Told(code, _words(body), is_page=False)
    words = shorten(told.words, secrets(request))
    reason = _reason(200, told)
    return SourceFailure(reason, f"error {code}" + (f": {words}" if words else ""))


def secrets(request: Request) -> tuple[str, ...]:
    """Return the pieces of a request that must not be shown: its headers' values and URL's key."""
    in_headers = [word for value in request.headers.values() for word in value.split()]
    in_url = [one for one in re.split(r"[/?&=]", request.url) if one not in request.shown]
    long = {one for one in in_headers if len(one) >= _SHORTEST_IN_HEADER}
    long |= {one for one in in_url if len(one) >= _SHORTEST_IN_URL}
    # The longest first, so that no part of one is left over.
    return tuple(sorted(long, key=lambda one: (-len(one), one)))


def shorten(words: str, hidden: Iterable[str] = ()) -> str:
    """Return a provider's own words: one printable line, without secrets, 200 characters."""
    for secret in hidden:
        words = words.replace(secret, "***")
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line[:LONGEST_WORDS]


def _reason(status: int, told: _Told) -> Reason:
    if told.code == MONTH_CODE:
        return Reason.MONTH_SPENT
    if _THROTTLED_CODE in (status, told.code):
        return Reason.THROTTLED
    if status == 401 or told.code in KEY_CODES:
        return Reason.KEY_REFUSED
    if status >= 500 or status == 408 or told.is_page or _is_cdn_block(status, told):
        return Reason.SERVER_ERROR
    return Reason.KEY_REFUSED if status == 403 else Reason.REQUEST_REFUSED


def _is_cdn_block(status: int, told: _Told) -> bool:
    return told.code == int(_CDN_BLOCK) or (status == 403 and _CDN_BLOCK in told.words)


def _told(body: bytes) -> _Told:
    text = body[:100_000].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        # A page is for people with a browser: its text helps nobody in a log.
        return _Told(None, f"a page, {_CDN_BLOCK}" if _CDN_BLOCK in text else "a page", True)
    try:
        parsed = json.loads(text, parse_int=_small)
    except (ValueError, RecursionError):
        return _Told(None, text, is_page=False)
    return _Told(_code(parsed), _words(parsed), is_page=False)


def _small(text: str) -> int | None:
    return int(text) if len(text) <= 18 else None


def _code(body: Any) -> int | None:
    """Return CoinGecko's error code, which stands at the top or in `status`."""
    if not isinstance(body, dict):
        return None
    for place in (body, body.get("status")):
        code = place.get("error_code") if isinstance(place, dict) else None
        if code is not None and str(code).isdecimal() and len(str(code)) <= 18:
            return int(str(code))
    return None


def _words(body: Any) -> str:
    if not isinstance(body, dict):
        return body if isinstance(body, str) else ""
    for place in (body.get("status"), body.get("error"), body):
        if isinstance(place, str):
            return place
        named = place if isinstance(place, dict) else {}
        for name in ("error_message", "message"):
            if isinstance(named.get(name), str):
                return str(named[name])
    return ""
