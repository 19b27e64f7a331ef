"""Kill a process of the stack from within a worker's child, with SIGKILL."""

import contextlib
import json
import os
import signal
import subprocess
import time

from tests.faults.armory import Armory
from tests.faults.plan import BEAT, CHILD, DEPOSIT, EMPTY_VALKEY, POSTGRES, VALKEY, WORKER, Kill

#: A deposit that waits for the account's lock is not waited for: it would be a deadlock.
DEPOSIT_SECONDS = 1.0
_SECONDS = 5.0


def strike(kill: Kill, armory: Armory, account: int) -> None:
    """Carry a kill out. Does not return when this process is among those killed."""
    if kill.target == CHILD:
        os.kill(os.getpid(), signal.SIGKILL)
    elif kill.target == WORKER:
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    elif kill.target == POSTGRES:
        _kill_postgres(armory.pid("postgres"))
    elif kill.target in (VALKEY, EMPTY_VALKEY):
        _kill_and_wait(armory.pid("valkey"))
    elif kill.target == BEAT:
        _kill_and_wait(armory.pid("beat"))
    elif kill.target == DEPOSIT:
        _deposit(kill, armory, account)


def _kill_postgres(postmaster: int) -> None:
    """Kill the server and its backends, which live in process groups of their own."""
    family = [postmaster, *_children(postmaster)]
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [line.split() for line in table.splitlines()]
    return [int(pid) for pid, ppid in pairs if int(ppid) == parent]


def _kill_and_wait(pid: int) -> None:
    """Kill a process and wait until it is gone, so that the stage is seen to be held meanwhile."""
    until = time.monotonic() + _SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        while _runs(pid) and time.monotonic() < until:
            time.sleep(0.005)


def _runs(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return state != "" and not state.startswith("Z")


def _deposit(kill: Kill, armory: Armory, account: int) -> None:
    """Ask the depositor for a deposit and wait a moment for it."""
    folder = armory.root / "deposits"
    scratch = folder / f"{kill.id}.new"
    scratch.write_text(json.dumps({"account": account}))
    scratch.rename(folder / f"{kill.id}.request")
    until = time.monotonic() + DEPOSIT_SECONDS
    while not (folder / f"{kill.id}.done").exists() and time.monotonic() < until:
        time.sleep(0.01)
