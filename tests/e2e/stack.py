"""Run `up` as a person does: a process of its own, with nothing of the tests' environment."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from dexproject.embedded.environment import _is_owned
from dexproject.embedded.lock import DataLock
from dexproject.embedded.options import ROOT
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.servers import Servers

PATIENCE_SECONDS = 300
_PROCESSES = Path("/proc")


def wait_for(condition: Callable[[], bool], what: str, every: float = 0.05) -> None:
    """Return as soon as the condition holds; fail when it does not for a very long time."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, f"waited in vain until {what}"
        time.sleep(every)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "dexproject.embedded", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a person's shell: no server, no key, no setting of ours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _is_owned(name) and not name.startswith("DEX_")
    }
    return {**kept, "PYTHONPATH": str(ROOT), **(extra or {})}


def free_port() -> int:
    """Return a port that is free together with the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@dataclass
class Up:
    """An `up` that runs: its process, where it keeps its data, what it has said."""

    process: "subprocess.Popen[str]"
    data: Path
    port: int
    stdout: Path
    stderr: Path

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def flower(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}/"

    @property
    def said(self) -> str:
        return self.stdout.read_text() + self.stderr.read_text()

    @property
    def password(self) -> str:
        """Return the password that was printed for the administrator."""
        found = re.search(r"log in as admin with the password (\S+)", self.said)
        assert found, self.said
        return found[1]

    def wait_until_it_runs(self) -> None:
        def runs() -> bool:
            assert self.process.poll() is None, self.said
            return "Ctrl+C stops everything" in self.said

        wait_for(runs, "the addresses are printed")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database of the running servers."""
        url = json.loads((self.data / "run.json").read_text())["database_url"]
        return rows(url, query, *values)

    def end(self) -> int:
        """Wait for an end that comes by itself."""
        return self.process.wait(PATIENCE_SECONDS)

    def interrupt(self) -> int:
        """Press Ctrl+C and wait for the end."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def report(self) -> dict[str, Any]:
        """Return the report: the one line on standard output that is nothing else."""
        found: dict[str, Any] = json.loads(self.stdout.read_text().splitlines()[-1])
        return found


@contextmanager
def up(
    folder: Path, *options: str, data: Path | None = None, extra: Mapping[str, str] | None = None
) -> Iterator[Up]:
    """Start `up`; what still runs at the end is stopped, the hard way if it must be."""
    port = free_port()
    home = data or folder / "data"
    stdout, stderr = folder / f"{port}.out", folder / f"{port}.err"
    with stdout.open("w") as out, stderr.open("w") as err:
        process = subprocess.Popen(
            command("up", *options, "--data", str(home), "--port", str(port)),
            stdout=out,
            stderr=err,
            text=True,
            env=environment(extra),
            cwd=folder,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield Up(process, home, port, stdout, stderr)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def left_behind(data: Path, port: int) -> list[str]:
    """Return the command lines of processes that belong to a data directory or a port."""
    return list(members(data, port).values())


def members(data: Path, port: int) -> dict[int, str]:
    """Return the processes that belong to a data directory or a port, with command lines."""
    flower = f"DEX_FLOWER_URL=http://127.0.0.1:{port + 1}/".encode()
    found: dict[int, str] = {}
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            uses = str(data).encode() in words or flower in (folder / "environ").read_bytes()
            uses = uses or any(str(data) in str(link.readlink()) for link in _links(folder))
        except OSError:
            continue  # It ended while it was looked at.
        if uses and folder.name != str(os.getpid()):
            found[int(folder.name)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found


def kill_everything(running: Up) -> None:
    """Kill launcher, servers, web, worker, beat and Flower at once, as a power cut would."""
    while found := members(running.data, running.port):
        # Stopped first, so that no one of them can see another one gone and act.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        running.process.poll()
        time.sleep(0.05)


def _links(folder: Path) -> Iterator[Path]:
    yield folder / "cwd"
    for descriptor in (folder / "fd").iterdir():
        if os.path.lexists(descriptor):
            yield descriptor


@contextmanager
def database(data: Path) -> Iterator[str]:
    """Run the servers of a data directory that nobody uses and give the database's URL."""
    home = DataDirectory(data)
    lock = DataLock(home.lock)
    try:
        with Servers(home, lock) as servers:
            yield servers.database_url
    finally:
        lock.release()


def rows(url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values).fetchall()
