"""What a stage could not handle, kept with its traceback; a server that is away is not ours."""

from collections.abc import Iterable

import redis
from django.db import InterfaceError, OperationalError

from paper_trading.engine.breakers import BreakerEvent
from paper_trading.engine.enums import Stage
from paper_trading.models import InternalError, Tick

#: Servers that go away come back; the sweeper goes on from the rows.
INFRASTRUCTURE: tuple[type[Exception], ...] = (OperationalError, InterfaceError, redis.RedisError)


def keep_faults(tick: Tick, stage: Stage, events: Iterable[BreakerEvent]) -> None:
    """Store what breakers could not be evaluated for, in the transaction that trips one."""
    for event in events:
        if event.fault:
            keep(tick.pk, stage, event.fault)


def keep(tick_id: int | None, stage: str, text: str) -> None:
    """Store the traceback of an unexpected exception with its tick and its stage."""
    known = tick_id is not None and Tick.objects.filter(pk=tick_id).exists()
    InternalError.objects.create(
        tick_id=tick_id if known else None,
        stage=stage if stage in set(Stage) else Stage.OPEN,
        traceback=text,
    )
