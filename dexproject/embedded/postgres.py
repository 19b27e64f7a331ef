"""A PostgreSQL server of our own: started, waited for and asked to stop."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg

from .binaries import postgres_programs
from .cluster import USER, make_cluster, remove_stale_pid_file, require_version, server_environment
from .errors import LauncherError
from .paths import DataDirectory
from .ports import HOST, pick
from .process import Owner, Pause, Process, ProcessSpec, last_line
from .unprivileged import open_for_server, server_owner

DATABASE = "dex"
START_SECONDS = 60.0

_FAST_AND_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(slots=True)
class PostgresServer:
    """A cluster in a data directory, reached over loopback TCP with a password.

    `durable=False` is for data that is thrown away. `descriptors` are inherited by the server.
    """

    home: DataDirectory
    password: str
    durable: bool = True
    descriptors: tuple[int, ...] = ()
    port: int = field(default_factory=pick)
    _opened: list[int] = field(default_factory=list)

    def url(self, database: str = DATABASE) -> str:
        """Return the connection URL of a database of this server."""
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/{database}"

    def process(self, pause: Pause = time.sleep) -> Process:
        """Return the server's process, not started; makes the cluster first when there is none.

        Raises Refused when the cluster was made by another major version.
        """
        data = self.home.postgres
        owner = server_owner(data)
        programs = postgres_programs(owner)
        if not data.exists():
            make_cluster(
                self.home, self.password, self.descriptors, durable=self.durable, pause=pause
            )
        require_version(data, programs.major)
        place, opened = open_for_server(data, owner)
        self._opened.extend(opened)
        return Process(self._spec(programs.postgres, place, owner))

    def _spec(self, program: Path, place: str, owner: Owner | None) -> ProcessSpec:
        data = self.home.postgres
        settings = [f"listen_addresses={HOST}", f"port={self.port}", "unix_socket_directories="]
        if not self.durable:
            settings += _FAST_AND_UNSAFE
        return ProcessSpec(
            name="postgres",
            argv=(str(program), "-D", place, *(f"-c{setting}" for setting in settings)),
            environment=server_environment(),
            log=self.home.log("postgres"),
            directory=Path("/"),
            rank=3,
            grace=30,
            hurried_grace=5,
            stop_signal=signal.SIGINT,
            # Without its launcher the server ends at once and recovers at the next start.
            death_signal=signal.SIGQUIT,
            owner=owner,
            descriptors=(*self._opened, *self.descriptors),
            prepare=lambda: remove_stale_pid_file(data),
        )

    def close(self) -> None:
        """Close the descriptors that were opened for the server."""
        while self._opened:
            os.close(self._opened.pop())

    def wait(self, process: Process, pause: Pause = time.sleep) -> None:
        """Wait until the server answers, and make the application's database if it is missing.

        Raises LauncherError when the server ends or does not answer in time.
        """
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with psycopg.connect(
                    self.url("postgres"), connect_timeout=5, autocommit=True
                ) as connection:
                    _create_database(connection)
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    secrets = self.home.secrets
                    raise LauncherError(f"{secrets} holds another password than the data") from None
                if not process.running or time.monotonic() > until:
                    text = last_line(process.spec.log) or str(error).splitlines()[0]
                    raise LauncherError(f"PostgreSQL does not start: {text}") from None
            pause(0.03)


def _create_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    find: LiteralString = "SELECT 1 FROM pg_database WHERE datname = %s"
    if connection.execute(find, (DATABASE,)).fetchone() is None:
        connection.execute(f"CREATE DATABASE {DATABASE}")
