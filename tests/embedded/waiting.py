"""Wait for something that another process does."""

import os
import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as the condition holds; fail when it does not for a long time."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, f"waited in vain until {what}"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; one that nobody has collected yet counts as ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as status:  # noqa: PTH123
            return status.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        pass
    except OSError:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
