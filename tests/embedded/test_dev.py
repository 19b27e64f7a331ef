"""dev.py: the environment that it makes, keeps and repairs, without installing anything."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dexproject.embedded.options import ROOT


class Setup:
    """dev.py over an empty project; `ran` notes what would be installed."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dev = _load_dev()
        self.ran: list[list[str]] = []
        self.locks = {name: project / f"{name}.lock" for name in ("embedded", "test")}
        for name, lock in self.locks.items():
            lock.write_text(name)
        venv = project / ".venv"
        for name, value in {
            "ROOT": project,
            "VENV": venv,
            "PYTHON": venv / "bin" / "python",
            "STAMP": venv / "dexproject.json",
            "LOCKS": self.locks,
        }.items():
            monkeypatch.setattr(self.dev, name, value)
        self._run, self._succeeds = self.dev.run, self.dev.succeeds
        monkeypatch.setattr(self.dev, "run", self.run)
        monkeypatch.setattr(self.dev, "succeeds", self.succeeds)
        self.outer_pip = True

    def run(self, command: list[str], complaint: str) -> None:
        self.ran.append(command)
        if "install" not in command:
            self._run(command, complaint)

    def succeeds(self, command: list[str]) -> bool:
        if "pip" in command:
            return self.outer_pip and "--python" in command
        return bool(self._succeeds(command))

    @property
    def installed(self) -> list[str]:
        """The names of the locks that were installed."""
        return [Path(command[-1]).stem for command in self.ran if "install" in command]


def _load_dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    found = Setup(tmp_path, monkeypatch)
    # As where Python comes without ensurepip; also the fastest way.
    find = importlib.util.find_spec
    monkeypatch.setattr(
        found.dev.importlib.util,
        "find_spec",
        lambda name: None if name == "ensurepip" else find(name),
    )
    return found


def test_a_lock_is_installed_once(setup: Setup) -> None:
    setup.dev.prepare("embedded")
    setup.dev.prepare("embedded")
    assert setup.installed == ["embedded"]


def test_only_locked_wheels_with_hashes_are_installed(setup: Setup) -> None:
    setup.dev.prepare("test")
    command = setup.ran[-1]
    assert "--require-hashes" in command
    assert "--only-binary=:all:" in command
    assert command[-2:] == ["-r", str(setup.locks["test"])]


def test_without_ensurepip_the_outer_pip_installs_into_the_environment(setup: Setup) -> None:
    setup.dev.prepare("embedded")
    assert setup.ran[0][1:4] == ["-m", "venv", "--without-pip"]
    assert setup.ran[1][:5] == [sys.executable, "-m", "pip", "--python", str(setup.dev.PYTHON)]


def test_without_any_pip_the_missing_package_is_named(setup: Setup) -> None:
    setup.outer_pip = False
    with pytest.raises(setup.dev.SetupError) as failure:
        setup.dev.prepare("embedded")
    assert str(failure.value) == (
        "no pip for this Python (22.3 or newer); install python3-venv or python3-pip and try again"
    )


def test_the_test_lock_holds_the_embedded_one(setup: Setup) -> None:
    setup.dev.prepare("test")
    setup.dev.prepare("embedded")
    assert setup.installed == ["test"]


def test_the_embedded_lock_does_not_hold_the_test_one(setup: Setup) -> None:
    setup.dev.prepare("embedded")
    setup.dev.prepare("test")
    assert setup.installed == ["embedded", "test"]


def test_a_changed_lock_is_installed_into_the_same_environment(setup: Setup) -> None:
    setup.dev.prepare("embedded")
    kept = setup.dev.VENV / "kept"
    kept.touch()
    setup.locks["embedded"].write_text("newer")
    setup.dev.prepare("embedded")
    assert setup.installed == ["embedded", "embedded"]
    assert kept.exists()


def test_an_environment_without_a_stamp_is_kept_and_completed(setup: Setup) -> None:
    setup.dev.prepare("embedded")
    kept = setup.dev.VENV / "kept"
    kept.touch()
    setup.dev.STAMP.unlink()
    setup.dev.prepare("embedded")
    assert setup.installed == ["embedded", "embedded"]
    assert kept.exists()


@pytest.mark.parametrize("damage", ["no python", "dangling python", "no configuration", "a file"])
def test_a_broken_environment_is_made_anew(setup: Setup, damage: str) -> None:
    setup.dev.prepare("embedded")
    if damage == "no python":
        shutil.rmtree(setup.dev.PYTHON.parent)
    elif damage == "dangling python":
        setup.dev.PYTHON.unlink()
        setup.dev.PYTHON.symlink_to("/does/not/exist/python")
    elif damage == "no configuration":
        (setup.dev.VENV / "pyvenv.cfg").unlink()
    else:
        shutil.rmtree(setup.dev.VENV)
        setup.dev.VENV.write_text("")
    setup.dev.prepare("embedded")
    assert setup.installed == ["embedded", "embedded"]
    assert setup.dev.works()


def test_a_damaged_stamp_counts_as_none(setup: Setup) -> None:
    setup.dev.prepare("embedded")
    for content in ("", "[]", "{}", json.dumps({"python": 3, "locks": {}})):
        setup.dev.STAMP.write_text(content)
        assert not setup.dev.is_ready("embedded")


def test_a_failed_installation_leaves_no_stamp(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], complaint: str) -> None:
        if "install" in command:
            raise setup.dev.SetupError(f"{complaint} (the lines above say why)")
        setup.run(command, complaint)

    monkeypatch.setattr(setup.dev, "run", fail)
    with pytest.raises(setup.dev.SetupError):
        setup.dev.prepare("embedded")
    assert not setup.dev.is_ready("embedded")


def test_the_launcher_may_keep_byte_code(monkeypatch: pytest.MonkeyPatch) -> None:
    dev, found = _load_dev(), list[bool]()
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    look = lambda *_: found.append("PYTHONDONTWRITEBYTECODE" in os.environ)  # noqa: E731
    monkeypatch.setattr(dev.os, "execv", look)
    dev.become_launcher(["test"])
    assert found == [False]


def test_an_old_python_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    with pytest.raises(SystemExit) as end:
        _load_dev()
    assert end.value.code == "dev.py: this is Python 3.10; Python 3.11 or newer is needed"


def test_a_bad_command_line_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    for name in ("dev.py", *(f"dexproject/embedded/{n}.py" for n in ("errors", "options"))):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    done = subprocess.run(
        # -S: no installed package can be imported.
        [sys.executable, "-S", str(tmp_path / "dev.py"), "up", "--port", "http"],
        capture_output=True,
        text=True,
        check=False,
    )
    line = "dev.py: --port http: allowed is a whole number from 1 to 65535\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert not (tmp_path / ".venv").exists()
