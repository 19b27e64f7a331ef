"""Stage open as tasks: beat opens what is due, a person opens one now."""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from paper_trading.bot import opening, progress
from tasks.sending import is_broker_away, send

logger = logging.getLogger(__name__)


@shared_task(name="tasks.open_due_ticks", ignore_result=True, expires=2)
def open_due_ticks() -> None:
    """Open the due tick of every running session and send its prices stage."""
    for tick_id in opening.open_due_ticks():
        send(progress.next_steps(tick_id))


@shared_task(name="tasks.open_manual_tick", ignore_result=True)
def open_manual_tick(session_id: int) -> None:
    """Open the tick that a person asked for."""
    tick_id = opening.open_manual_tick(session_id)
    if tick_id is not None:
        send(progress.next_steps(tick_id))


def send_manual(session_id: int) -> None:
    """Ask the workers to open a session's requested tick; the sweeper asks again if lost."""
    try:
        open_manual_tick.apply_async((session_id,), expires=30)
    except (OperationalError, AttributeError) as error:
        if not is_broker_away(error):
            raise
        logger.warning("not sent, the sweeper will: manual tick of %s: %s", session_id, error)
