"""The server: routes calls to providers, meters and counts them, and misbehaves when told to."""

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.upstream import providers, rpc
from tests.upstream.faults import WHOLE, Fault, Reply, key_missing, month_spent, throttled
from tests.upstream.limits import LIMITS, Limit, Meter
from tests.upstream.providers import Answered, Asked
from tests.upstream.world import View, World

PROVIDERS: dict[str, Callable[[View, Asked], Answered]] = {
    "dexscreener": providers.dexscreener,
    "geckoterminal": providers.geckoterminal,
    "coingecko": providers.coingecko,
    "defillama": providers.defillama,
    "alchemy": providers.alchemy,
    "rpc": rpc.rpc,
}


@dataclass
class _Misbehaviour:
    fault: Fault
    #: None: until told otherwise.
    times: int | None


class Upstream:
    """Six providers on loopback; use it as a context.

    `calls` counts by (source, route, chain), `throttled` the 429 that limits caused, and
    `connections` those that clients opened.
    """

    def __init__(self, world: World, limits: dict[str, Limit] | None = None) -> None:
        self.world = world
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.throttled: Counter[str] = Counter()
        self.connections = 0
        #: Keys that are asked for, by source; a source that is not in it takes any or none.
        self.keys: dict[str, str] = {}
        #: The header that stands for what caches on the way add.
        self.age_seconds: int | str | None = None
        self.meters = {name: Meter(one) for name, one in {**LIMITS, **(limits or {})}.items()}
        #: What a source answers, whatever it is asked: bodies as they were recorded.
        self.recorded: dict[str, Reply] = {}
        self._faults: dict[str, _Misbehaviour] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "Upstream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, source: str) -> str:
        """Return the base URL of a source."""
        return f"http://127.0.0.1:{self._server.server_port}/{source}"

    def misbehave(self, source: str, fault: Fault, times: int | None = None) -> None:
        """Let a source have a fault, for so many calls or until `behave`."""
        with self._lock:
            self._faults[source] = _Misbehaviour(fault, times)

    def behave(self, source: str | None = None) -> None:
        """End the fault of a source, or all of them."""
        with self._lock:
            self._faults = {
                name: one for name, one in self._faults.items() if source not in (None, name)
            }

    def count(self, source: str, chain: str | None = None) -> int:
        """Return how often a source was called, in all or for one chain."""
        return sum(
            number
            for (name, _, of), number in self.calls.items()
            if name == source and chain in (None, of)
        )

    def opened(self) -> None:
        """Count a connection."""
        with self._lock:
            self.connections += 1

    def answer(self, source: str, asked: Asked) -> tuple[Reply, Fault | None]:
        """Return the answer to a call, and the fault that its transport has."""
        with self._lock:
            fault = self._fault(source)
            now = self.world.now()
            reply, chain = PROVIDERS[source](View(self.world, fault), asked)
            self.calls[source, _route(source, asked), chain] += 1
            refused = self._refusal(source, asked)
            if refused is not None:
                return refused, None
            if fault in WHOLE:
                return WHOLE[fault], fault
            reply = self.recorded.get(source, reply)
            if reply.status == 200:
                self.meters[source].answered(now)
            if self.age_seconds is not None:
                reply.headers["Age"] = str(self.age_seconds)
            return reply, fault

    def _fault(self, source: str) -> Fault | None:
        found = self._faults.get(source)
        if found is None:
            return None
        if found.times is not None:
            found.times -= 1
            if found.times <= 0:
                del self._faults[source]
        return found.fault

    def _refusal(self, source: str, asked: Asked) -> Reply | None:
        now, meter = self.world.now(), self.meters[source]
        key = self.keys.get(source)
        if key is not None and not any(key in value.split() for value in asked.headers.values()):
            return key_missing()
        seconds = meter.wait_seconds(now)
        if seconds:
            self.throttled[source] += 1
            return throttled(source, seconds)
        if meter.is_month_spent(now):
            self.throttled[source] += 1
            return month_spent()
        return None


def _route(source: str, asked: Asked) -> str:
    return "batch" if source == "rpc" else "/".join(asked.path[:-1] or asked.path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave in the middle: some faults make them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes: with Nagle's algorithm the second would wait.
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.upstream.opened()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing to the terminal."""

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._answer(json.loads(self.rfile.read(length)))

    def _answer(self, body: Any) -> None:
        parts = urlsplit(self.path)
        source, *path = parts.path.strip("/").split("/")
        if source not in PROVIDERS:
            self._send(Reply(404, b"no such source"))
            return
        query = dict(parse_qsl(parts.query))
        asked = Asked(path, query, body, dict(self.headers.items()))
        reply, fault = self.server.upstream.answer(source, asked)
        transport = {
            Fault.RESET: self._reset,
            Fault.HANG: self._hang,
            Fault.SLOW_DRIP: self._drip_body,
            Fault.SLOW_HEADERS: self._drip_headers,
            Fault.TRUNCATED: self._truncate,
            Fault.CUT_SHORT: self._cut_short,
            Fault.HUGE: self._huge,
        }
        act = transport.get(fault) if fault is not None else None
        if act is None:
            self._send(reply)
        else:
            act(reply)

    def _send(self, reply: Reply) -> None:
        self._head(reply, len(reply.body))
        self.wfile.write(reply.body)

    def _head(self, reply: Reply, length: int) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _reset(self, _: Reply) -> None:
        """Close with a reset in place of an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()
        self.connection.close()

    def _hang(self, _: Reply) -> None:
        self.close_connection = True
        self.server.upstream.stopping.wait(30)

    def _drip(self, data: bytes) -> None:
        self.close_connection = True
        for byte in data:
            if self.server.upstream.stopping.wait(0.02):
                return
            self.wfile.write(bytes([byte]))

    def _drip_body(self, reply: Reply) -> None:
        self._head(reply, 1_000_000)
        self._drip(b" " * 2_000)

    def _drip_headers(self, _: Reply) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip(b"x" * 2_000)

    def _truncate(self, reply: Reply) -> None:
        """Send JSON that ends in the middle, as if that were all of it."""
        self._send(Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers))

    def _cut_short(self, reply: Reply) -> None:
        """Announce more than is sent."""
        self._head(reply, len(reply.body) + 100)
        self.wfile.write(reply.body)
        self.close_connection = True

    def _huge(self, reply: Reply) -> None:
        self.close_connection = True
        self._head(reply, 2**31)
        block = b"[" + b" " * 65_535
        while not self.server.upstream.stopping.is_set():
            self.wfile.write(block)
