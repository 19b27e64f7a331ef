"""What the user sees: one line at a time, from the launcher and from its children."""

import re
import sys
from typing import TextIO

_WIDTH = 8
# What a worker at work logs all the time: its log file has it, and the screen stays readable.
_ROUTINE = re.compile(r"\S+ \S+ (?:DEBUG|INFO|WARNING paper_trading\.bot\.logs\.routine) ")


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
        """Write a line of a child, marked with the child's name, unless it is routine."""
        if not _ROUTINE.match(line):
            self.say(f"{name:<{_WIDTH}}| {line}")
