"""Send the steps that come next: one function for the normal flow and for recovery."""

import logging
from collections.abc import Iterable

from celery import current_app
from kombu.exceptions import OperationalError

from paper_trading.bot.progress import Step
from paper_trading.engine.enums import Stage

logger = logging.getLogger(__name__)

#: The task of each stage that a message can ask for.
TASKS: dict[Stage, str] = {
    Stage.PRICES: "tasks.prices",
    Stage.AUTO_CLOSE: "tasks.auto_close",
    Stage.ANALYSIS: "tasks.analysis",
    Stage.EXECUTION: "tasks.execution",
    Stage.METRICS: "tasks.metrics",
    Stage.CLOSE: "tasks.close",
}

#: A stage message older than this is a leftover; the sweeper has long sent a new one.
EXPIRES_SECONDS = 30


def send(steps: Iterable[Step]) -> None:
    """Send a message for each step; a broker that is away is left to the sweeper."""
    for step in steps:
        args = (step.tick_id, step.chunk) if step.stage is Stage.ANALYSIS else (step.tick_id,)
        try:
            current_app.tasks[TASKS[step.stage]].apply_async(args, expires=EXPIRES_SECONDS)
        except (OperationalError, AttributeError) as error:
            if not is_broker_away(error):
                raise
            logger.warning(
                "not sent, the sweeper will: tick %s stage %s: %s", step.tick_id, step.stage, error
            )
            return


def is_broker_away(error: Exception) -> bool:
    """Say whether a message could not be sent because the broker is gone.

    A broker that dies while a message is on its way makes kombu look for the client of a
    connection that it has just closed.
    """
    if isinstance(error, AttributeError):
        return error.name == "client" and error.obj is None
    return isinstance(error, OperationalError)
