"""Run one command in the foreground: its terminal is ours, its exit status becomes ours."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .errors import Interrupted
from .options import ROOT
from .process import open_tied

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_end_the_work() -> Iterator[None]:
    """Raise Interrupted at the first ending signal; later ones do not disturb the clean-up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for ending in _ENDING:
            signal.signal(ending, signal.SIG_IGN)
        raise Interrupted(f"stopped by {signal.Signals(number).name}")

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_in_foreground(
    argv: Sequence[str], environment: Mapping[str, str], directory: Path = ROOT
) -> int:
    """Run a command, in the project root unless told otherwise, and return its exit status.

    Ctrl+C reaches the command through the terminal and is its own to answer; the other ending
    signals are handed on. A command ended by a signal gives 128 plus its number, as a shell.
    """
    child: list[subprocess.Popen[bytes]] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        for process in child:
            process.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in _ENDING}
    signal.signal(signal.SIGINT, _leave_alone)
    try:
        with open_tied(argv, signal.SIGKILL, env=dict(environment), cwd=directory) as process:
            child.append(process)
            code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _leave_alone(number: int, frame: FrameType | None) -> None:
    """Let the command answer; a handler of ours is not inherited, an ignored signal would be."""
