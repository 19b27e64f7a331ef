"""Stage close as a task."""

from celery import shared_task

from paper_trading.bot import stages
from paper_trading.engine.enums import Stage
from tasks.sending import send


@shared_task(name="tasks.close", ignore_result=True)
def run(tick_id: int) -> None:
    """Close the tick."""
    send(stages.run(Stage.CLOSE, tick_id))
