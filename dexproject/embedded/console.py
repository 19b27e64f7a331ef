"""What the user sees: one line at a time, from the launcher and from its children."""

import sys
from typing import TextIO

_WIDTH = 8


class Console:
    """Write lines to a stream; a stream that is gone (a closed terminal) is ignored."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = stream or sys.stdout

    def say(self, text: str) -> None:
        """Write the launcher's own words."""
        if self._stream is None:
            return
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except OSError:
            self._stream = None

    def relay(self, name: str, line: str) -> None:
        """Write a line of a child, marked with the child's name."""
        self.say(f"{name:<{_WIDTH}}| {line}")
