"""The real stack of a run: servers that keep their data, a worker, two beats, a depositor."""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import redis

from dexproject.embedded.apps import Apps
from dexproject.embedded.credentials import Credentials
from dexproject.embedded.environment import app_environment, python
from dexproject.embedded.lock import DataLock
from dexproject.embedded.options import ROOT
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.postgres import DATABASE, PostgresServer
from dexproject.embedded.process import Process, ProcessSpec, last_line
from dexproject.embedded.valkey import ValkeyServer
from tests.faults.armory import PLANT, SEED, VARIABLE, Armory

_LOOK_SECONDS = 0.05


class Broken(Exception):
    """Say in one line why the run cannot go on."""


@dataclass
class Stack:
    """Everything that runs; what ends is started again at once, however often."""

    home: DataDirectory
    armory: Armory
    seed: int
    plant: str
    keeps_queue: bool
    postgres: PostgresServer
    valkey: ValkeyServer
    credentials: Credentials
    kept: dict[str, Process] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    #: Whether the next Valkey begins with nothing, as after a kill without its file.
    forgets: bool = False

    def environment(self, database: str = DATABASE) -> dict[str, str]:
        """Return the environment of the application on one of the databases."""
        shared = app_environment(
            self.postgres.url(database), self.valkey.url(), self.credentials.secret_key
        )
        return shared | {
            VARIABLE: str(self.armory.root),
            PLANT: self.plant,
            SEED: str(self.seed),
            # A killed tick stays open for as long as its lease; the others are not to wait.
            "DEX_OPEN_TICKS": "64",
            "PYTHONPATH": str(ROOT),
        }

    def start_servers(self) -> None:
        """Start Valkey and PostgreSQL and wait until both answer."""
        valkey = self.valkey.process()
        if not self.keeps_queue:
            conf = self.home.valkey / "valkey.conf"
            conf.write_text(conf.read_text().replace("appendonly yes", "appendonly no"))
        postgres = self.postgres.process()
        for process in (valkey, postgres):
            process.start()
            self.kept[process.spec.name] = process
        self.postgres.wait(postgres)
        self.valkey.wait(valkey)

    def start_apps(self) -> None:
        """Start the worker with the faults in it, two beats and the depositor."""
        apps = Apps(self.home, self.environment(), 0, 0, "")
        beat = apps.beat()
        for spec in (
            _with_faults(apps.worker()),
            beat,
            replace(beat, name="beat2", log=self.home.log("beat2")),
            replace(apps.step("depositor"), argv=python("-P", "-m", "tests.faults.depositor")),
        ):
            self.kept[spec.name] = Process(spec)
            self.kept[spec.name].start()
        self.publish()

    def publish(self) -> None:
        """Tell the workers the process ids."""
        self.armory.publish_pids({name: one.popen.pid for name, one in self.kept.items()})

    def look_after(self) -> None:
        """Start again what has ended."""
        for name, process in self.kept.items():
            if process.running:
                continue
            process.kill()
            self.restarts[name] = self.restarts.get(name, 0) + 1
            if name == "valkey" and self.forgets:
                shutil.rmtree(self.home.valkey / "appendonlydir", ignore_errors=True)
                self.forgets = False
            process.start()
            self.publish()

    def wait(self, seconds: float) -> None:
        """Let it run for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look_after()
            time.sleep(_LOOK_SECONDS)

    def stop_apps(self) -> None:
        """End what runs on the servers."""
        for name in [name for name in self.kept if name not in ("postgres", "valkey")]:
            self.kept.pop(name).stop()

    def stop(self) -> None:
        """End everything."""
        for process in list(self.kept.values())[::-1]:
            process.stop() if process.spec.name != "worker" else process.kill()
        self.postgres.close()

    def copy_database(self, name: str) -> None:
        """Make a copy of the application's database, which nobody may be using."""
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}".encode())

    def open_ticks(self) -> int:
        """Return how many ticks are open."""
        with psycopg.connect(self.postgres.url()) as connection:
            row = connection.execute(
                "SELECT count(*) FROM paper_trading_tick WHERE status = 'OPEN'"
            ).fetchone()
        return int(row[0]) if row else 0

    def act(self, name: str, given: dict[str, Any], database: str = DATABASE) -> dict[str, Any]:
        """Run an act of `tests.faults.world` and return its result.

        A copy of a database has the same accounts at the same versions: around its acts the
        position cache is emptied, or one would read what the other wrote.
        """
        argv = python("-P", "-m", "tests.faults.world", name, json.dumps(given))
        self._flush(database)
        code, output = self.run(name, argv, database)
        self._flush(database)
        if code != 0:
            raise Broken(f"{name} failed: {last_line(self.home.log(name))}")
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        return found

    def _flush(self, database: str) -> None:
        if database != DATABASE:
            with redis.Redis.from_url(self.valkey.url()) as client:
                client.flushall()

    def manage(self, *arguments: str) -> tuple[int, str]:
        """Run a management command and return its exit status and what it said."""
        return self.run(arguments[0], python(str(ROOT / "manage.py"), *arguments), DATABASE)

    def run(self, name: str, argv: tuple[str, ...], database: str) -> tuple[int, str]:
        """Run a process to its end, looking after the others meanwhile."""
        log = self.home.log(name)
        begin = log.stat().st_size if log.exists() else 0
        spec = ProcessSpec(name, argv, self.environment(database), log, ROOT)
        process = Process(spec)
        process.start()
        while process.running:
            self.wait(_LOOK_SECONDS)
        process.kill()
        with log.open("rb") as stream:
            stream.seek(begin)
            said = stream.read().decode(errors="replace")
        return process.popen.returncode, said


def _with_faults(worker: ProcessSpec) -> ProcessSpec:
    """Return the worker's own command line under the wrapper that installs the faults."""
    arguments = worker.argv[worker.argv.index("worker") :]
    return replace(worker, argv=python("-P", "-m", "tests.faults.worker", *arguments))


@contextmanager
def stack(folder: Path, seed: int, plant: str, *, keeps_queue: bool) -> Iterator[Stack]:
    """Run the servers of a stack in a folder; everything is stopped at the end."""
    home = DataDirectory(folder / "data")
    home.make()
    armory = Armory(folder / "faults")
    armory.make()
    lock = DataLock(home.lock)
    credentials = Credentials.load(home.secrets)
    held = (lock.descriptor,)
    running = Stack(
        home,
        armory,
        seed,
        plant,
        keeps_queue,
        PostgresServer(home, credentials.database_password, durable=True, descriptors=held),
        ValkeyServer(home, credentials.redis_password, held),
        credentials,
    )
    try:
        running.start_servers()
        yield running
    finally:
        running.stop()
        lock.release()


def say(text: str) -> None:
    """Tell the progress, on standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
