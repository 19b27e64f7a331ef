"""A PostgreSQL cluster on disk: made, checked and freed of what a dead server left."""

import os
import shutil
import time
from pathlib import Path

from .binaries import postgres_programs
from .errors import LauncherError, Refused
from .paths import DataDirectory
from .process import Owner, Pause, Process, ProcessSpec, last_line
from .unprivileged import open_for_server, server_owner

USER = "dex"

# One ordering of text everywhere, whatever locales the machine has.
_LOCALE = ("--locale=C", "--encoding=UTF8")
_BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_FIRST_WITH_BUILTIN_LOCALE = 17


def make_cluster(
    home: DataDirectory,
    password: str,
    descriptors: tuple[int, ...] = (),
    *,
    durable: bool = True,
    pause: Pause = time.sleep,
) -> None:
    """Make the cluster beside its place and move it there when it is whole.

    `descriptors` are inherited by initdb; a cluster that is not `durable` skips the sync.
    Raises LauncherError when initdb fails.
    """
    scratch = home.postgres.with_suffix(".new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    owner = server_owner(scratch)
    if owner is not None:
        os.chown(scratch, owner.user, owner.group)
    place, opened = open_for_server(scratch, owner)
    reader = _readable_pipe(password, owner.user if owner else os.geteuid())
    spec = ProcessSpec(
        name="initdb",
        argv=_initdb(owner, place, reader, durable=durable),
        environment=server_environment(),
        log=home.log("initdb"),
        directory=Path("/"),
        owner=owner,
        descriptors=(*opened, reader, *descriptors),
    )
    try:
        _run(Process(spec), pause)
    finally:
        for descriptor in (*opened, reader):
            os.close(descriptor)
    scratch.rename(home.postgres)


def _initdb(owner: Owner | None, place: str, reader: int, *, durable: bool) -> tuple[str, ...]:
    programs = postgres_programs(owner)
    arguments = [str(programs.initdb), "-D", place, "-U", USER, "-A", "scram-sha-256"]
    arguments += [f"--pwfile=/dev/fd/{reader}", *_LOCALE]
    if programs.major >= _FIRST_WITH_BUILTIN_LOCALE:
        arguments += _BUILTIN_LOCALE
    if not durable:
        arguments.append("--no-sync")
    return tuple(arguments)


def _run(process: Process, pause: Pause) -> None:
    process.start()
    try:
        while process.running:
            pause(0.02)
    finally:
        process.kill()
    if process.popen.returncode != 0:
        text = last_line(process.spec.log)
        raise LauncherError(f"initdb failed ({process.outcome()}): {text}")


def server_environment() -> dict[str, str]:
    """Return what PostgreSQL's programs need of the environment, and the plain locale."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def _readable_pipe(password: str, user: int) -> int:
    """Return the reading end of a pipe that holds the password and that `user` may open."""
    reader, writer = os.pipe()
    os.fchown(reader, user, -1)
    os.write(writer, f"{password}\n".encode())
    os.close(writer)
    return reader


def require_version(data: Path, major: int) -> None:
    """Raise Refused when the cluster was made by another major version."""
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise Refused(f"{data} is no database cluster: {error.strerror}") from None
    if made_by != str(major):
        raise Refused(
            f"{data} was made by PostgreSQL {made_by} and the server is {major};"
            " name another --data or move the data over with pg_dump"
        )


def remove_stale_pid_file(data: Path) -> None:
    """Remove the pid file of a server that is gone.

    The launcher holds the lock of the data directory, so no server of ours works on it; the
    number in the file may meanwhile belong to any process. A server that somebody started by
    hand shows by its working directory. Raises Refused for that one.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().splitlines()[0])
    except FileNotFoundError:
        return
    except (ValueError, IndexError):
        file.unlink()
        return
    try:
        runs_here = Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        runs_here = False
    if runs_here:
        raise Refused(f"PostgreSQL (process {pid}) already works on {data}; stop it first")
    file.unlink(missing_ok=True)
