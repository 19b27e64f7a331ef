"""What the user sees: one line at a time, from the launcher and from its children."""

import re
import sys
from typing import TextIO

_WIDTH = 8
# What a worker at work logs all the time: its log file has it, and the screen stays readable.
_ROUTINE = re.compile(r"\S+ \S+ (?:DEBUG|INFO|WARNING paper_trading\.bot\.logs\.routine) ")


# Between the first line of a traceback and the exception at its end.
_FRAME = re.compile(r"\s|Traceback \(most recent|During handling of|The above exception|$")
_CLOCK = re.compile(r"^[\d-]+[ T][\d:,.]+ ")


class Console:
    """Write lines to a stream; a stream that is gone (a closed terminal) is ignored."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = stream or sys.stdout
        #: What each child said last, without the time.
        self._last: dict[str, str] = {}

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
        """Write a line of a child, marked with the child's name.

        What is routine, the frames of a traceback, and a line that only says again what the
        child said last are left to its log.
        """
        if _ROUTINE.match(line) or _FRAME.match(line):
            return
        text = _CLOCK.sub("", line)
        if self._last.get(name) != text:
            self._last[name] = text
            self.say(f"{name:<{_WIDTH}}| {line}")
