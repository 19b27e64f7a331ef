"""When a process that ended is started again, and when not."""

from dataclasses import dataclass

QUICK_SECONDS = 10.0
LIMIT = 5
_FIRST_DELAY = 0.5


@dataclass(slots=True)
class Restarts:
    """Count the quick ends of one process in a row."""

    quick_ends: int = 0

    def delay(self, lived: float) -> float | None:
        """Return the seconds to wait before the next start, or None to give up.

        `lived` is how many seconds the process ran. A run of QUICK_SECONDS clears the count;
        the delay doubles with each quick end, and the end number LIMIT is the last.
        """
        if lived >= QUICK_SECONDS:
            self.quick_ends = 0
            return _FIRST_DELAY
        self.quick_ends += 1
        if self.quick_ends >= LIMIT:
            return None
        return float(_FIRST_DELAY * 2 ** (self.quick_ends - 1))
