"""What every live source offers: its requests for many tokens, and what an answer says.

A source is pure: it makes requests and reads bodies. Who asks, when, and what a failed call
means to the others is decided around it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Final, Protocol

from paper_trading.engine.trust import Absent, Check
from paper_trading.intelligence.live_step import Seen
from paper_trading.services import token_registry

#: Between a token's symbol and the address of a further pool of it, in the name it is asked by.
FURTHER: Final = "@"


@dataclass(frozen=True, slots=True)
class LiveToken:
    """A token of a live market as sources ask for it. Addresses are in lower case."""

    symbol: str
    price_chain_id: int
    #: On its price chain.
    address: str
    decimals: int
    #: Its pinned pool on the price chain; empty: none is known.
    pool: str
    pool_kind: str = ""
    pool_fee_pips: int = 0
    coingecko_id: str = ""
    is_cash: bool = False
    #: `pool` is a further one of the token, which prices nothing.
    is_further: bool = False
    #: Symbol of the pool's other token; empty: it is taken for one against cash.
    pool_quote: str = ""

    @property
    def listed_as(self) -> str:
        """Return the token's symbol in its market, of a further pool as well."""
        return self.symbol.partition(FURTHER)[0] if self.is_further else self.symbol

    @property
    def is_against_cash(self) -> bool:
        """Say whether its pool is one against cash, as its market takes it."""
        return self.pool_quote in ("", token_registry.CASH_SYMBOL)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. A header or a path may hold a key: `shown` is what may be logged."""

    url: str
    shown: str
    #: Tokens that the answer is about.
    tokens: tuple[LiveToken, ...]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


@unique
class Reason(StrEnum):
    """Why a call brought nothing."""

    THROTTLED = "THROTTLED"
    #: The month's calls are used up: not to be asked again before the next.
    MONTH_SPENT = "MONTH_SPENT"
    KEY_REFUSED = "KEY_REFUSED"
    REQUEST_REFUSED = "REQUEST_REFUSED"
    SERVER_ERROR = "SERVER_ERROR"
    TIMED_OUT = "TIMED_OUT"
    UNREACHABLE = "UNREACHABLE"
    NOT_TLS = "NOT_TLS"
    TOO_LARGE = "TOO_LARGE"
    BAD_BODY = "BAD_BODY"
    #: Not asked: the budget is used up, or the source cools down.
    NO_BUDGET = "NO_BUDGET"
    COOLING = "COOLING"
    #: Our own code failed on it; the error is stored with its traceback.
    INTERNAL_ERROR = "INTERNAL_ERROR"


class SourceFailure(Exception):
    """A call that failed, with its reason, a sentence for people, and when to ask again."""

    def __init__(
        self, reason: Reason, message: str, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        #: Calls that it took to fail.
        self.tries = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A body as it came: JSON with every number as Decimal, and when it was here."""

    body: Any
    received_at: datetime
    #: Of the HTTP header; what a cache on the way adds to the age of what it says.
    age_seconds: int = 0
    #: A header said the age.
    has_age: bool = False
    #: Calls that it took.
    tries: int = 1


class LiveSource(Protocol):
    """A provider of prices; one bulk call for many tokens."""

    @property
    def name(self) -> str:
        """Name the source the way quotes and budgets carry it."""
        ...

    @property
    def batch_limit(self) -> int:
        """Return how many tokens one call may ask for."""
        ...

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        """Return the calls for tokens, as few as the limits allow; those for pools a chain each.

        Tokens that the source cannot know (no pool, no id, a chain it has not) are in none.
        """
        ...


class PoolSource(LiveSource, Protocol):
    """Says price and depth of the pinned pool: it can serve ticks."""

    def read(self, request: Request, answer: Answer) -> Mapping[str, Seen | Absent]:
        """Return what was said of each token of the request, by symbol.

        :raises SourceFailure: BAD_BODY when the body is not what the source documents; a bad
            item is an Absent of its token, and the others count.
        """
        ...


class CheckSource(LiveSource, Protocol):
    """Says a price of a token from elsewhere than its pool: it cross-checks."""

    def read(self, request: Request, answer: Answer) -> Mapping[str, Check]:
        """Return what was said of each token of the request that was said, by symbol."""
        ...
