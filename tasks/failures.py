"""What a task could not handle is kept with its traceback; infrastructure is not our error."""

import logging
from typing import Any

import redis
from celery.signals import task_failure
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError

from paper_trading.engine.enums import Stage
from paper_trading.models import InternalError, Tick

logger = logging.getLogger(__name__)

#: Servers that go away come back; the sweeper goes on from the rows.
_INFRASTRUCTURE = (OperationalError, InterfaceError, BrokerError, redis.RedisError)


@task_failure.connect
def keep(
    sender: Any = None,
    args: Any = (),
    exception: BaseException | None = None,
    einfo: Any = None,
    **_: Any,
) -> None:
    """Store an unexpected exception of a stage as an InternalError with tick and stage."""
    stage = str(sender.name).removeprefix("tasks.") if sender is not None else ""
    tick_id = args[0] if args and stage in set(Stage) else None
    logger.error("failed: tick %s stage %s: %s", tick_id, stage, exception)
    if isinstance(exception, _INFRASTRUCTURE):
        return
    known = tick_id is not None and Tick.objects.filter(pk=tick_id).exists()
    InternalError.objects.create(
        tick_id=tick_id if known else None,
        stage=stage if stage in set(Stage) else Stage.OPEN,
        traceback=str(einfo.traceback if einfo is not None else exception),
    )
