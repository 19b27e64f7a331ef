"""One launcher at a time for a data directory."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dexproject.embedded.lock import DataLock, LockHeld

from .waiting import is_gone, wait_for

HOLDER = """\
import subprocess, sys, time
from pathlib import Path
from dexproject.embedded.lock import DataLock
lock = DataLock(Path(sys.argv[1]))
server = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=(lock.descriptor,)
)
print(server.pid, flush=True)
time.sleep(600)
"""


def test_a_second_holder_is_refused_and_told_the_first(tmp_path: Path) -> None:
    first = DataLock(tmp_path / "launcher.lock")
    with pytest.raises(LockHeld) as refusal:
        DataLock(tmp_path / "launcher.lock")
    first.release()
    assert str(refusal.value) == f"{tmp_path} is in use by process {os.getpid()}; stop it first"
    assert refusal.value.code == 2


def test_a_lock_file_that_nobody_holds_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "launcher.lock"
    for left_behind in ("1\n", "", "nonsense"):
        path.write_text(left_behind)
        DataLock(path).release()
        assert path.read_text() == f"{os.getpid()}\n"


def test_servers_of_a_killed_launcher_keep_the_lock_until_they_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "launcher.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        server = int(holder.stdout.readline())
        holder.kill()
        holder.wait()
    try:
        with pytest.raises(LockHeld) as refusal:
            DataLock(path, patience=0.1)
        assert str(refusal.value) == (
            f"{tmp_path} is in use by servers that the ended process {holder.pid} left behind;"
            " stop them first"
        )
    finally:
        os.kill(server, signal.SIGKILL)
    wait_for(lambda: is_gone(server), "the server is gone")
    DataLock(path).release()
