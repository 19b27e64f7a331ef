"""`up`: everything at once, until Ctrl+C or until the asked number of ticks is closed."""

import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from .apps import ADMIN, Apps, concurrency
from .console import Console
from .environment import relative
from .errors import Interrupted, LauncherError, Refused
from .lock import DataLock
from .options import UpOptions
from .paths import DataDirectory
from .ports import HOST, require_free
from .process import ProcessSpec
from .run_file import RunFile
from .servers import Servers
from .supervisor import Supervisor
from .urls import GivenUrls

_PAGE_SECONDS = 90.0


def up(options: UpOptions) -> int:
    """Run everything and return the exit status.

    With `ticks`, the last line on standard output is the report and all else goes to standard
    error. Raises LauncherError when a part does not start or keeps ending.
    """
    console = Console(sys.stdout if options.ticks is None else sys.stderr)
    given = _checked(options)
    supervisor = Supervisor(console)
    supervisor.listen()
    home = DataDirectory(options.data)
    if not home.lock.exists():
        # A first start that cannot go on leaves no directory behind.
        _require_ports(options)
    home.make()
    lock = DataLock(home.lock)
    try:
        return _Run(options, home, lock, given, supervisor).go()
    except Interrupted:
        if options.ticks is not None:
            raise
        return 0
    finally:
        home.run_file.unlink(missing_ok=True)
        lock.release()


class _Run:
    def __init__(
        self,
        options: UpOptions,
        home: DataDirectory,
        lock: DataLock,
        given: GivenUrls,
        supervisor: Supervisor,
    ) -> None:
        self.options = options
        self.home = home
        self.supervisor = supervisor
        self.console = supervisor.console
        _require_ports(options)
        home.rotate_logs()
        self.servers = Servers(home, lock, given=given, pause=supervisor.pump)
        self.apps = Apps(
            home,
            self.servers.environment() | {"DEX_FLOWER_URL": self._address(options.flower_port)},
            options.port,
            options.flower_port,
            self.servers.credentials.flower_password,
        )

    def go(self) -> int:
        """Start all parts in order, then wait for the end or the report."""
        with self._everything_stopped_at_the_end():
            sessions = self._prepare()
            for spec in self.apps.services():
                self.supervisor.start(spec)
            self._wait_for_page()
            self._announce()
            if self.options.ticks is None:
                self.supervisor.wait_until(lambda: False)
            code, report = self._report(sessions)
        if report:
            sys.stdout.write(report + "\n")
            sys.stdout.flush()
        return code

    @contextlib.contextmanager
    def _everything_stopped_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.console.say("Stopping")
            try:
                self.supervisor.stop()
            finally:
                self.servers.stop()

    def _prepare(self) -> list[int]:
        """Start the servers, bring the database up to date and return the sessions to run."""
        self.console.say("Starting PostgreSQL and Valkey")
        self.servers.start()
        for process in self.servers.processes:
            self.supervisor.adopt(process)
        self._run_file().write(self.home.run_file)
        self.console.say("Bringing the database up to date")
        apps, interval = self.apps, f"{self.options.interval:f}"
        self._step(apps.step("migrate", "--noinput"))
        self._step(apps.step("setup_schedule", "--interval", interval))
        arguments = ["--prices", self._prices(), "--interval", interval]
        arguments += ["--levels", ",".join(map(str, self.options.levels))]
        if self.options.ticks is not None:
            arguments += ["--ticks", str(self.options.ticks)]
        password = self.servers.credentials.admin_password
        seeded = self._step(apps.step("seed", *arguments, DEX_ADMIN_PASSWORD=password))
        return _sessions(seeded)

    def _step(self, spec: ProcessSpec) -> list[str]:
        """Run a management command and return its output; raises LauncherError if it fails."""
        finished = self.supervisor.run(spec)
        if finished.code != 0:
            said = [line for line in (*finished.output, *finished.errors) if line.strip()]
            reason = said[-1].strip() if said else f"exit code {finished.code}"
            raise LauncherError(f"{spec.name} failed: {reason} (log: {relative(spec.log)})")
        return finished.output

    def _prices(self) -> str:
        file = self.options.recorded_file
        return f"recorded:{file}" if file else self.options.prices

    def _wait_for_page(self) -> None:
        until = time.monotonic() + _PAGE_SECONDS

        def answers() -> bool:
            if time.monotonic() > until:
                log = relative(self.home.log("web"))
                raise LauncherError(f"the page does not answer at /healthz (log: {log})")
            return _is_healthy(self.options.port)

        self.supervisor.wait_until(answers)

    def _announce(self) -> None:
        page = self._address(self.options.port)
        flower = self._address(self.options.flower_port)
        running = replace(self._run_file(), web_url=page, flower_url=flower)
        running.write(self.home.run_file)
        password = self.servers.credentials.admin_password
        self.console.say(
            f"\n  Paper trading runs ({self.options.prices} prices)\n"
            f"    page    {page}\n"
            f"    admin   {page}admin/\n"
            f"    Flower  {flower}\n"
            f"    log in as {ADMIN} with the password {password}\n"
            f"    logs    {relative(self.home.logs)}\n"
            f"  Ctrl+C stops everything\n"
        )

    def _report(self, sessions: list[int]) -> tuple[int, str]:
        """Wait for the sessions to end; return the exit status and the report, one line."""
        named = ",".join(map(str, sessions))
        spec = self.apps.step("tick_report", "--wait", "--sessions", named)
        finished = self.supervisor.run(spec, lambda line: self.console.relay("report", line))
        lines = [line for line in finished.output if line.strip()]
        if not lines:
            raise LauncherError(f"tick_report printed nothing (log: {relative(spec.log)})")
        return finished.code, lines[-1]

    def _run_file(self) -> RunFile:
        return RunFile(os.getpid(), self.servers.database_url, self.servers.redis_url)

    @staticmethod
    def _address(port: int) -> str:
        return f"http://{HOST}:{port}/"


def _checked(options: UpOptions) -> GivenUrls:
    """Check what can be checked before anything exists; raises Refused."""
    concurrency()
    file = options.recorded_file
    if file is not None:
        from paper_trading.services.sources.recorded import RecordedFile, RecordedFileError

        try:
            RecordedFile.load(file)
        except RecordedFileError as error:
            raise Refused(f"--prices {options.prices}: {error}") from None
    given = GivenUrls.of()
    given.require_reachable()
    return given


def _require_ports(options: UpOptions) -> None:
    require_free(options.port, "the page", "free it or name another one with --port")
    require_free(options.flower_port, "Flower", "free it or name another --port")


def _sessions(output: list[str]) -> list[int]:
    """Return the sessions that `seed` names on its last line, or raise LauncherError."""
    last = next((line for line in reversed(output) if line.strip()), "")
    try:
        return [int(number) for number in json.loads(last)["sessions"]]
    except (ValueError, TypeError, KeyError):
        raise LauncherError(f"seed named no sessions but {last!r}") from None


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
