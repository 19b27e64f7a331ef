"""`up` with stand-ins for the servers and the application's processes."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dexproject.embedded import up as module
from dexproject.embedded.credentials import Credentials
from dexproject.embedded.errors import Interrupted, LauncherError, Refused
from dexproject.embedded.lock import DataLock, LockHeld
from dexproject.embedded.options import UpOptions
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.ports import pick
from dexproject.embedded.process import ProcessSpec
from dexproject.embedded.up import up
from tests.e2e.stack import free_port

PAGE = """\
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
SEEDED = 'print(\'market made\')\nprint(\'{"sessions": [3, 4], "market": "m"}\')'
REPORT = "import sys\nprint('{\"ledger_ok\": true}')\nprint('slow', file=sys.stderr)"
CTRL_C = "import os, signal, time\nos.kill({}, signal.{})\ntime.sleep(600)"


class StandInServers:
    """Servers without processes."""

    def __init__(self, home: DataDirectory, lock: DataLock, **_: object) -> None:
        self.credentials = Credentials.generate()
        self.processes: list[object] = []
        self.database_url = self.redis_url = "none"

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def start(self) -> None:
        return

    def stop(self) -> None:
        return


class StandInApps:
    """Programs given as source under the names of the steps; `asked` notes their arguments."""

    sources: dict[str, str] = {}
    asked: list[tuple[str, ...]] = []

    def __init__(self, home: DataDirectory, environment: dict[str, str], port: int, *_: object):
        self.home = home
        self.environment = environment
        self.port = port

    def services(self) -> list[ProcessSpec]:
        return [self._spec("web", PAGE, str(self.port))]

    def step(self, *arguments: str, **variables: str) -> ProcessSpec:
        self.asked.append(arguments)
        return self._spec(arguments[0], self.sources.get(arguments[0], "print('done')"))

    def _spec(self, name: str, source: str, *arguments: str) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=(sys.executable, "-c", source, *arguments),
            environment=self.environment,
            log=self.home.log(name),
            directory=self.home.root,
        )


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[StandInApps]]:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(module, "Servers", StandInServers)
    monkeypatch.setattr(module, "Apps", StandInApps)
    monkeypatch.setattr(StandInApps, "asked", [])
    monkeypatch.setattr(StandInApps, "sources", {"seed": SEEDED, "tick_report": REPORT})
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield StandInApps
    for number, handler in before.items():
        signal.signal(number, handler)


def options(tmp_path: Path, ticks: int | None = 5) -> UpOptions:
    return UpOptions(ticks=ticks, port=pick(), data=tmp_path / "data", levels=(5, 10))


def test_with_ticks_the_report_is_all_that_stands_on_standard_output(
    apps: type[StandInApps], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = options(tmp_path)
    assert up(chosen) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"ledger_ok": True}
    assert printed.out.count("\n") == 1
    assert f"http://127.0.0.1:{chosen.port}/admin/" in printed.err
    assert "report  | slow" in printed.err
    assert apps.asked == [
        ("migrate", "--noinput"),
        ("setup_schedule", "--interval", "15"),
        ("seed", "--prices", "live", "--interval", "15", "--levels", "5,10", "--ticks", "5"),
        ("tick_report", "--wait", "--sessions", "3,4"),
    ]
    assert not (chosen.data / "run.json").exists()
    DataLock(chosen.data / "launcher.lock").release()


def test_a_report_that_finds_faults_is_printed_and_decides_the_exit_status(
    apps: type[StandInApps], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apps.sources["tick_report"] = "import sys\nprint('{\"ledger_ok\": false}')\nsys.exit(1)"
    assert up(options(tmp_path)) == 1
    assert capsys.readouterr().out == '{"ledger_ok": false}\n'


@pytest.mark.parametrize("step", ["migrate", "setup_schedule", "seed"])
def test_a_step_that_fails_is_named_with_its_last_line(
    apps: type[StandInApps], tmp_path: Path, step: str
) -> None:
    apps.sources[step] = (
        "import sys\nprint('trace', file=sys.stderr)\nprint('no table', file=sys.stderr)\n"
        "sys.exit(1)"
    )
    chosen = options(tmp_path)
    with pytest.raises(LauncherError) as failure:
        up(chosen)
    log = chosen.data / "logs" / f"{step}.log"
    assert str(failure.value) == f"{step} failed: no table (log: {log})"
    DataLock(chosen.data / "launcher.lock").release()


def test_a_seed_that_names_no_sessions_is_refused(apps: type[StandInApps], tmp_path: Path) -> None:
    apps.sources["seed"] = "print('seeded')"
    with pytest.raises(LauncherError, match=r"^seed named no sessions but 'seeded'$"):
        up(options(tmp_path))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_run_in_order_and_well(
    apps: type[StandInApps], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    apps.sources["migrate"] = CTRL_C.format(os.getpid(), name)
    assert up(options(tmp_path, ticks=None)) == 0
    assert capsys.readouterr().out.endswith("Stopping\n")


def test_an_interrupted_count_of_ticks_is_no_success(
    apps: type[StandInApps], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apps.sources["tick_report"] = CTRL_C.format(os.getpid(), "SIGINT")
    with pytest.raises(Interrupted):
        up(options(tmp_path))
    assert capsys.readouterr().out == ""


def test_a_running_up_tells_its_addresses(apps: type[StandInApps], tmp_path: Path) -> None:
    chosen = options(tmp_path)
    copy = tmp_path / "copy.json"
    run_file = chosen.data / "run.json"
    apps.sources["tick_report"] = f"import shutil\nshutil.copy({str(run_file)!r}, {str(copy)!r})"
    with pytest.raises(LauncherError, match=r"^tick_report printed nothing"):
        up(chosen)
    told = json.loads(copy.read_text())
    assert told["pid"] == os.getpid()
    assert told["web_url"] == f"http://127.0.0.1:{chosen.port}/"
    assert told["flower_url"] == f"http://127.0.0.1:{chosen.flower_port}/"


def test_a_second_up_on_the_same_data_is_refused(apps: type[StandInApps], tmp_path: Path) -> None:
    chosen = options(tmp_path)
    home = DataDirectory(chosen.data)
    home.make()
    lock = DataLock(home.lock)
    with pytest.raises(LockHeld, match=rf"is in use by process {os.getpid()}; stop it first$"):
        up(chosen)
    lock.release()
    assert apps.asked == []


@pytest.mark.parametrize(("offset", "purpose"), [(0, "the page"), (-1, "Flower")])
def test_a_port_in_use_is_told_before_anything_is_made(
    apps: type[StandInApps], tmp_path: Path, offset: int, purpose: str
) -> None:
    # Its lower neighbour is free: only this one port is in use.
    port = free_port() + 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        chosen = UpOptions(port=port + offset, data=tmp_path / "data")
        with pytest.raises(Refused, match=rf"^port {port} for {purpose} is in use"):
            up(chosen)
    assert not chosen.data.exists()


def test_an_unreachable_given_server_is_told_before_anything_is_made(
    apps: type[StandInApps], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = options(tmp_path)
    monkeypatch.setenv("REDIS_URL", f"redis://:hidden@127.0.0.1:{pick()}")
    with pytest.raises(Refused, match=r"^REDIS_URL redis://:\*\*\*@127.0.0.1:\d+ cannot be used: "):
        up(chosen)
    assert not chosen.data.exists()


def test_a_bad_price_file_is_told_before_anything_is_made(
    apps: type[StandInApps], tmp_path: Path
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("timestamp,symbol\n")
    chosen = UpOptions(prices=f"recorded:{file}", data=tmp_path / "data")
    with pytest.raises(Refused, match=rf"^--prices recorded:{file}: ") as refusal:
        up(chosen)
    assert "\n" not in str(refusal.value)
    missing = UpOptions(prices=f"recorded:{file}.gz", data=tmp_path / "data")
    with pytest.raises(Refused, match=rf"^--prices recorded:{file}.gz: "):
        up(missing)
    assert not chosen.data.exists()
