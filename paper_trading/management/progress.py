"""Progress of a long command, told on standard error now and then."""

import time
from collections.abc import Callable

#: Seconds between two lines.
_EVERY = 2.0


def teller(write: Callable[[str], object], what: str) -> Callable[[int, int], None]:
    """Return a callback that takes what is done and what there is, and writes a line at times."""
    last = [time.monotonic()]

    def tell(done: int, all_: int) -> None:
        now = time.monotonic()
        if now - last[0] >= _EVERY:
            last[0] = now
            write(f"{what} {done:,} of {all_:,} ({done * 100 // max(all_, 1)} %)")

    return tell
