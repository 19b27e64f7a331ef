"""The folder: which files count, how they are tried, and that a changed one is another."""

import logging
import math
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from dexproject import environment
from paper_trading.engine.enums import Family
from paper_trading.intelligence.bars import Bar
from paper_trading.intelligence.user_signals import SignalFailed, digest
from paper_trading.services import signal_folder, signal_process
from paper_trading.services.signal_host import bars_of
from paper_trading.services.signal_process import CannotStart, TooSlow
from tests.services.signal_files import GOOD, RANGE, Folder, body, use


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return use(tmp_path, monkeypatch)


def bars(count: int, volume: Decimal | None = None) -> list[Bar]:
    start = datetime(2026, 1, 5, tzinfo=UTC)
    price = Decimal("1.5")
    return [Bar(start, 300, price, price * 2, price / 2, price + place, volume)
            for place in range(count)]  # fmt: skip


def test_without_a_folder_there_are_no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SIGNALS_DIR", None)
    assert signal_folder.examine() == ()
    assert signal_folder.signals() == ()


def test_the_settings_have_no_folder_unless_told() -> None:
    assert signal_folder.folder() is None


def test_a_folder_that_is_not_there_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEX_SIGNALS_DIR", str(tmp_path))
    assert environment.folder("DEX_SIGNALS_DIR") == tmp_path.resolve()
    monkeypatch.setenv("DEX_SIGNALS_DIR", str(tmp_path / "gone"))
    with pytest.raises(ImproperlyConfigured, match=r"DEX_SIGNALS_DIR was .*; allowed is a folder"):
        environment.folder("DEX_SIGNALS_DIR")
    monkeypatch.delenv("DEX_SIGNALS_DIR")
    assert environment.folder("DEX_SIGNALS_DIR") is None


def test_a_folder_that_went_away_has_no_signals(folder: Folder) -> None:
    folder.write("good", GOOD)
    assert len(signal_folder.signals()) == 1
    folder.remove("good")
    folder.path.rmdir()
    assert signal_folder.signals() == ()


def test_python_files_are_taken_by_name(folder: Folder) -> None:
    folder.write("b_range", RANGE)
    folder.write("a_good", GOOD)
    folder.write("_shared", "nonsense(")
    (folder.path / "notes.txt").write_text("not a signal")
    (folder.path / "folder.py").mkdir()
    first, second = signal_folder.signals()
    assert (first.name, first.family, first.weight, first.bars) == (
        "a_good", Family.MOMENTUM, Decimal("0.1"), 12
    )  # fmt: skip
    assert (second.name, second.family, second.bars) == ("b_range", Family.MEAN_REVERSION, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def signal(", "line 1 is not Python"),
        (body("return 0", "import socket"), "import was 'socket'"),
        (body("return 2"), "on moving prices: gave 2.0; -1 to 1 is allowed"),
        (body("return float('nan')"), "on moving prices: gave nan"),
        (body("return bars.close.std() / bars.close.std() * .5"), "on constant prices: gave nan"),
        (body("return bars.volume.mean() / 1e9"), "on prices without volume: gave nan"),
        (body("return 1 / 0"), "on moving prices: ZeroDivisionError"),
        (body("while True: pass"), "on moving prices: took more than 0.05 s"),
        (body("return np.random.random()", "import numpy as np"), "one answer is allowed"),
        (body("return (bars.close[-1] < 1) * 9"), "on prices of 1e-16: gave"),
    ],
)
def test_a_broken_file_is_switched_off_with_the_reason(
    folder: Folder, text: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("good", GOOD)
    folder.write("mine", text)
    with caplog.at_level(logging.ERROR, "paper_trading"):
        assert [one.name for one in signal_folder.signals()] == ["good"]
    broken = signal_folder.examine()[1]
    assert (broken.name, broken.signal) == ("mine", None)
    assert words in broken.reason
    assert f"Signal mine is switched off: {broken.reason}" in caplog.text


def test_another_content_is_another_set(folder: Folder) -> None:
    folder.write("good", GOOD)
    first = signal_folder.signals()
    folder.write("good", f"{GOOD}\n# a remark\n")
    second = signal_folder.signals()
    assert digest(first) != digest(second)
    folder.write("range", RANGE)
    assert len({digest(first), digest(second), digest(signal_folder.signals())}) == 3


def test_a_reader_runs_the_files_as_they_were(folder: Folder) -> None:
    folder.write("range", RANGE)
    (signal,) = signal_folder.signals()
    reader = signal_folder.FolderReader()
    assert reader.read(signal, bars(2)) == pytest.approx(1 - 2 * 1.75 / 2.25)
    folder.write("range", RANGE.replace("1 - 2", "1 - 1"))
    assert reader.missing(signal) == ""
    changed = signal_folder.FolderReader()
    with pytest.raises(SignalFailed, match=r"range.py was changed: it is [0-9a-f]{12}, it was"):
        changed.read(signal, bars(2))
    folder.remove("range")
    with pytest.raises(SignalFailed, match=r"range.py is not in the signal folder"):
        signal_folder.FolderReader().read(signal, bars(2))


def test_a_failure_carries_its_reason(folder: Folder) -> None:
    folder.write("mine", body("return 1 / int(bars.close[0] - 1.5)"))
    (signal,) = signal_folder.signals()
    with pytest.raises(SignalFailed, match="mine: ZeroDivisionError: division by zero"):
        signal_folder.FolderReader().read(signal, bars(5))


def test_a_file_that_cannot_be_read_is_no_fault_of_the_signal(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("range", RANGE)
    (signal,) = signal_folder.signals()

    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(signal_folder, "load", denied)
    (found,) = signal_folder.examine()
    assert (found.signal, found.reason) == (None, "cannot be read: Permission denied")
    with pytest.raises(PermissionError):
        signal_folder.FolderReader().read(signal, bars(2))


def test_what_cannot_be_tried_is_not_taken_for_broken(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let no process start: a market made now would be another one than it is meant to be."""
    folder.write("range", f"{RANGE}# never tried before\n")
    with monkeypatch.context() as patch:
        process = signal_process.SignalProcess(0.05)
        patch.setattr(signal_process, "shared", lambda limit: process)
        patch.setattr(signal_process, "_HOST", tmp_path / "gone.py")
        (found,) = signal_folder.examine()
        assert (found.signal, found.tried) == (None, False)
        assert found.reason.startswith("could not be tried: the process that runs users' signals")
        for ask in (signal_folder.signals, signal_folder.good):
            with pytest.raises(CannotStart, match="signal range could not be tried"):
                ask()
    assert [one.name for one in signal_folder.signals()] == ["range"]


def test_a_failure_on_a_busy_machine_does_not_stay(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a file be too slow once: it is looked at again before a market is made."""
    folder.write("range", f"{RANGE}# slow once\n")
    with monkeypatch.context() as patch:
        patch.setattr(signal_folder, "_try", too_slow)
        assert signal_folder.signals() == ()
        assert signal_folder.examine()[0].reason == "took long"
    assert signal_folder.examine()[0].reason == "took long"
    assert [one.name for one in signal_folder.signals()] == ["range"]
    assert signal_folder.examine()[0].reason == ""


def test_a_failure_is_kept_for_a_while_only(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("range", f"{RANGE}# slow for long\n")
    with monkeypatch.context() as patch:
        patch.setattr(signal_folder, "_try", too_slow)
        signal_folder.examine()
    later = time.monotonic() + signal_folder._FAILED_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert signal_folder.examine()[0].reason == ""


def too_slow(*_: object) -> None:
    raise TooSlow("took long")


def test_bars_become_columns() -> None:
    made = bars_of(signal_folder.columns([*bars(2), *bars(1, Decimal("2.25"))]))
    assert list(made.close) == [1.5, 2.5, 1.5]
    assert list(made.high) == [3.0, 3.0, 3.0]
    assert list(made.start) == [1767571200.0] * 3
    assert math.isnan(made.volume[0])
    assert made.volume[2] == 2.25
