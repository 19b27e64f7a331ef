"""The process of the signals: whatever a file does, its owner gets an answer and goes on."""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from paper_trading.services import signal_process
from paper_trading.services.signal_folder import samples
from paper_trading.services.signal_process import CannotStart, NoReading, SignalProcess
from tests.services.signal_files import GOOD, RANGE, body

BARS = samples(12)[0][1]
SLOW = r"took more than 0\.05 s; less is allowed"


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[SignalProcess]:
    monkeypatch.setattr(signal_process, "PATIENCE_SECONDS", 0.5)
    found = SignalProcess(0.05)
    yield found
    found.close()


def read(process: SignalProcess, text: str) -> float:
    return process.read("mine", text, text, BARS)


def pid(process: SignalProcess) -> int:
    assert process._process is not None
    return process._process.pid


def test_a_good_signal_is_read_again_and_again(process: SignalProcess) -> None:
    first = read(process, GOOD)
    before = pid(process)
    assert [read(process, GOOD) for _ in range(5)] == [first] * 5
    assert pid(process) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (body("while True:\n    pass"), SLOW),
        (body("while True:\n    try:\n        len(bars)\n    except:\n        pass"), SLOW),
        (body("return 7 ** (10 ** (len(bars) - 3))"), SLOW),
        (body("return signal(bars)"), "RecursionError: maximum recursion depth"),
        (body("return np.ones(10**11)[0]", "import numpy as np"), "MemoryError"),
        (body("bars.close[0] = 1\nreturn 0"), "ValueError: assignment destination is read-only"),
        (body("return bars.closes[0]"), "AttributeError"),
        (body("return missing"), "NameError: name 'missing' is not defined"),
        (body("raise SystemExit(3)"), "ended its process with status 3"),
        (body("return 0", "1 / 0"), "ZeroDivisionError"),
        (body("return 'much'"), "gave str; a number is needed"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said_and_the_next_is_read(
    process: SignalProcess, text: str, words: str
) -> None:
    expected = read(process, GOOD)
    with pytest.raises(NoReading, match=words):
        read(process, text)
    assert read(process, GOOD) == expected


def once(path: Path, act: str) -> str:
    """Return a signal that does something the first time it is asked, and answers after that."""
    first = (
        f"path = pathlib.Path({str(path)!r})\nif not path.exists():\n    path.touch()\n    {act}"
    )
    return body(f"{first}\nreturn 0.5", "import os, pathlib, time")


@pytest.mark.parametrize("act", ["while True: pass", "time.sleep(60)", "os.kill(os.getpid(), 9)"])
def test_who_was_too_slow_or_ended_once_is_asked_once_more(
    process: SignalProcess, tmp_path: Path, act: str
) -> None:
    """A machine that stands still for a moment is no fault of a signal."""
    assert read(process, once(tmp_path / "asked", act)) == 0.5


def test_two_tries_end_before_others_give_up_waiting_for_the_market() -> None:
    options = settings.DATABASES["default"]["OPTIONS"]["options"]
    waited = re.search(r"lock_timeout=(\d+)", options)
    assert waited is not None
    tries = 2 * (settings.SIGNAL_SECONDS + signal_process.PATIENCE_SECONDS)
    assert tries < int(waited[1]) / 1000


def test_printing_does_not_disturb(process: SignalProcess) -> None:
    assert read(process, body("print('x' * 100_000)\nreturn 0.5")) == 0.5


def test_it_sees_no_environment(process: SignalProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEX_SECRET_KEY", "hidden")
    text = body("return 1.0 if 'DEX_SECRET_KEY' in os.environ else 0.0", "import os")
    assert read(process, text) == 0.0


def test_a_process_that_somebody_ended_is_started_again(process: SignalProcess) -> None:
    expected = read(process, GOOD)
    before = pid(process)
    os.kill(before, signal.SIGKILL)
    assert read(process, GOOD) == expected
    assert pid(process) != before


def test_an_answer_that_nobody_waited_for_is_no_answer_to_the_next(
    process: SignalProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(process, GOOD) != 0.25

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process, "_line", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read(process, body("return 0.25"))
    assert read(process, body("return 0.5")) == 0.5


def test_a_stop_of_the_machine_switches_nothing_off(process: SignalProcess) -> None:
    expected = read(process, GOOD)
    before = pid(process)
    os.kill(before, signal.SIGTERM)
    assert read(process, GOOD) == expected
    assert pid(process) == before


def test_a_fork_starts_its_own(process: SignalProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(process, GOOD)
    parent = process._process
    assert parent is not None
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        assert read(process, GOOD) == expected
        assert process._process is not parent
        process.close()
        assert process._process is None
    for pipe in (parent.stdin, parent.stdout):
        assert pipe is not None
        pipe.close()
    assert parent.wait(5) == 0


def test_a_fork_leaves_its_parent_s_process_alone(
    process: SignalProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(process, GOOD)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        process.close()
    assert process._process is not None
    assert process._process.poll() is None


def test_threads_share_it(process: SignalProcess) -> None:
    expected, found = read(process, GOOD), list[float]()
    threads = [threading.Thread(target=lambda: found.append(read(process, GOOD))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_closing_twice_is_fine(process: SignalProcess) -> None:
    process.close()
    read(process, GOOD)
    running = process._process
    process.close()
    process.close()
    assert running is not None
    assert running.poll() == 0


def test_a_process_that_does_not_start_is_no_fault_of_the_signal(
    process: SignalProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    monkeypatch.setattr(signal_process, "_HOST", f"{tmp_path}/gone.py")
    with pytest.raises(CannotStart, match=r"could not be started \(ended its process"):
        read(process, GOOD)
    monkeypatch.setattr(sys, "executable", f"{tmp_path}/no-python")
    with pytest.raises(CannotStart, match="No such file"):
        read(process, GOOD)


class Interrupted(Exception):
    """What the owner of a process may be told at any moment."""


def test_an_answer_that_nobody_waited_for_is_not_the_next_one_s(
    process: SignalProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupt the owner between its question and the answer, as a time limit does."""
    with monkeypatch.context() as patch:
        patch.setattr(process, "_line", interrupted(process))
        with pytest.raises(Interrupted):
            read(process, body("return 0.25"))
    assert read(process, body("return 0.75")) == 0.75


def interrupted(process: SignalProcess) -> Callable[[object, float], bytes]:
    line = process._line

    def raises(running: Any, seconds: float) -> bytes:
        if seconds == signal_process._START_SECONDS:
            return line(running, seconds)
        raise Interrupted

    return raises


def test_an_answer_to_another_question_is_not_taken(process: SignalProcess) -> None:
    read(process, GOOD)
    running = process._process
    assert running is not None
    assert running.stdin is not None
    stray = {"id": 0, "name": "mine", "sha256": "x", "size": len(BARS), "source": RANGE}
    running.stdin.write(json.dumps(stray).encode() + b"\n" + BARS)
    assert read(process, body("return 0.75")) == 0.75
    assert process._process is not running


def test_one_process_serves_a_limit() -> None:
    assert signal_process.shared(0.5) is signal_process.shared(0.5)
    assert signal_process.shared(0.5) is not signal_process.shared(0.25)
