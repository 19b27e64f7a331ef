"""Every fault of a provider becomes one reason, in time, and no key is ever said."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from io import BytesIO
from typing import Any

import pytest
import requests
from urllib3 import HTTPResponse

from paper_trading.services.sources.live.base import Reason, Request, SourceFailure
from paper_trading.services.sources.live.dexscreener import DexScreener
from paper_trading.services.sources.live.failures import failure, failure_inside
from paper_trading.services.sources.live.http import HttpClient
from paper_trading.services.sources.live.retry_after import LONGEST_SECONDS, retry_after
from tests.services.sources.bodies import asked, body, raw
from tests.services.sources.conftest import START, Clock, Pauses
from tests.upstream import Fault, Upstream

KEY = "CG-SuperSecretKey123"
PATH_KEY = "path-key-0123456789abcdef"


def request(upstream: Upstream) -> Request:
    source = DexScreener(upstream.url("dexscreener"))
    tokens = [one for one in upstream.world.live() if one.price_chain_id == 8453]
    (found,) = source.requests(tokens)
    return found


def refused(client: HttpClient, wanted: Request) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        client.get(wanted)
    return caught.value


WHOLE = {
    Fault.THROTTLED: Reason.THROTTLED,
    Fault.THROTTLED_ALCHEMY: Reason.THROTTLED,
    Fault.THROTTLED_TEXT: Reason.THROTTLED,
    Fault.THROTTLED_PAGE: Reason.THROTTLED,
    Fault.MONTH_SPENT: Reason.MONTH_SPENT,
    Fault.KEY_MISSING: Reason.KEY_REFUSED,
    Fault.WRONG_ROOT: Reason.KEY_REFUSED,
    Fault.FORBIDDEN: Reason.KEY_REFUSED,
    Fault.TOO_MANY: Reason.REQUEST_REFUSED,
    Fault.BAD_REQUEST: Reason.REQUEST_REFUSED,
    Fault.REDIRECT: Reason.REQUEST_REFUSED,
    Fault.CDN_BLOCK: Reason.SERVER_ERROR,
    Fault.TIMEOUT_408: Reason.SERVER_ERROR,
    Fault.ERROR_500: Reason.SERVER_ERROR,
    Fault.PAGE_503: Reason.SERVER_ERROR,
    Fault.PAGE_200: Reason.BAD_BODY,
    Fault.TRUNCATED: Reason.BAD_BODY,
    Fault.CUT_SHORT: Reason.BAD_BODY,
    Fault.NOT_PACKED: Reason.BAD_BODY,
    Fault.NAN: Reason.BAD_BODY,
    Fault.RESET: Reason.UNREACHABLE,
    Fault.HUGE: Reason.TOO_LARGE,
    Fault.HUGE_PACKED: Reason.TOO_LARGE,
}
#: Those that may pass at once.
TRIED_AGAIN = {
    Fault.CDN_BLOCK, Fault.TIMEOUT_408, Fault.ERROR_500, Fault.PAGE_503, Fault.RESET,
}  # fmt: skip


@pytest.mark.parametrize("fault", list(WHOLE), ids=str)
def test_a_fault_has_its_reason(fault: Fault, upstream: Upstream, client: HttpClient) -> None:
    upstream.misbehave("dexscreener", fault)
    failed = refused(client, request(upstream))
    assert failed.reason is WHOLE[fault]
    assert upstream.count("dexscreener") == (2 if fault in TRIED_AGAIN else 1)
    assert "\n" not in str(failed)
    assert len(str(failed)) < 300


@pytest.mark.parametrize("fault", [Fault.SLOW_DRIP, Fault.SLOW_HEADERS, Fault.HANG])
def test_the_whole_answer_has_a_deadline(fault: Fault, upstream: Upstream, clock: Clock) -> None:
    pauses = Pauses()
    client = HttpClient(clock, allow_private=True, total_seconds=0.3, sleep=pauses)
    upstream.misbehave("dexscreener", fault)
    failed = refused(client, request(upstream))
    client.close()
    assert failed.reason is Reason.TIMED_OUT
    assert pauses.seconds == []


def test_a_connection_is_used_again(upstream: Upstream, client: HttpClient) -> None:
    for _ in range(5):
        client.get(request(upstream))
    assert (upstream.connections, upstream.count("dexscreener")) == (1, 5)


def test_a_deadline_of_one_call_does_not_end_the_next(upstream: Upstream, clock: Clock) -> None:
    client = HttpClient(clock, allow_private=True, total_seconds=2.0)
    upstream.misbehave("dexscreener", Fault.SLOW_DRIP, times=1)
    refused(client, request(upstream))
    assert client.get(request(upstream)).body["pairs"]
    client.close()


@pytest.mark.parametrize("fault", sorted(TRIED_AGAIN, key=str))
def test_what_may_pass_is_tried_once_more_after_a_pause(
    fault: Fault, upstream: Upstream, client: HttpClient, pauses: Pauses
) -> None:
    upstream.misbehave("dexscreener", fault, times=1)
    assert client.get(request(upstream)).body["pairs"]
    assert pauses.seconds == [pytest.approx(0.225)]


def test_without_time_nothing_is_tried_again(
    upstream: Upstream, clock: Clock, pauses: Pauses
) -> None:
    client = HttpClient(
        clock, allow_private=True, total_seconds=2.0, rng=lambda: 50.0, sleep=pauses
    )
    upstream.misbehave("dexscreener", Fault.ERROR_500)
    refused(client, request(upstream))
    client.close()
    assert (upstream.count("dexscreener"), pauses.seconds) == (1, [])


def test_a_limit_says_when_to_come_again(upstream: Upstream, client: HttpClient) -> None:
    upstream.misbehave("dexscreener", Fault.THROTTLED)
    assert refused(client, request(upstream)).retry_after_seconds == 2.0
    upstream.misbehave("dexscreener", Fault.THROTTLED_TEXT)
    assert refused(client, request(upstream)).retry_after_seconds is None


def test_an_answer_carries_its_time_and_age(
    upstream: Upstream, client: HttpClient, clock: Clock
) -> None:
    upstream.age_seconds = 17
    found = client.get(request(upstream))
    assert (found.received_at, found.age_seconds) == (clock.time, 17)


def test_nobody_listens(client: HttpClient) -> None:
    with socket.socket() as bound:
        # Bound and never listening: nobody else can take the port meanwhile.
        bound.bind(("127.0.0.1", 0))
        failed = refused(client, Request(f"http://127.0.0.1:{bound.getsockname()[1]}/", "x", ()))
    assert failed.reason is Reason.UNREACHABLE


def test_a_name_without_an_address(clock: Clock) -> None:
    def resolve(host: str) -> list[str]:
        raise OSError(host)

    client = HttpClient(clock, resolve=resolve)
    failed = refused(client, Request("https://prices.example/x", "x", ()))
    assert (failed.reason, str(failed)) == (
        Reason.UNREACHABLE,
        "UNREACHABLE: prices.example has no address",
    )


def test_a_peer_without_tls_is_refused(upstream: Upstream, client: HttpClient) -> None:
    url = upstream.url("dexscreener").replace("http:", "https:")
    assert refused(client, Request(url, "x", ())).reason is Reason.NOT_TLS


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"]
)
def test_a_public_name_that_points_inside_is_refused(address: str, clock: Clock) -> None:
    client = HttpClient(clock, resolve=lambda _: ["1.1.1.1", address])
    failed = refused(client, Request("https://prices.example/x", "x", ()))
    assert failed.reason is Reason.REQUEST_REFUSED
    assert "DEX_ALLOW_PRIVATE_SOURCES" in str(failed)


def test_a_private_host_is_refused_unless_allowed(upstream: Upstream, clock: Clock) -> None:
    failed = refused(HttpClient(clock), request(upstream))
    assert failed.reason is Reason.REQUEST_REFUSED
    assert upstream.count("dexscreener") == 0


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[Callable[..., SourceFailure]]:
    """A client whose session answers what a test says."""
    client = HttpClient(clock, allow_private=True, sleep=lambda _: None)

    def ask(wanted: Request, status: int, content: bytes) -> SourceFailure:
        def respond(*_: Any, **__: Any) -> requests.Response:
            response = requests.Response()
            response.status_code = status
            response.raw = HTTPResponse(BytesIO(content), preload_content=False)
            return response

        monkeypatch.setattr(client._session, "request", respond)
        return refused(client, wanted)

    yield ask
    client.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_a_key_that_is_repeated_by_the_provider_is_not_said(
    status: int, echo: Callable[..., SourceFailure]
) -> None:
    wanted = Request(
        f"https://node.example/v2/{PATH_KEY}",
        "node.example",
        (),
        headers={"x-cg-demo-api-key": KEY, "Authorization": f"Bearer {KEY}"},
    )
    words = f'{{"error":{{"message":"{KEY} of {PATH_KEY} is wrong\\u0007\\nlook"}}}}'
    failed = echo(wanted, status, words.encode())
    assert str(failed).endswith("*** of *** is wrong look")
    assert failed.__cause__ is None


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError(f"/v2/{PATH_KEY}"),
        requests.Timeout(f"/v2/{PATH_KEY}"),
        requests.exceptions.SSLError(f"/v2/{PATH_KEY}"),
        requests.exceptions.InvalidURL(f"/v2/{PATH_KEY}"),
    ],
)
def test_the_text_of_an_exception_is_not_said(
    error: Exception, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    client = HttpClient(clock, allow_private=True, sleep=lambda _: None)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(client._session, "request", fail)
    failed = refused(client, Request(f"https://node.example/v2/{PATH_KEY}", "node.example", ()))
    client.close()
    assert PATH_KEY not in str(failed)
    assert failed.__suppress_context__


@pytest.mark.parametrize("key", ["line\nbreak-0123456789", "schl\u00fcssel-\u0416-0123456789"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_said(
    key: str, upstream: Upstream, client: HttpClient
) -> None:
    wanted = Request(upstream.url("coingecko"), "x", (), headers={"x-cg-demo-api-key": key})
    failed = refused(client, wanted)
    assert failed.reason is Reason.REQUEST_REFUSED
    assert "0123456789" not in str(failed)


def test_threads_share_a_client(upstream: Upstream, client: HttpClient) -> None:
    found: list[int] = []
    wanted = request(upstream)
    threads = [
        threading.Thread(target=lambda: found.append(len(client.get(wanted).body["pairs"])))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("", None), ("soon", None), ("-5", None), ("1e9", None), ("٣", None),
        ("NaN", None), ("0", 0.0), ("2", 2.0), (" 119 ", 119.0), ("2.5", 2.5),
        ("86401", LONGEST_SECONDS), ("9" * 300, LONGEST_SECONDS), ("00000000000002", 2.0),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(START - timedelta(days=2), usegmt=True), 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_SECONDS),
        ("Fri, 99 Xyz 2026 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_when_to_come_again_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, START) == seconds


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("cg_error_429.json", 429, Reason.THROTTLED),
        ("cg_error_429_monthly_10006.json", 429, Reason.MONTH_SPENT),
        ("cg_error_401_10002.json", 401, Reason.KEY_REFUSED),
        ("cg_error_400_10010.json", 400, Reason.KEY_REFUSED),
        ("cg_error_400_10012.json", 400, Reason.REQUEST_REFUSED),
        ("cg_error_400_plain.json", 400, Reason.REQUEST_REFUSED),
        ("alchemy_error_429.json", 429, Reason.THROTTLED),
    ],
)
def test_each_known_body_of_an_error_is_understood(name: str, status: int, reason: Reason) -> None:
    failed = failure(status, raw(name), asked(), None)
    assert failed.reason is reason
    assert len(str(failed)) > len(f"{reason}: HTTP 400: ")


def test_a_code_within_a_good_status_is_a_failure_too() -> None:
    failed = failure_inside(body("cg_error_429_monthly_10006.json"), asked())
    assert failed is not None
    assert failed.reason is Reason.MONTH_SPENT
    assert failure_inside(body("cg_simple_price.200.json"), asked()) is None
    assert failure_inside({"status": {"usd": 1}}, asked()) is None
