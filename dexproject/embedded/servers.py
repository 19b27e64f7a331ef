"""PostgreSQL and Valkey together: started, waited for, stopped."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from .credentials import Credentials
from .environment import app_environment
from .errors import Refused
from .lock import DataLock
from .paths import DataDirectory
from .postgres import PostgresServer
from .process import Pause, Process
from .urls import GivenUrls
from .valkey import ValkeyServer


class Servers:
    """The two servers on a data directory; a server with a given URL is used, not started.

    Used as a context manager: both servers answer inside, and are stopped at the end. The
    caller holds `lock`, which the servers inherit.
    """

    def __init__(
        self,
        home: DataDirectory,
        lock: DataLock,
        *,
        given: GivenUrls | None = None,
        durable: bool = True,
        pause: Pause = time.sleep,
    ) -> None:
        self.home = home
        self.credentials = _credentials(home)
        self.processes: list[Process] = []
        self._given = given or GivenUrls()
        self._pause = pause
        held = (lock.descriptor,)
        self._postgres: PostgresServer | None = None
        if not self._given.database:
            password = self.credentials.database_password
            self._postgres = PostgresServer(home, password, durable, held)
        self._valkey: ValkeyServer | None = None
        if not self._given.redis:
            self._valkey = ValkeyServer(home, self.credentials.redis_password, held)

    @classmethod
    @contextlib.contextmanager
    def temporary(cls) -> Iterator["Servers"]:
        """Run both servers on a temporary directory that is removed at the end."""
        with tempfile.TemporaryDirectory(prefix="dexproject-servers-") as folder:
            home = DataDirectory(Path(folder) / "data")
            home.make()
            lock = DataLock(home.lock)
            try:
                with cls(home, lock, durable=False) as servers:
                    yield servers
            finally:
                lock.release()

    @property
    def database_url(self) -> str:
        """Return the URL of the application's database."""
        return self._given.database or (self._postgres.url() if self._postgres else "")

    @property
    def redis_url(self) -> str:
        """Return the URL of the broker and cache, without a database number."""
        return self._given.redis or (self._valkey.url() if self._valkey else "")

    def environment(self) -> dict[str, str]:
        """Return the environment for a process of the application."""
        return app_environment(self.database_url, self.redis_url, self.credentials.secret_key)

    def start(self) -> None:
        """Start both servers at once and wait until they answer.

        Raises LauncherError when one does not start, or Refused for a given URL that does not
        answer; what was started is stopped then.
        """
        self._given.require_reachable()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        valkey = self._valkey.process() if self._valkey else None
        if valkey:
            self._run(valkey)
        if self._postgres:
            postgres = self._postgres.process(self._pause)
            self._run(postgres)
            self._postgres.wait(postgres, self._pause)
        if valkey and self._valkey:
            self._valkey.wait(valkey, self._pause)

    def _run(self, process: Process) -> None:
        self.processes.append(process)
        process.start()

    def stop(self) -> None:
        """Stop Valkey, then PostgreSQL."""
        for process in sorted(self.processes, key=lambda process: process.spec.rank):
            process.stop()
        if self._postgres:
            self._postgres.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _credentials(home: DataDirectory) -> Credentials:
    if home.postgres.exists() and not home.secrets.exists():
        raise Refused(
            f"{home.secrets} is missing, and with it the password of {home.postgres};"
            " restore it or remove the data directory"
        )
    return Credentials.load(home.secrets)
