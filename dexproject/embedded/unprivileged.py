"""Run PostgreSQL, which refuses to run as root, as an ordinary user without touching the machine.

As root, the server runs as `nobody`. That user may not pass through a private directory such
as a home, and the mode of a directory that is not ours is never changed. So the programs are
copied to a place that everybody can read, and the data directory is handed over as an open
descriptor, whose path under /proc needs no passage through its parents.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .errors import LauncherError, Refused
from .process import Owner

COPIES = Path("/var/tmp")  # noqa: S108
_DESCRIPTORS = Path("/proc/self/fd")


def server_owner(data: Path) -> Owner | None:
    """Return the user for a PostgreSQL server, or None when the launcher is not root.

    Data that already belongs to an ordinary user stays that user's.
    """
    if os.geteuid() != 0:
        return None
    if data.exists():
        status = data.stat()
        if status.st_uid != 0:
            return Owner(status.st_uid, status.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Owner(65534, 65534)
    return Owner(nobody.pw_uid, nobody.pw_gid)


def can_reach(path: Path, owner: Owner) -> bool:
    """Return whether a user may pass through all parents of a file and read and run it."""
    needed = ((parent, stat.S_IXOTH) for parent in path.resolve().parents)
    if not all(_permits(folder, owner, bits) for folder, bits in needed):
        return False
    return _permits(path, owner, stat.S_IROTH | stat.S_IXOTH)


def _permits(path: Path, owner: Owner, bits: int) -> bool:
    status = path.stat()
    if status.st_uid == owner.user:
        bits <<= 6
    elif status.st_gid == owner.group:
        bits <<= 3
    return status.st_mode & bits == bits


def open_for_server(data: Path, owner: Owner | None) -> tuple[str, tuple[int, ...]]:
    """Return the path by which a server finds its data, and descriptors it must inherit.

    For a server with its own user that is a path under /proc of an open descriptor, which the
    caller closes. Raises Refused where that is not possible.
    """
    if owner is None:
        return str(data), ()
    if _DESCRIPTORS.is_dir():
        descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return str(_DESCRIPTORS / str(descriptor)), (descriptor,)
    if all(_permits(folder, owner, stat.S_IXOTH) for folder in data.resolve().parents):
        return str(data), ()
    raise Refused(f"{data} cannot be reached by the user of PostgreSQL; run as an ordinary user")


def readable_copy(base: Path, parts: Sequence[Path], release: str) -> Path:
    """Return a directory with copies of `parts` at their places relative to `base`.

    The copy is made once for each `release` of the originals, belongs to root and is writable
    by nobody else. Raises LauncherError when its place is taken by somebody else's directory.
    """
    files = [(file, file.relative_to(base)) for part in parts for file in _files(part)]
    state = hashlib.sha256(release.encode())
    for file, place in files:
        state.update(f"{place}\0{file.stat().st_size}\0".encode())
    copy = COPIES / f"dexproject-{state.hexdigest()[:16]}"
    if copy.exists() or copy.is_symlink():
        _require_ours(copy)
        if all(_same_size(copy / place, file) for file, place in files):
            return copy
        shutil.rmtree(copy)
    _make_copy(copy, files)
    return copy


def _same_size(copy: Path, file: Path) -> bool:
    return copy.is_file() and copy.stat().st_size == file.stat().st_size


def _files(part: Path) -> Iterator[Path]:
    if part.is_dir():
        yield from (path for path in sorted(part.rglob("*")) if path.is_file())
    elif part.is_file():
        yield part


def _require_ours(copy: Path) -> None:
    status = copy.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise LauncherError(f"{copy} is not a directory of ours alone; remove it")


def _make_copy(copy: Path, files: Iterable[tuple[Path, Path]]) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="dexproject-", dir=COPIES))
    try:
        for file, place in files:
            target = scratch / place
            _make_folders(scratch, target.parent)
            shutil.copyfile(file, target)
            target.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
        scratch.chmod(0o755)
        try:
            scratch.rename(copy)
        except OSError:
            # Another launcher was faster; its copy is checked like any other.
            _require_ours(copy)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _make_folders(scratch: Path, folder: Path) -> None:
    """Make the folders below `scratch` with a mode that does not depend on the umask."""
    if folder == scratch or folder.is_dir():
        return
    _make_folders(scratch, folder.parent)
    folder.mkdir()
    folder.chmod(0o755)
