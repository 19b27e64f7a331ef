"""Lines from the pipes of many children, read by one thread."""

import os
import selectors
from collections.abc import Callable

Sink = Callable[[str], None]

_CHUNK = 65536
_LONGEST_LINE = 1_000_000
# More than a full pipe holds; a child that never stops writing must not hold the loop.
_DRAIN_ROUNDS = 100


class Streams:
    """Hand each line that arrives on a pipe to that pipe's sink.

    One thread for all of them: children must be started from the main thread, and a fork
    beside reading threads could copy a held lock.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._partial: dict[int, bytes] = {}

    def pipe(self, sink: Sink) -> int:
        """Return the writing end of a new pipe, for a child; the caller closes it."""
        reader, writer = os.pipe()
        self._partial[reader] = b""
        self._selector.register(reader, selectors.EVENT_READ, sink)
        return writer

    def read(self, seconds: float) -> bool:
        """Wait at most so long for something to arrive; return whether something did."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            chunk = os.read(key.fd, _CHUNK)
            *lines, rest = (self._partial[key.fd] + chunk).split(b"\n")
            if rest and (not chunk or len(rest) > _LONGEST_LINE):
                lines.append(rest)
                rest = b""
            self._partial[key.fd] = rest
            for line in lines:
                key.data(line.decode(errors="replace").rstrip("\r"))
            if not chunk:
                self._drop(key.fd)
        return bool(ready)

    def drain(self) -> None:
        """Pass on what has arrived, without waiting for more."""
        for _ in range(_DRAIN_ROUNDS):
            if not self.read(0):
                return

    def close(self) -> None:
        """Close every pipe."""
        for descriptor in list(self._partial):
            self._drop(descriptor)
        self._selector.close()

    def _drop(self, descriptor: int) -> None:
        del self._partial[descriptor]
        self._selector.unregister(descriptor)
        os.close(descriptor)
