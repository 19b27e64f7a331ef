"""Keep processes running: relay their output, start them again, end them in order."""

import functools
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import TextIO

from .console import Console
from .environment import relative
from .errors import GaveUp, Interrupted
from .process import Process, ProcessSpec, last_line
from .restarts import LIMIT, Restarts
from .streams import Sink, Streams

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class _Watched:
    process: Process
    restarts: Restarts = field(default_factory=Restarts)
    start_at: float | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process that was run to its end came out, and the lines it wrote."""

    code: int
    output: list[str]
    errors: list[str]


class Supervisor:
    """Run processes from one thread; `stop` ends them by rank, the lowest first.

    Signals are noted and acted upon in `pump`, which raises Interrupted; while stopping, a
    second signal makes the rest go without grace.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._streams = Streams()
        self._watched: list[_Watched] = []
        self._jobs: list[Process] = []
        self._logs: dict[Path, TextIO] = {}
        self._signals = 0
        self._stopping = False

    def listen(self) -> None:
        """Note SIGINT, SIGTERM and SIGHUP instead of dying of them."""

        def note(number: int, frame: FrameType | None) -> None:
            self._signals += 1

        for number in _SIGNALS:
            signal.signal(number, note)

    def start(self, spec: ProcessSpec) -> None:
        """Start a process and keep it running."""
        process = Process(spec)
        self._watched.append(_Watched(process))
        self._launch(process)

    def adopt(self, process: Process) -> None:
        """Keep a process running that is started already."""
        self._watched.append(_Watched(process))

    def run(self, spec: ProcessSpec, show: Sink = lambda line: None) -> Finished:
        """Run a process to its end; `show` sees each line of its error output."""
        process = Process(spec)
        output: list[str] = []
        errors: list[str] = []
        keep = self._keeper(spec)
        stdout = self._streams.pipe(_each(output.append, keep))
        stderr = self._streams.pipe(_each(errors.append, keep, show))
        self._jobs.append(process)
        try:
            process.start(stdout=stdout, stderr=stderr)
        finally:
            os.close(stdout)
            os.close(stderr)
        self.wait_until(lambda: not process.running)
        process.kill()
        self._streams.drain()
        self._jobs.remove(process)
        return Finished(process.popen.returncode, output, errors)

    def wait_until(self, done: Callable[[], bool]) -> None:
        """Keep everything running until `done` answers yes."""
        while not done():
            self.pump(_LOOK_SECONDS)

    def pump(self, seconds: float) -> None:
        """Relay output and restart what ended, for about so many seconds.

        Raises Interrupted after a signal and GaveUp when a process keeps ending.
        """
        until = time.monotonic() + seconds
        while True:
            if self._signals and not self._stopping:
                raise Interrupted("stopped by a signal")
            left = until - time.monotonic()
            self._streams.read(max(0.0, min(left, _LOOK_SECONDS)))
            if not self._stopping:
                for watched in self._watched:
                    self._look_after(watched)
            if left <= 0:
                return

    def stop(self) -> None:
        """End all processes, rank by rank: a rank is asked together and waited for."""
        if self._stopping:
            return
        self._stopping = True
        before = self._signals
        for job in self._jobs:
            job.kill()
        processes = sorted(
            (watched.process for watched in self._watched), key=lambda process: process.spec.rank
        )
        for _, rank in groupby(processes, key=lambda process: process.spec.rank):
            self._end(list(rank), lambda: self._signals > before)
        self._streams.drain()
        self._streams.close()
        for log in self._logs.values():
            log.close()

    def _end(self, processes: list[Process], hurried: Callable[[], bool]) -> None:
        asked_at = time.monotonic()
        for process in processes:
            process.signal(process.spec.stop_signal)

        def waiting(process: Process) -> bool:
            spec = process.spec
            grace = min(spec.grace, spec.hurried_grace) if hurried() else spec.grace
            return process.running and time.monotonic() < asked_at + grace

        while any(waiting(process) for process in processes):
            self.pump(_LOOK_SECONDS)
        for process in processes:
            if process.running:
                why = "hurried" if hurried() else f"not gone after {process.spec.grace:g} s"
                self.console.say(f"{process.spec.name} is killed ({why})")
            process.kill()

    def _look_after(self, watched: _Watched) -> None:
        process = watched.process
        now = time.monotonic()
        if watched.start_at is not None:
            if now >= watched.start_at:
                watched.start_at = None
                self._launch(process)
            return
        if process.running:
            return
        process.kill()
        self._streams.drain()
        name, outcome, log = process.spec.name, process.outcome(), process.spec.log
        delay = watched.restarts.delay(now - process.started_at)
        if delay is None:
            raise GaveUp(
                f"{name} ended {LIMIT} times right after its start, last with {outcome}:"
                f" {last_line(log) or 'no output'} (log: {relative(log)})"
            )
        self.console.say(f"{name} ended ({outcome}), starting it again in {delay:g} s")
        watched.start_at = now + delay

    def _launch(self, process: Process) -> None:
        spec = process.spec
        if not spec.shown:
            process.start()
            return
        relay = functools.partial(self.console.relay, spec.name)
        writer = self._streams.pipe(_each(self._keeper(spec), relay))
        try:
            process.start(stdout=writer)
        finally:
            os.close(writer)

    def _keeper(self, spec: ProcessSpec) -> Sink:
        log = self._logs.get(spec.log)
        if log is None:
            log = self._logs[spec.log] = spec.log.open("a", encoding="utf-8", buffering=1)

        def keep(line: str) -> None:
            log.write(line + "\n")

        return keep


def _each(*sinks: Sink) -> Sink:
    def pass_on(line: str) -> None:
        for sink in sinks:
            sink(line)

    return pass_on
