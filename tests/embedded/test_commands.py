"""The launcher as a program: `python -m dexproject.embedded`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dexproject.embedded.lock import DataLock
from dexproject.embedded.options import ROOT
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.ports import pick
from dexproject.embedded.run_file import RunFile
from dexproject.embedded.servers import Servers

pytestmark = pytest.mark.stack

WHICH_SERVER = "from django.db import connection as c; c.cursor(); print(c.settings_dict['PORT'])"


def launch(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL")
    }
    return subprocess.run(
        [sys.executable, "-m", "dexproject.embedded", *arguments],
        env=inherited | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Servers]:
    """Servers as a running `up` has them: locked, and told in the run file."""
    home = DataDirectory(tmp_path / "data")
    home.make()
    lock = DataLock(home.lock)
    with Servers(home, lock, durable=False) as servers:
        told = RunFile(os.getpid(), servers.database_url, servers.redis_url)
        told.write(home.run_file)
        yield servers
    lock.release()


def test_manage_uses_the_servers_of_a_running_up(running: Servers) -> None:
    data = str(running.home.root)
    done = launch("manage", "--data", data, "shell", "-v0", "-c", WHICH_SERVER)
    assert done.returncode == 0, done.stderr
    assert f":{done.stdout.strip()}/" in running.database_url
    refused = launch("up", "--data", data, "--port", str(pick()))
    line = f"dev.py: {data} is in use by process {os.getpid()}; stop it first\n"
    assert (refused.returncode, refused.stderr) == (2, line)


def test_manage_starts_the_servers_when_nobody_else_did(tmp_path: Path) -> None:
    data = tmp_path / "data"
    source = f"{WHICH_SERVER}; raise SystemExit(7)"
    done = launch("manage", "--data", str(data), "shell", "-v0", "-c", source)
    assert done.returncode == 7, done.stderr
    assert done.stdout.strip().isdigit()
    assert not (data / "pgdata" / "postmaster.pid").exists()


@pytest.mark.parametrize(
    ("arguments", "url", "line"),
    [
        (["--levels", "11"], "", "dev.py: --levels 11: allowed are levels from 1 to 10"),
        ([], "mysql://u:p@h/d", "dev.py: DATABASE_URL 'mysql://u:***@h/d' is malformed; "),
    ],
)
def test_bad_input_ends_with_one_line(arguments: list[str], url: str, line: str) -> None:
    done = launch("up", *arguments, DATABASE_URL=url)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(line)
