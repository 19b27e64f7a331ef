"""What a task could not handle is kept with its traceback; infrastructure is not our error."""

import logging
from typing import Any

from celery.signals import task_failure
from kombu.exceptions import OperationalError as BrokerError

from paper_trading.bot import failures
from paper_trading.engine.enums import Stage

logger = logging.getLogger(__name__)


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
    if isinstance(exception, (*failures.INFRASTRUCTURE, BrokerError)):
        return
    failures.keep(tick_id, stage, str(einfo.traceback if einfo is not None else exception))
