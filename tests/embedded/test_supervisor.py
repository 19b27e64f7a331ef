"""The supervisor with small stand-ins for the real processes."""

import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dexproject.embedded.console import Console
from dexproject.embedded.errors import GaveUp, Interrupted, LauncherError
from dexproject.embedded.process import ProcessSpec
from dexproject.embedded.supervisor import Supervisor

from .waiting import is_gone, wait_for

WAIT_FOREVER = "import time\nwhile True: time.sleep(60)\n"
# Writes its name when asked to end, and takes its time.
POLITE = """\
import signal, sys, time
def end(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True: time.sleep(60)
"""
# Presses Ctrl+C once more when asked to end.
IMPATIENT = """\
import os, signal, time
def end(*_):
    os.kill({launcher}, signal.SIGINT)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True: time.sleep(60)
"""
STUBBORN = """\
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
while True: time.sleep(60)
"""


class Stage:
    """A supervisor whose console is a text, and specs for programs given as source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.screen = io.StringIO()
        self.supervisor = Supervisor(Console(self.screen))

    def spec(
        self, name: str, source: str, *arguments: str, rank: int = 0, grace: float = 10
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=(sys.executable, "-c", source, *arguments),
            environment=os.environ,
            log=self.folder / f"{name}.log",
            directory=self.folder,
            rank=rank,
            grace=grace,
            shown=True,
        )

    def shows(self, text: str) -> bool:
        return text in self.screen.getvalue()

    def wait_to_see(self, text: str) -> None:
        self.supervisor.wait_until(lambda: self.shows(text))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    yield found
    found.supervisor.stop()


def test_output_is_marked_with_the_name_on_the_console_and_kept_in_a_log(stage: Stage) -> None:
    stage.supervisor.start(stage.spec("web", f"print('one', flush=True)\n{WAIT_FOREVER}"))
    stage.wait_to_see("web     | one\n")
    assert (stage.folder / "web.log").read_text() == "one\n"


def test_a_process_that_ends_is_started_again(stage: Stage) -> None:
    source = f"import os\nprint('life', os.getpid(), flush=True)\n{WAIT_FOREVER}"
    stage.supervisor.start(stage.spec("worker", source))
    stage.wait_to_see("life")
    first = int(stage.screen.getvalue().split()[-1])
    os.kill(first, signal.SIGKILL)
    stage.supervisor.wait_until(lambda: stage.screen.getvalue().count("life") == 2)
    assert stage.shows("worker ended (signal SIGKILL), starting it again in 0.5 s")


def test_a_process_that_keeps_ending_is_given_up_with_its_last_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dexproject.embedded.restarts._FIRST_DELAY", 0.01)
    stage.supervisor.start(stage.spec("beat", "import sys\nprint('no broker')\nsys.exit(4)"))
    with pytest.raises(GaveUp) as given_up:
        stage.supervisor.wait_until(lambda: False)
    assert str(given_up.value) == (
        "beat ended 5 times right after its start, last with exit code 4: no broker"
        f" (log: {stage.folder / 'beat.log'})"
    )
    assert given_up.value.code == 3
    assert (stage.folder / "beat.log").read_text() == "no broker\n" * 5


def test_ranks_end_one_after_the_other(stage: Stage, tmp_path: Path) -> None:
    order = tmp_path / "order"
    for name, rank in (("postgres", 3), ("web", 0), ("worker", 1), ("valkey", 2)):
        stage.supervisor.start(stage.spec(name, POLITE, str(order), name, rank=rank))
    stage.supervisor.wait_until(lambda: stage.screen.getvalue().count("ready") == 4)
    stage.supervisor.stop()
    assert order.read_text().split() == ["web", "worker", "valkey", "postgres"]


def test_what_does_not_end_in_its_grace_is_killed_with_its_children(stage: Stage) -> None:
    stage.supervisor.start(stage.spec("worker", STUBBORN, grace=0.2))
    stage.wait_to_see("child")
    stage.supervisor.pump(0.05)
    child = int(stage.screen.getvalue().split()[-1])
    stage.supervisor.stop()
    assert stage.shows("worker is killed (not gone after 0.2 s)")
    wait_for(lambda: is_gone(child), "the grandchild is gone")


def test_a_second_signal_hurries_the_end(stage: Stage) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stage.supervisor.listen()
    try:
        impatient = IMPATIENT.format(launcher=os.getpid())
        stage.supervisor.start(stage.spec("user", impatient))
        stage.supervisor.start(stage.spec("worker", STUBBORN, grace=20))
        stage.supervisor.wait_until(lambda: stage.shows("child") and stage.shows("ready"))
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            stage.supervisor.wait_until(lambda: False)
        stage.supervisor.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert stage.shows("worker is killed (hurried)")


def test_a_step_is_run_to_its_end_and_its_lines_come_back(stage: Stage) -> None:
    source = (
        "import sys\nprint('first'); print('{\"a\": 1}', end='')\n"
        "print('careful', file=sys.stderr)\nsys.exit(7)"
    )
    seen: list[str] = []
    finished = stage.supervisor.run(stage.spec("seed", source), seen.append)
    assert (finished.code, finished.output, finished.errors) == (
        7,
        ["first", '{"a": 1}'],
        ["careful"],
    )
    assert seen == ["careful"]
    assert sorted((stage.folder / "seed.log").read_text().splitlines()) == [
        "careful",
        "first",
        '{"a": 1}',
    ]


def test_long_output_of_a_step_arrives_whole(stage: Stage) -> None:
    finished = stage.supervisor.run(stage.spec("report", "print('x' * 300_000)\nprint('end')"))
    assert finished.output == ["x" * 300_000, "end"]


def test_a_program_that_does_not_exist_is_named(stage: Stage) -> None:
    spec = ProcessSpec(
        name="flower",
        argv=("/does/not/exist",),
        environment={},
        log=stage.folder / "flower.log",
        directory=stage.folder,
    )
    with pytest.raises(LauncherError, match=r"^flower: cannot start /does/not/exist: "):
        stage.supervisor.start(spec)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("2026-01-05 12:00:00,123 INFO paper_trading.bot.logs tick 1 of session 2 closed", False),
        ("2026-01-05 12:00:00,123 DEBUG paper_trading.bot.logs tick 1 of session 2", False),
        ("2026-01-05 12:00:00,123 WARNING paper_trading.bot.logs.routine tick 1: denied", False),
        ("2026-01-05 12:00:00,123 WARNING paper_trading.bot.logs breaker tripped", True),
        ("2026-01-05 12:00:00,123 ERROR paper_trading.bot.logs SELL failed", True),
        ("Traceback (most recent call last):", True),
        ("the INFO of a line that is no log line", True),
    ],
)
def test_routine_goes_to_the_log_and_not_to_the_screen(
    stage: Stage, line: str, shown: bool
) -> None:
    source = f"print({line!r}, flush=True)\n{WAIT_FOREVER}"
    stage.supervisor.start(stage.spec("worker", source))
    log = stage.folder / "worker.log"
    stage.supervisor.wait_until(lambda: log.exists() and line in log.read_text())
    stage.supervisor.stop()
    assert (line in stage.screen.getvalue()) is shown


def test_a_closed_console_does_not_end_the_work(stage: Stage) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    console = Console(Broken())
    console.say("one")
    console.relay("web", "two")
