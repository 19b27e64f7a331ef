"""A command in the foreground: its exit status, and signals on their way to it."""

import os
import signal
import sys

import pytest

from dexproject.embedded.errors import Interrupted
from dexproject.embedded.foreground import run_in_foreground, signals_end_the_work

# Asks the launcher to end and answers the signal that comes back.
ECHO = """\
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(600)
"""


def run(source: str) -> int:
    return run_in_foreground([sys.executable, "-c", source], os.environ)


def test_the_exit_status_is_handed_on() -> None:
    assert run("raise SystemExit(0)") == 0
    assert run("raise SystemExit(5)") == 5


def test_a_command_ended_by_a_signal_gives_the_status_of_a_shell() -> None:
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == 137


def test_a_request_to_end_reaches_the_command_and_its_answer_counts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert run(ECHO) == 9
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_ctrl_c_is_the_commands_own_affair() -> None:
    source = "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); raise SystemExit(3)"
    assert run(source) == 3


def test_a_command_apart_from_the_terminal_gets_every_signal_from_here() -> None:
    source = ECHO.replace("SIGTERM", "SIGINT")
    command = [sys.executable, "-c", source]
    assert run_in_foreground(command, os.environ, apart=True) == 9
    mine = os.getpgid(0)
    source = f"import os; raise SystemExit(os.getpgid(0) == {mine})"
    assert run(source) == 1
    assert run_in_foreground([sys.executable, "-c", source], os.environ, apart=True) == 0


def work_until_a_signal_and_clean_up(cleaned: list[str]) -> None:
    with signals_end_the_work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append("up")


def test_a_signal_ends_the_work_around_a_command_once() -> None:
    cleaned: list[str] = []
    with pytest.raises(Interrupted, match=r"^stopped by SIGTERM$"):
        work_until_a_signal_and_clean_up(cleaned)
    assert cleaned == ["up"]
