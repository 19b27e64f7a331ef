"""The process in which users' signals run: one file, started alone, without the application.

It reads requests from its standard input and answers on its standard output, a line of JSON
each; the bars follow their line as float64. What a signal breaks, hangs or fills up is this
process, which its owner ends and starts anew. It gets no environment, so no secrets.
"""

import collections
import dataclasses
import decimal
import fractions
import functools
import itertools
import json
import operator
import os
import resource
import signal
import statistics
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import process_time
from types import CodeType, FrameType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

#: Imported before any clock runs: a signal's time is its own.
READY = (collections, dataclasses, decimal, fractions, functools, itertools, operator, statistics)
COLUMNS = ("start", "open", "high", "low", "close", "volume")
#: Exit status of a process that a signal would not give back.
HUNG = 124
MEMORY_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Bars:
    """Closed bars, oldest first, a read-only float64 array each.

    Prices are USD per whole token, volume is USD or NaN when it was not stated, and start is
    seconds since 1970 in UTC.
    """

    start: NDArray[np.float64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of bars."""
        return int(self.close.size)


class TimeUp(BaseException):
    """A signal took longer than it may."""


class Clock:
    """Ends a call that uses more processor time than it may."""

    def __init__(self, limit_seconds: float) -> None:
        self.limit_seconds = limit_seconds
        self.rang = False

    def ring(self, _: int, __: FrameType | None) -> None:
        """Interrupt the signal; one that swallows that takes the process with it."""
        if self.rang:
            os._exit(HUNG)
        self.rang = True
        raise TimeUp

    def run(self, act: Callable[[], float]) -> float:
        """Return what an act gives. TimeUp when it took too long."""
        self.rang, began = False, process_time()
        signal.setitimer(signal.ITIMER_PROF, self.limit_seconds, self.limit_seconds)
        try:
            given = act()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        # What is computed inside of numpy is interrupted too late.
        if process_time() - began > self.limit_seconds:
            raise TimeUp
        return given


def bars_of(payload: bytes) -> Bars:
    """Return the bars of a request; `payload` holds the columns one after the other."""
    table = np.frombuffer(payload, dtype=np.float64).reshape(len(COLUMNS), -1)
    return Bars(*table)


def reading(code: CodeType, bars: Bars) -> float:
    """Run a file anew and return what its signal says.

    Anew, because a module that remembers earlier calls would answer otherwise in a replay.

    :raises ValueError: when it says something that is no number.
    """
    module: dict[str, Any] = {"__name__": "signal"}
    exec(code, module)  # noqa: S102 - the user's own file, in a process of its own
    with np.errstate(all="ignore"):
        given = module["signal"](bars)
    number = isinstance(given, int | float | np.integer | np.floating)
    if isinstance(given, bool) or not number:
        raise TypeError(f"gave {type(given).__name__}; a number is needed")
    return float(given)


def answer(compiled: dict[str, CodeType], asked: dict[str, Any], data: bytes, clock: Clock) -> Any:
    """Return the answer to a request; what goes wrong in a signal is in it."""
    try:
        if "source" in asked:
            compiled[asked["sha256"]] = compile(asked["source"], f"{asked['name']}.py", "exec")
        code, bars = compiled[asked["sha256"]], bars_of(data)
        return {"value": clock.run(lambda: reading(code, bars))}
    except TimeUp:
        return {"slow": True}
    except Exception as error:  # noqa: BLE001 - whatever the file raises is its reason
        said = " ".join(str(error).split())[:200]
        return {"failed": f"{type(error).__name__}: {said}" if said else type(error).__name__}


def serve(requests: BinaryIO, answers: BinaryIO, limit_seconds: float) -> None:
    """Say that the process is ready, then answer requests until there are no more."""
    clock, compiled = Clock(limit_seconds), dict[str, CodeType]()
    signal.signal(signal.SIGPROF, clock.ring)
    answers.write(b"{}\n")
    answers.flush()
    for line in requests:
        asked = json.loads(line)
        data = requests.read(asked["size"])
        given = {"id": asked["id"], **answer(compiled, asked, data, clock)}
        answers.write(json.dumps(given).encode() + b"\n")
        answers.flush()


def main() -> None:
    """Serve the owner of this process, and keep its pipes out of the signals' reach."""
    # A stop of the machine ends it by the end of its input, after the last answer.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    serve(requests, answers, float(sys.argv[1]))


if __name__ == "__main__":
    main()
