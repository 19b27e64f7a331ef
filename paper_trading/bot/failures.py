"""What a stage could not handle, kept with its traceback; a server that is away is not ours."""

from collections.abc import Iterable

import redis
from django.db import InterfaceError, OperationalError

from paper_trading.engine.breakers import BreakerEvent
from paper_trading.engine.enums import Stage
from paper_trading.models import Tick
from paper_trading.services.internal_errors import keep

__all__ = ["INFRASTRUCTURE", "keep", "keep_faults"]

#: Servers that go away come back; the sweeper goes on from the rows.
INFRASTRUCTURE: tuple[type[Exception], ...] = (OperationalError, InterfaceError, redis.RedisError)


def keep_faults(tick: Tick, stage: Stage, events: Iterable[BreakerEvent]) -> None:
    """Store what breakers could not be evaluated for, in the transaction that trips one."""
    for event in events:
        if event.fault:
            keep(tick.pk, stage, event.fault)
