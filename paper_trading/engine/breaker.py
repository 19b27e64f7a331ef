"""The stored state of one circuit breaker."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from paper_trading.engine.enums import BreakerKind


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker of one account: tripped or not, why, and since when (market time)."""

    kind: BreakerKind
    tripped: bool = False
    tripped_at: datetime | None = None
    actual: Decimal | None = None
    threshold: Decimal | None = None
    #: Losses are measured from here after a manual reset; None: from deposits or peak.
    baseline_usd: Decimal | None = None
    #: Since when (market time) it waits: one of losses for settled marks, one that is tripped
    #: by volatility for the end of the calm after it. None: it does not wait.
    waiting_since: datetime | None = None
