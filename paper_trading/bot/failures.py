"""What a stage could not handle, kept with its traceback; a server that is away is not ours."""

import redis
from django.db import InterfaceError, OperationalError

from paper_trading.engine.enums import Stage
from paper_trading.engine.steps import StepResult
from paper_trading.models import Tick
from paper_trading.services.internal_errors import keep

__all__ = ["INFRASTRUCTURE", "keep", "keep_faults"]

#: Servers that go away come back; the sweeper goes on from the rows.
INFRASTRUCTURE: tuple[type[Exception], ...] = (OperationalError, InterfaceError, redis.RedisError)


def keep_faults(tick: Tick, stage: Stage, result: StepResult) -> None:
    """Store what venues raised and what breakers could not be evaluated for, with the step."""
    untold = (event.fault for event in result.breaker_events if event.fault)
    for text in (*result.faults, *untold):
        keep(tick.pk, stage, text)
