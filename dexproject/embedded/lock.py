"""One launcher at a time for a data directory."""

import fcntl
import os
import time
from pathlib import Path

from .errors import Refused

# A killed launcher takes its servers with it; this is how long they may need.
_ORPHAN_SECONDS = 5.0


class LockHeld(Refused):
    """Say who works on the data directory."""


class DataLock:
    """Hold the lock file of a data directory until `release`.

    The servers inherit the descriptor: the lock is free only when the launcher and every
    server process are gone, so two servers can never write to the same files.
    """

    def __init__(self, path: Path, *, patience: float = _ORPHAN_SECONDS) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(path, patience)
        except LockHeld:
            os.close(self.descriptor)
            raise
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def _take(self, path: Path, patience: float) -> None:
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _pid(os.pread(self.descriptor, 32, 0))
                if holder is None or is_alive(holder):
                    who = f"process {holder}" if holder else "another process"
                    raise LockHeld(f"{path.parent} is in use by {who}; stop it first") from None
                if time.monotonic() > until:
                    raise LockHeld(
                        f"{path.parent} is in use by servers that the ended process {holder}"
                        " left behind; stop them first"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def release(self) -> None:
        """Give the directory free."""
        os.close(self.descriptor)


def is_alive(pid: int) -> bool:
    """Return whether a process with this id runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pid(content: bytes) -> int | None:
    text = content.strip()
    return int(text) if text.isdigit() else None
