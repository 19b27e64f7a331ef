"""The one way to the network: a bounded, verified, secret-keeping GET or POST of JSON."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError

from paper_trading.services.sources.live import hosts
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure
from paper_trading.services.sources.live.bodies import parse
from paper_trading.services.sources.live.deadline import Deadline, WatchedAdapter
from paper_trading.services.sources.live.failures import failure, failure_inside
from paper_trading.services.sources.live.retry_after import retry_after

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 3.0
#: One call with its retry, to the last byte. Only a name server's silence can add to it: the
#: system's resolver has a limit of its own.
TOTAL_SECONDS: Final = 4.0
#: The largest honest answer, 515 coins or 200 pools, is below a tenth of it.
LARGEST_BODY: Final = 4 * 2**20
#: A retry waits so long, times a random number from 1 to 2.
RETRY_SECONDS: Final = 0.15
_CHUNK = 65_536
#: An upstream's cache that is older than a day is said as a day.
_OLDEST_SECONDS = 86_400
#: A host's addresses are looked at again after so long.
_HOST_SECONDS = 60.0
_HEADERS = {"Accept": "application/json", "User-Agent": "dexproject-paper-trading"}


class HttpClient:
    """Fetches JSON for sources. One for a process; its threads share connections."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        allow_private: bool = False,
        connections: int = 8,
        total_seconds: float = TOTAL_SECONDS,
        largest_body: int = LARGEST_BODY,
        rng: Callable[[], float] = random.random,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        resolve: hosts.Resolve = hosts.addresses,
    ) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._total_seconds = total_seconds
        self._largest_body = largest_body
        self._rng, self._sleep, self._monotonic = rng, sleep, monotonic
        self._resolve = resolve
        self._public: dict[str, float] = {}
        self._session = _session(connections)
        # At DEBUG it would write paths, and a path may hold a key.
        logging.getLogger("urllib3").setLevel(logging.INFO)

    def get(self, request: Request) -> Answer:
        """Return the answer to a request.

        A connection that breaks and a server's error are tried once more, if there is time.

        :raises SourceFailure: with the reason; its message never holds a key.
        """
        end = self._monotonic() + self._total_seconds
        try:
            return self._once(request, end)
        except SourceFailure as failed:
            pause = RETRY_SECONDS * (1 + self._rng())
            if not _may_pass(failed) or self._monotonic() + pause >= end:
                raise
        self._sleep(pause)
        try:
            return replace(self._once(request, end), tries=2)
        except SourceFailure as failed:
            failed.tries = 2
            raise

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _once(self, request: Request, end: float) -> Answer:
        self._require_public(request)
        with Deadline(end - self._monotonic()) as deadline:
            try:
                return self._exchange(request, deadline)
            except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
                if deadline.passed:
                    raise _late() from None
                raise _broken(error) from None

    def _exchange(self, request: Request, deadline: Deadline) -> Answer:
        with self._session.request(
            request.method,
            request.url,
            headers={**_HEADERS, **request.headers},
            json=request.json,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            stream=True,
            allow_redirects=False,
            proxies=_proxies(request.url),
        ) as response:
            body = self._body(response)
            if deadline.passed:
                raise _late()
            return self._answer(request, response, body)

    def _answer(self, request: Request, response: requests.Response, body: bytes) -> Answer:
        now, status = self._clock(), response.status_code
        if 300 <= status < 400:
            # Followed, it would carry the key to wherever it points.
            raise SourceFailure(
                Reason.REQUEST_REFUSED,
                f"HTTP {status}: the address has moved; its base URL is to be set anew",
            )
        if status != 200:
            wait = retry_after(response.headers.get("Retry-After"), now)
            raise failure(status, body, request, wait)
        parsed = parse(body)
        inside = failure_inside(parsed, request)
        if inside is not None:
            raise inside
        age = _age(response.headers.get("Age"))
        return Answer(parsed, now, age or 0, has_age=age is not None)

    def _body(self, response: requests.Response) -> bytes:
        """Return the body, unpacked, as long as it is no larger than allowed.

        A packed body is counted unpacked: a small one may hold gigabytes.
        """
        found = bytearray()
        for chunk in response.iter_content(_CHUNK):
            found += chunk
            if len(found) > self._largest_body:
                raise SourceFailure(
                    Reason.TOO_LARGE, f"the answer is larger than {self._largest_body:,} bytes"
                )
        return bytes(found)

    def _require_public(self, request: Request) -> None:
        """Refuse a host of the own network, also one that a public name points at."""
        if self._allow_private:
            return
        host = urlsplit(request.url).hostname or ""
        now = self._monotonic()
        if self._public.get(host, 0.0) > now:
            return
        try:
            private = hosts.is_private_host(host) or (
                # A proxy finds the address by itself, and decides where it may lead.
                not _has_proxy(request.url) and hosts.private_address(host, self._resolve)
            )
        except (OSError, ValueError):
            raise SourceFailure(Reason.UNREACHABLE, f"{host} has no address") from None
        if private:
            raise SourceFailure(
                Reason.REQUEST_REFUSED,
                f"{host} is not a public host; DEX_ALLOW_PRIVATE_SOURCES=1 allows it",
            )
        self._public[host] = now + _HOST_SECONDS


def _session(connections: int) -> requests.Session:
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Otherwise a ~/.netrc could put its own Authorization in place of a source's key.
    session.auth = _unchanged
    for scheme in ("http://", "https://"):
        adapter = WatchedAdapter(pool_connections=connections, pool_maxsize=connections)
        session.mount(scheme, adapter)
    return session


def _unchanged(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


def _proxies(url: str) -> dict[str, str]:
    """Return no proxy for a host of the own network; others are left to the environment."""
    own = hosts.is_private_host(urlsplit(url).hostname or "")
    return {"http": "", "https": ""} if own else {}


def _has_proxy(url: str) -> bool:
    return select_proxy(url, get_environ_proxies(url)) is not None


def _may_pass(failed: SourceFailure) -> bool:
    """Say whether a second try, at once, makes sense: not where a time was named."""
    if failed.retry_after_seconds is not None:
        return False
    return failed.reason is Reason.SERVER_ERROR or isinstance(failed, _Reset)


class _Reset(SourceFailure):
    """A connection that broke on the way, which another may not."""


def _late() -> SourceFailure:
    return SourceFailure(Reason.TIMED_OUT, "no whole answer in time")


def _broken(error: Exception) -> SourceFailure:
    """Return what a broken exchange means. The exception's text holds the URL: it is not shown."""
    if isinstance(error, ValueError):
        # A key with a line break, a URL without a host: nothing was sent.
        return SourceFailure(Reason.REQUEST_REFUSED, "the request cannot be written")
    if _has(error, "NameResolutionError", "gaierror"):
        return SourceFailure(Reason.UNREACHABLE, "the host's name has no address")
    # urllib3 counts it among timeouts.
    if _has(error, "NewConnectionError"):
        return SourceFailure(Reason.UNREACHABLE, "the host takes no connection")
    if isinstance(error, requests.Timeout) or _has(error, "ReadTimeoutError", "TimeoutError"):
        return SourceFailure(Reason.TIMED_OUT, "no answer in time")
    if isinstance(error, requests.exceptions.SSLError) or _has(error, "SSLError"):
        return SourceFailure(
            Reason.NOT_TLS, "the certificate does not hold, or the peer speaks no TLS"
        )
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return SourceFailure(Reason.BAD_BODY, "the answer is not packed the way it says")
    if _has(error, "IncompleteRead"):
        return SourceFailure(Reason.BAD_BODY, "the answer ends before its length")
    return _Reset(Reason.UNREACHABLE, f"the connection broke ({type(error).__name__})")


def _has(error: BaseException | None, *names: str) -> bool:
    """Say whether an exception, or one that it wraps at any depth, is of one of these kinds."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        if {kind.__name__ for kind in type(found).__mro__} & set(names):
            return True
        waiting += [found.__cause__, found.__context__, getattr(found, "reason", None)]
        waiting += found.args
    return False


def _age(header: str | None) -> int | None:
    """Return the seconds that a header says; None when it says none."""
    text = (header or "").strip()
    if not (text.isascii() and text.isdecimal()):
        return None
    return _OLDEST_SECONDS if len(text) > 9 else min(int(text), _OLDEST_SECONDS)
