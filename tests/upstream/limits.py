"""The documented limits of each source, enforced on a clock that a test may move."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Limit:
    """Calls within a window that slides, and within a calendar month (UTC)."""

    calls: int
    window: timedelta
    per_month: int | None = None


MINUTE = timedelta(minutes=1)
#: Of the free plans; DefiLlama publishes none, some 300 a minute were seen.
LIMITS = {
    "dexscreener": Limit(300, MINUTE),
    "geckoterminal": Limit(30, MINUTE),
    "coingecko": Limit(30, MINUTE, per_month=10_000),
    "defillama": Limit(300, MINUTE),
    "alchemy": Limit(300, timedelta(hours=1)),
    "rpc": Limit(300, MINUTE),
}


@dataclass
class Meter:
    """Counts the calls of one source."""

    limit: Limit
    #: The most calls that ever were within a window.
    highest: int = 0
    by_month: Counter[str] = field(default_factory=Counter)
    _times: deque[datetime] = field(default_factory=deque)

    def wait_seconds(self, now: datetime) -> int:
        """Take a call; return 0 when it is within the limit, else when to come again."""
        while self._times and now - self._times[0] >= self.limit.window:
            self._times.popleft()
        self._times.append(now)
        self.highest = max(self.highest, len(self._times))
        if len(self._times) <= self.limit.calls:
            return 0
        until = self._times[0] + self.limit.window - now
        return max(1, -(-int(until.total_seconds() * 1000) // 1000))

    def is_month_spent(self, now: datetime) -> bool:
        """Say whether the month has no call left."""
        per_month = self.limit.per_month
        return per_month is not None and self.by_month[f"{now:%Y-%m}"] >= per_month

    def answered(self, now: datetime) -> None:
        """Count an answered call against the month."""
        self.by_month[f"{now:%Y-%m}"] += 1
