"""One way to the sources: a call is granted by its budget, made, read, and noted.

Only the network is waited for in threads; budgets and notes are written by the caller's own.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from django.db import DatabaseError, InterfaceError

from paper_trading.engine.trust import Absent
from paper_trading.services.sources.cool_downs import NOT_ASKED
from paper_trading.services.sources.live.base import (
    Answer,
    LiveToken,
    Reason,
    Request,
    SourceFailure,
)
from paper_trading.services.sources.live.failures import secrets

logger = logging.getLogger(__name__)

#: Calls of one process that are on their way at once.
THREADS = 8
#: One call by itself, outside of a tick.
ALONE_SECONDS = 10.0

Made = TypeVar("Made")
Read = Callable[[Request, Answer], Mapping[str, Any]]


class Asked(Protocol):
    """A source: its name, what it asks for tokens, and how it reads the answer."""

    @property
    def name(self) -> str:
        """Name the source the way quotes and budgets carry it."""
        ...

    def requests(self, tokens: Sequence[LiveToken]) -> Sequence[Request]:
        """Return the calls for tokens."""
        ...

    def read(self, request: Request, answer: Answer) -> Mapping[str, Any]:
        """Return what was said of each token of the request, by symbol."""
        ...


class Fetch(Protocol):
    """What brings an answer over the network."""

    def get(self, request: Request) -> Answer:
        """Return the answer, or raise SourceFailure."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call to make, and how its answer is read: what was said, by symbol."""

    source: str
    request: Request
    read: Read
    #: The request could not be written: it is not made.
    failure: SourceFailure | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call with what came of it: what was said, by symbol, or why nothing was."""

    source: str
    request: Request
    answer: Answer | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    failure: SourceFailure | None = None
    seconds: float = 0.0
    #: The budget granted it, so that it was made; or its source failed before it could be.
    made: bool = True


class Gate(Protocol):
    """The budgets and cool-downs of the sources, shared by all processes."""

    def admit(self, source: str, now: datetime) -> None:
        """Take one call from the budget; SourceFailure when there is none to take."""
        ...

    def rests(self, source: str, now: datetime) -> SourceFailure | None:
        """Return why a source is left alone for now; None when it is not. Takes no call."""
        ...

    def note(self, calls: list[Call], now: datetime) -> None:
        """Keep what came of calls: statistics, and the cool-downs that they ask for."""
        ...

    def broke(self, text: str) -> None:
        """Keep the traceback of what failed inside a source."""
        ...


class Caller:
    """Makes calls at a time of the database's clock."""

    def __init__(
        self, fetch: Fetch, gate: Gate, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._gate = gate
        self._monotonic = monotonic

    def all(self, wanted: Iterable[Wanted], now: datetime, within_seconds: float) -> list[Call]:
        """Make calls at once and return them in their order.

        What is still under way when the time is up counts as timed out.
        """
        began = self._monotonic()
        started = [(one, self._start(one, now, began)) for one in wanted]
        wait([found for _, found in started if isinstance(found, Future)], within_seconds)
        late = self._monotonic() - began
        calls = [self._taken(one, found, late) for one, found in started]
        self._gate.note(calls, now)
        for call in calls:
            _tell(call)
        return calls

    def ask(self, source: str, request: Request, now: datetime) -> Answer:
        """Make one call and return its answer, or raise the SourceFailure that came of it."""
        wanted = Wanted(source, request, lambda _, __: {})
        (call,) = self.all([wanted], now, ALONE_SECONDS)
        if call.answer is None:
            raise call.failure or SourceFailure(Reason.TIMED_OUT, "no answer")
        return call.answer

    def wanted(self, source: Asked, tokens: Sequence[LiveToken], now: datetime) -> list[Wanted]:
        """Return the calls of a source for tokens.

        When its code cannot write them that is its one failed call. While it cools down from
        that the same defect is no news: it is not kept again.
        """
        if not tokens:
            return []
        name = source.name
        made = self.isolated(
            name, None, lambda: source.requests(tokens), lambda: self._gate.rests(name, now)
        )
        if isinstance(made, SourceFailure):
            unwritten = Request("", "its requests", tuple(tokens))
            return [Wanted(name, unwritten, source.read, made)]
        return [Wanted(name, request, source.read) for request in made]

    def isolated(
        self,
        source: str,
        request: Request | None,
        do: Callable[[], Made],
        known: Callable[[], SourceFailure | None] = lambda: None,
    ) -> Made | SourceFailure:
        """Return what a source's own code makes, or why it failed.

        `known` is asked after an error: what it returns stands for an error that was kept before.
        """
        # The isolation boundary of one source fetch: it must never stop the tick.
        try:
            return do()
        except SourceFailure as failure:
            return failure
        except Exception as error:  # noqa: BLE001 - logged without the keys that it may hold
            before = known()
            if before is not None:
                return before
            text = _shown(error, request)
            logger.error("source failed inside: %s\n%s", source, text)
            self._keep(source, text)
            return SourceFailure(Reason.INTERNAL_ERROR, f"{type(error).__name__} inside")

    def _keep(self, source: str, text: str) -> None:
        # The database may be what fails; the log has the traceback.
        try:
            self._gate.broke(text)
        except (DatabaseError, InterfaceError, ValueError) as error:
            # What it says may hold the text again.
            logger.error("traceback of %s not kept: %s", source, type(error).__name__)

    def _taken(self, wanted: Wanted, started: "Future[Call] | Call", late: float) -> Call:
        """Return a call with what was read of its answer."""
        taken = self.isolated(
            wanted.source, wanted.request, lambda: _read(wanted, _ended(started, wanted, late))
        )
        if isinstance(taken, Call):
            return taken
        return Call(wanted.source, wanted.request, failure=taken, seconds=late)

    def _start(self, wanted: Wanted, now: datetime, began: float) -> "Future[Call] | Call":
        if wanted.failure is not None:
            made = wanted.failure.reason not in NOT_ASKED
            return Call(wanted.source, wanted.request, failure=wanted.failure, made=made)
        try:
            self._gate.admit(wanted.source, now)
        except SourceFailure as refused:
            return Call(wanted.source, wanted.request, failure=refused, made=False)
        return _pool().submit(self._get, wanted, now, began)

    def _get(self, wanted: Wanted, now: datetime, began: float) -> Call:
        call = Call(wanted.source, wanted.request)
        try:
            answer = self._fetch.get(wanted.request)
        except SourceFailure as failure:
            return replace(call, failure=failure, seconds=self._monotonic() - began)
        seconds = self._monotonic() - began
        # The market's clock is the database's; this machine's may be another.
        stamped = replace(answer, received_at=now + timedelta(seconds=seconds))
        return replace(call, answer=stamped, seconds=seconds)


def _shown(error: Exception, request: Request | None) -> str:
    """Return a traceback without keys; without a request to know them by, without the message."""
    if request is None:
        frames = "".join(traceback.format_tb(error.__traceback__))
        return f"Traceback (most recent call last):\n{frames}{type(error).__name__}\n"
    text = "".join(traceback.format_exception(error))
    for secret in secrets(request):
        text = text.replace(secret, "***")
    return text


def _tell(call: Call) -> None:
    """Log a call that failed, or that did not say all it was asked for."""
    if call.failure is not None:
        # What was not asked is no news: the first failure of its kind was.
        level = logging.WARNING if call.made else logging.DEBUG
        logger.log(level, "%s: %s: %s", call.source, call.request.shown, call.failure)
    absent = {symbol: one for symbol, one in call.said.items() if isinstance(one, Absent)}
    if absent:
        names = ", ".join(f"{symbol} ({absent[symbol].reason})" for symbol in sorted(absent))
        logger.info("%s: %s: no price of %s", call.source, call.request.shown, names)


def _ended(running: "Future[Call] | Call", wanted: Wanted, seconds: float) -> Call:
    if isinstance(running, Call):
        return running
    if running.done():
        return running.result()
    running.cancel()
    late = SourceFailure(Reason.TIMED_OUT, "no answer within the time of a tick")
    return Call(wanted.source, wanted.request, failure=late, seconds=seconds)


def _read(wanted: Wanted, call: Call) -> Call:
    if call.answer is None:
        return call
    try:
        return replace(call, said=wanted.read(call.request, call.answer))
    except SourceFailure as bad:
        return replace(call, answer=None, failure=bad)


_pools: list[ThreadPoolExecutor] = []


def _pool() -> ThreadPoolExecutor:
    """Return this process's threads; made when first needed, so never before a fork."""
    if not _pools:
        _pools.append(ThreadPoolExecutor(THREADS, thread_name_prefix="prices"))
    return _pools[0]
