#!/usr/bin/env python3
"""Set up the project's own Python environment, then run it: `python3 dev.py up`, `test`, ...

Nothing but a Python from 3.11 on is needed; this file uses the standard library only. The
locked packages are installed into `.venv` beside it, once for each state of the lock file.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

FLOOR = (3, 11)
if sys.version_info < FLOOR:
    sys.exit(
        "dev.py: this is Python {}.{}; Python {}.{} or newer is needed".format(
            *sys.version_info[:2], *FLOOR
        )
    )

try:
    import fcntl
except ImportError:
    sys.exit("dev.py: Linux or macOS is needed; on Windows use WSL")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "dexproject.json"
LOCKS = {
    "embedded": ROOT / "dexproject" / "embedded" / "requirements.lock",
    "test": ROOT / "tests" / "requirements.lock",
}
LOCK_OF = {"test": "test", "faults": "test"}
# What else a lock contains: nothing is installed twice.
CONTAINS = {"embedded": ("embedded",), "test": ("test", "embedded")}
PIP_OPTIONS = (
    "--require-hashes",
    "--only-binary=:all:",
    # A lock is whole: what a package asks for was weighed when it was made.
    "--no-deps",
    "--no-compile",
    "--no-input",
    "--disable-pip-version-check",
    "--quiet",
    "--quiet",
)


class SetupError(Exception):
    """Say in one line why the command cannot be run."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: list[str]) -> int:
    """Check the command line and bring the environment up to date, then be the launcher."""
    try:
        help_text, lock = check(arguments)
        if help_text:
            print(help_text)
            return 0
        prepare(lock)
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    return become_launcher(arguments)


def check(arguments: list[str]) -> tuple[str, str]:
    """Return the help that the arguments ask for, and the lock that their command needs.

    Raises SetupError for a bad command line, before anything is installed.
    """
    # Found without importing the project, whose packages may not be installed yet.
    sys.path.append(str(ROOT / "dexproject"))
    if TYPE_CHECKING:
        from dexproject.embedded.errors import Refused
        from dexproject.embedded.options import parse
    else:
        from embedded.errors import Refused
        from embedded.options import parse

    try:
        command = parse(arguments)
    except Refused as error:
        raise SetupError(str(error), error.code) from None
    return command if isinstance(command, str) else "", LOCK_OF.get(arguments[0], "embedded")


def become_launcher(arguments: list[str]) -> NoReturn:
    """Go on as the launcher, with the project importable from any current directory."""
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), others] if others else [str(ROOT)])
    # The packages come without byte code: unless it may be kept, each process compiles them anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.execv(PYTHON, [str(PYTHON), "-P", "-m", "dexproject.embedded", *arguments])


def prepare(lock: str) -> None:
    """Make sure that the environment holds the packages of a lock; raises SetupError."""
    if is_ready(lock):
        return
    with one_at_a_time():
        if is_ready(lock):
            return
        say("Installing the locked packages into .venv (once; about half a minute)")
        if not works():
            make_environment()
        run([*pip(), "install", *PIP_OPTIONS, "-r", str(LOCKS[lock])], "installing packages failed")
        done = {name: digest(LOCKS[name]) for name in CONTAINS[lock]}
        STAMP.write_text(json.dumps({"python": made_for(), "locks": done}), encoding="utf-8")


def is_ready(lock: str) -> bool:
    """Return whether the stamp says that this lock is installed for this environment."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return bool(
            PYTHON.exists()
            and stamp["python"] == made_for()
            and stamp["locks"].get(lock) == digest(LOCKS[lock])
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def made_for() -> str:
    """Return what the environment says of the Python that it was made with."""
    return (VENV / "pyvenv.cfg").read_text(encoding="utf-8")


def digest(path: Path) -> str:
    """Return the hash of a lock file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def works() -> bool:
    """Return whether the environment has a Python that runs, from 3.11 on."""
    check = f"import sys; sys.exit(sys.prefix == sys.base_prefix or sys.version_info < {FLOOR})"
    return (VENV / "pyvenv.cfg").is_file() and succeeds([str(PYTHON), "-c", check])


def make_environment() -> None:
    """Make `.venv` anew, with pip where Python can do that, else without."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    if importlib.util.find_spec("venv") is None:
        raise SetupError("Python's venv module is missing; install it (Debian: python3-venv)")
    command = [sys.executable, "-m", "venv"]
    if importlib.util.find_spec("ensurepip") and succeeds([*command, str(VENV)]):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    run([*command, "--without-pip", str(VENV)], "making .venv failed")


def pip() -> list[str]:
    """Return a pip that installs into the environment: its own, else that of this Python."""
    own = [str(PYTHON), "-m", "pip"]
    if succeeds([*own, "--version"]):
        return own
    outer = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if succeeds([*outer, "--version"]):
        return outer
    raise SetupError(
        "no pip for this Python (22.3 or newer); install python3-venv or python3-pip and try again"
    )


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one dev.py at a time work on the environment."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def succeeds(command: list[str]) -> bool:
    """Return whether a command can be run and ends well; its output is dropped."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: list[str], complaint: str) -> None:
    """Run a command whose output goes to standard error; raises SetupError if it fails."""
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise SetupError(f"{complaint} (the lines above say why)")


def say(text: str) -> None:
    """Tell on standard error what takes time; standard output belongs to the command."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
