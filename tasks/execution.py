"""Stage execution as a task."""

from celery import shared_task

from paper_trading.bot import stages
from paper_trading.engine.enums import Stage
from tasks.sending import send


@shared_task(name="tasks.execution", ignore_result=True)
def run(tick_id: int) -> None:
    """Carry out the tick's decisions."""
    send(stages.run(Stage.EXECUTION, tick_id))
