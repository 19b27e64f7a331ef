"""A bound on a whole exchange: at its end the socket is shut, whatever it is doing.

Timeouts of a socket start anew with every byte, so that a peer that sends one now and then would
hold a thread for hours, in the headers as well as in the body.
"""

import socket
import threading
from types import TracebackType
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_running = threading.local()


class Deadline:
    """Bounds what this thread exchanges within the block, connections of WatchedAdapter only."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(max(seconds, 0.0), self._end)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        _running.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _running.deadline = None
        self._timer.cancel()
        with self._lock:
            # A kept connection may serve another thread by now.
            self._socket = None

    def watch(self, connected: socket.socket) -> None:
        """Shut this socket when the time is up."""
        with self._lock:
            self._socket = connected
            if self.passed:
                self._shut(connected)

    def _end(self) -> None:
        with self._lock:
            self.passed = True
            if self._socket is not None:
                self._shut(self._socket)

    @staticmethod
    def _shut(connected: socket.socket) -> None:
        try:
            # Below TLS, whose own shutdown must not be called while another thread reads.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
        except OSError:
            # It was closed already.
            return


def _watch(connection: HTTPConnection) -> None:
    deadline: Deadline | None = getattr(_running, "deadline", None)
    if deadline is not None and connection.sock is not None:
        deadline.watch(connection.sock)


class _Plain(HTTPConnection):
    def getresponse(self) -> Any:
        """Wait for the headers, no longer than until the deadline."""
        _watch(self)
        return super().getresponse()


class _Secure(HTTPSConnection):
    def getresponse(self) -> Any:
        """Wait for the headers, no longer than until the deadline."""
        _watch(self)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class WatchedAdapter(HTTPAdapter):
    """Connections that a Deadline of the calling thread can end. Retries nothing by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of watched connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
