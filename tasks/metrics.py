"""Stage metrics as a task."""

from celery import shared_task

from paper_trading.bot import stages
from paper_trading.engine.enums import Stage
from tasks.sending import send


@shared_task(name="tasks.metrics", ignore_result=True)
def run(tick_id: int) -> None:
    """Measure performance, every 20th tick."""
    send(stages.run(Stage.METRICS, tick_id))
