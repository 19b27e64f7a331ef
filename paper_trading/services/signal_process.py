"""The process that runs users' signals, from its owner's side: asked, waited for, ended."""

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from paper_trading.services.signal_host import HUNG

_HOST = Path(__file__).with_name("signal_host.py")
#: Real time of one try beyond the limit of processor time: the machine may be busy with others.
#: There may be two, while the market's row is locked.
PATIENCE_SECONDS = 1.0
_START_SECONDS = 20.0
_CANNOT_START = (
    "the process that runs users' signals could not be started ({}): see that the machine has"
    " memory and processes left, then try again"
)
#: One text has one order of a set's elements, and one thread computes one sum, in any process.
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class NoReading(Exception):
    """A signal gave no number; the message says why."""


class TooSlow(NoReading):
    """A signal took longer than it may: another time, or on a calmer machine, it may not."""


class CannotStart(OSError):
    """No process could be started: no signal is at fault, and nothing is known of any."""


class _Ended(Exception):
    """The process ended in the middle of a question."""


class SignalProcess:
    """Runs signals one at a time in a process of its own, for all threads of this one."""

    def __init__(self, limit_seconds: float) -> None:
        self.limit_seconds = limit_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._known: set[str] = set()
        #: Number of the last question: an answer says which one it is of.
        self._asked = 0

    def read(self, name: str, sha256: str, source: str, columns: bytes) -> float:
        """Return what a signal says of some bars, a column of float64 after the other.

        :raises NoReading: when it raises, or twice is too slow (TooSlow) or ends its process.
        :raises CannotStart: when no process can be started.
        """
        with self._lock:
            # Something outside may have ended it, or held the machine: one more try tells.
            with suppress(_Ended, TooSlow):
                return self._ask(name, sha256, source, columns)
            try:
                return self._ask(name, sha256, source, columns)
            except _Ended as error:
                raise NoReading(str(error)) from error

    def close(self) -> None:
        """End the process, if there is one and it is this process's own."""
        if self._owner != os.getpid():
            return
        with self._lock:
            self._end()

    def _ask(self, name: str, sha256: str, source: str, columns: bytes) -> float:
        process = self._running()
        self._asked += 1
        asked: dict[str, Any] = {"id": self._asked, "name": name, "sha256": sha256}
        asked["size"] = len(columns)
        if sha256 not in self._known:
            asked["source"] = source
        answer: dict[str, Any] | None = None
        try:
            answer = self._answer(process, json.dumps(asked).encode() + b"\n" + columns)
        finally:
            if answer is None:
                # Whatever interrupted it, the answer must not come to the next question.
                self._kill()
        self._known.add(sha256)
        if "failed" in answer:
            raise NoReading(answer["failed"])
        if "slow" in answer:
            raise self._slow()
        return float(answer["value"])

    def _answer(self, process: subprocess.Popen[bytes], question: bytes) -> dict[str, Any]:
        try:
            _stdin(process).write(question)
            _stdin(process).flush()
        except BrokenPipeError:
            raise _Ended(self._end()) from None
        line = self._line(process, self.limit_seconds + PATIENCE_SECONDS)
        answers = [json.loads(one) for one in line.splitlines()]
        if [one.get("id") for one in answers] != [self._asked]:
            raise _Ended(f"answered {len(answers)} questions, and not number {self._asked} alone")
        answer: dict[str, Any] = answers[0]
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            # A fork has its parent's process in its memory, but no right to its answers.
            self._process, self._owner = None, os.getpid()
        if self._process is None:
            self._process, self._known = self._started(), set()
        return self._process

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            self._process = self._popen()
            self._line(self._process, _START_SECONDS)
        except TooSlow as error:
            said = f"it kept silent for {_START_SECONDS:g} s"
            raise CannotStart(_CANNOT_START.format(said)) from error
        except (_Ended, OSError) as error:
            raise CannotStart(_CANNOT_START.format(error)) from error
        return self._process

    def _popen(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-s", "-P", "-B", str(_HOST), str(self.limit_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            # A person's ^C is for the program, which may want one more answer.
            start_new_session=True,
        )

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        """Return the next line of the process, or end it when it keeps silent."""
        deadline, found = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(_stdout(process), selectors.EVENT_READ)
            while not found.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._end()
                    raise self._slow()
                part = os.read(_stdout(process).fileno(), 65_536)
                if not part:
                    raise self._gone()
                found += part
        return found

    def _gone(self) -> Exception:
        said = self._end()
        return self._slow() if said == _status(HUNG) else _Ended(said)

    def _slow(self) -> TooSlow:
        return TooSlow(f"took more than {self.limit_seconds:g} s; less is allowed")

    def _kill(self) -> None:
        """End a process that is at work on a question nobody waits for any more."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> str:
        """Stop the process, and return how it had ended of itself."""
        process, self._process = self._process, None
        if process is None:
            return _status(0)
        for pipe in (_stdin(process), _stdout(process)):
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        try:
            # One that ended of itself may still be on its way out.
            return _status(process.wait(0.2))
        except subprocess.TimeoutExpired:
            process.kill()
            return _status(process.wait())


def _status(code: int) -> str:
    return f"ended its process with status {code}"


def _stdin(process: subprocess.Popen[bytes]) -> Any:
    return process.stdin


def _stdout(process: subprocess.Popen[bytes]) -> Any:
    return process.stdout


_processes: dict[tuple[int, float], SignalProcess] = {}


def shared(limit_seconds: float) -> SignalProcess:
    """Return this process's one runner of signals; it ends with the process."""
    key = (os.getpid(), limit_seconds)
    if key not in _processes:
        _processes[key] = SignalProcess(limit_seconds)
        atexit.register(_processes[key].close)
    return _processes[key]
