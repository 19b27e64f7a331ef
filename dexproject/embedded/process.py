"""Start and end one child process that never outlives the launcher."""

import ctypes
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import LauncherError

Pause = Callable[[float], None]

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: nothing may be imported or allocated between fork and exec.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that a child runs as, when the launcher is root and the child must not be."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to start and end one child.

    `stop_signal` asks it to end, `grace` seconds later its whole group is killed; for somebody
    in a hurry it is `hurried_grace`. `death_signal` is what the kernel sends it when the
    launcher dies (Linux). Ranks stop in ascending order. Output goes to `log`; with `shown` it
    passes through the console, too.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    directory: Path
    rank: int = 0
    grace: float = 10
    hurried_grace: float = 0
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    shown: bool = False
    owner: Owner | None = None
    descriptors: tuple[int, ...] = ()
    prepare: Callable[[], None] = field(default=lambda: None)


class Process:
    """One child: started, asked to end, killed, and started again under the same name."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.started_at = 0.0
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, *, stdout: int | None = None, stderr: int = subprocess.STDOUT) -> None:
        """Start the child in a session of its own.

        `stdout` and `stderr` are as for Popen; without `stdout`, both go to the log file.
        Raises LauncherError when the program cannot be started.
        """
        spec = self.spec
        spec.prepare()
        with spec.log.open("ab") as log:
            try:
                self._popen = self._open(log.fileno() if stdout is None else stdout, stderr)
            except OSError as error:
                raise LauncherError(f"{spec.name}: cannot start {spec.argv[0]}: {error}") from None
        self.started_at = time.monotonic()

    def _open(self, stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        spec = self.spec
        owner = spec.owner
        return open_tied(
            spec.argv,
            spec.death_signal,
            env=dict(spec.environment),
            cwd=spec.directory,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=spec.descriptors,
            user=owner.user if owner else None,
            group=owner.group if owner else None,
            extra_groups=[] if owner else None,
        )

    @property
    def popen(self) -> "subprocess.Popen[bytes]":
        """Return the running or ended child; raises LauncherError before the first start."""
        if self._popen is None:
            raise LauncherError(f"{self.spec.name} was not started")
        return self._popen

    @property
    def running(self) -> bool:
        """Return whether the child was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child alone."""
        if self.running:
            self.popen.send_signal(number)

    def kill(self) -> None:
        """Kill the child and whatever it left in its process group."""
        if self._popen is None:
            return
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:
            # macOS answers so for a group that holds nothing but ended processes.
            self._popen.kill()
        self._popen.wait()

    def stop(self, pause: Pause = time.sleep) -> None:
        """Ask the child to end, wait for at most its grace, then kill what is left of it."""
        self.signal(self.spec.stop_signal)
        until = time.monotonic() + self.spec.grace
        while self.running and time.monotonic() < until:
            pause(0.02)
        self.kill()

    def outcome(self) -> str:
        """Say how the child ended, as `exit code 1` or `signal SIGKILL`."""
        code = self.popen.returncode
        if code is not None and code < 0:
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"


def open_tied(
    argv: Sequence[str], death_signal: signal.Signals, **options: Any
) -> "subprocess.Popen[bytes]":
    """Open a child that the kernel signals when the launcher dies, even if that is killed.

    The kernel ties a child to the thread that forked it, so children are started from the
    main thread only. `options` are those of Popen.
    """
    launcher = os.getpid()

    def tie() -> None:
        # Runs after the change of user, which would otherwise clear the death signal.
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != launcher:
            os._exit(1)

    with warnings.catch_warnings():
        # Newer Pythons warn of a fork beside other threads (a library may have some). What
        # runs before exec here takes no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(argv, preexec_fn=tie, **options)


def last_line(log: Path) -> str:
    """Return the last line of a log that is not blank, or an empty string."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
