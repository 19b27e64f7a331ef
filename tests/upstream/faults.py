"""How a provider may misbehave, and the answers that are wrong as a whole."""

import gzip
from dataclasses import dataclass, field
from enum import Enum, auto

THROTTLE_STATUS = (
    '{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit. Please visit'
    ' https://www.coingecko.com/en/api/pricing to subscribe to our API plans."}}'
)
PAGE = "<!DOCTYPE html><html><body><h1>{}</h1></body></html>"


class Fault(Enum):
    """A fault of a source."""

    THROTTLED = auto()
    THROTTLED_ALCHEMY = auto()
    THROTTLED_TEXT = auto()
    THROTTLED_PAGE = auto()
    MONTH_SPENT = auto()
    KEY_MISSING = auto()
    WRONG_ROOT = auto()
    TOO_MANY = auto()
    BAD_REQUEST = auto()
    FORBIDDEN = auto()
    CDN_BLOCK = auto()
    TIMEOUT_408 = auto()
    ERROR_500 = auto()
    PAGE_503 = auto()
    PAGE_200 = auto()
    REDIRECT = auto()
    TRUNCATED = auto()
    CUT_SHORT = auto()
    RESET = auto()
    HANG = auto()
    SLOW_DRIP = auto()
    SLOW_HEADERS = auto()
    HUGE = auto()
    HUGE_PACKED = auto()
    NOT_PACKED = auto()
    #: Wrong values where prices should be.
    WRONG_TYPE = auto()
    NULL = auto()
    ZERO = auto()
    NEGATIVE = auto()
    NAN = auto()
    NAN_TEXT = auto()
    MISSING = auto()
    OUTLIER = auto()
    SWAPPED = auto()
    #: Of single items.
    OUT_OF_ORDER = auto()
    ERROR_ELEMENT = auto()
    NO_LIQUIDITY = auto()


@dataclass
class Reply:
    """An answer as it goes out."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _json(status: int, text: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, text.encode(), {"Content-Type": "application/json", **named})


def _page(status: int, title: str) -> Reply:
    return Reply(status, PAGE.format(title).encode(), {"Content-Type": "text/html"})


def throttled(source: str, retry_after_seconds: int) -> Reply:
    """Return how a source says that its limit is exceeded."""
    if source == "alchemy":
        reply = _json(429, '{"error":{"message":"Rate limit exceeded"}}')
    elif source == "coingecko":
        reply = _json(429, THROTTLE_STATUS)
    else:
        reply = Reply(429, b"Throttled", {"Content-Type": "text/plain"})
    reply.headers["Retry-After"] = str(retry_after_seconds)
    return reply


def month_spent() -> Reply:
    """Return how CoinGecko says that the month's calls are used up."""
    words = "You have reached 10,000 calls limit."
    return _json(429, f'{{"status":{{"error_code":10006,"error_message":"{words}"}}}}')


def too_many(limit: int) -> Reply:
    """Return how CoinGecko refuses a call that asks for too much."""
    words = f"Number of contract addresses in the request exceeds the allowed limit ({limit})"
    return _json(400, f'{{"error_code":10012,"status":{{"error_message":"{words}"}}}}')


def bad_request(words: str) -> Reply:
    """Return a plain refusal."""
    return _json(400, f'{{"error":"{words}"}}')


def key_missing() -> Reply:
    """Return CoinGecko's answer to a wrong key."""
    return _json(401, '{"status":{"error_code":10002,"error_message":"API Key Missing."}}')


#: Faults that are another answer in place of the right one.
WHOLE: dict[Fault, Reply] = {
    Fault.THROTTLED: _json(429, THROTTLE_STATUS, Retry_After="2"),
    Fault.THROTTLED_ALCHEMY: _json(429, '{"error":{"message":"Rate limit exceeded"}}'),
    Fault.THROTTLED_TEXT: Reply(429, b"Throttled", {"Content-Type": "text/plain"}),
    Fault.THROTTLED_PAGE: _page(429, "Too many requests"),
    Fault.MONTH_SPENT: month_spent(),
    Fault.KEY_MISSING: key_missing(),
    Fault.WRONG_ROOT: _json(
        400,
        '{"error_code":10010,"status":{"error_message":"If you are using Pro API key, please'
        ' change your root URL from api.coingecko.com to pro-api.coingecko.com"}}',
    ),
    Fault.TOO_MANY: too_many(10),
    Fault.BAD_REQUEST: bad_request("Missing parameter vs_currencies"),
    Fault.FORBIDDEN: _json(403, '{"error":{"message":"Must be authenticated!"}}'),
    Fault.CDN_BLOCK: Reply(403, b"error code: 1020", {"Content-Type": "text/plain"}),
    Fault.TIMEOUT_408: _json(408, "{}"),
    Fault.ERROR_500: _json(500, '{"error":"internal"}'),
    Fault.PAGE_503: _page(503, "Service unavailable"),
    Fault.PAGE_200: _page(200, "Just a moment..."),
    Fault.REDIRECT: Reply(302, b"", {"Location": "http://localhost/elsewhere"}),
    Fault.HUGE_PACKED: Reply(
        200, gzip.compress(b" " * 50_000_000, 1), {"Content-Encoding": "gzip"}
    ),
    Fault.NOT_PACKED: Reply(200, b"[]" * 100, {"Content-Encoding": "gzip"}),
}
