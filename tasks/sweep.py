"""Recovery as a task: the same steps as the normal flow, read from the same rows."""

from datetime import timedelta

from celery import shared_task

from paper_trading.bot import opening, progress
from tasks.open_tick import open_manual_tick
from tasks.sending import send

#: How long a manual request may wait before its message counts as lost.
MANUAL_WAIT = timedelta(seconds=3)


@shared_task(name="tasks.sweep", ignore_result=True, expires=2)
def run() -> None:
    """Take over ticks whose lease ran out, and manual requests that nobody took up."""
    send(progress.sweep())
    for session_id in opening.waiting_manual_sessions(MANUAL_WAIT):
        open_manual_tick(session_id)
