"""Stage auto_close as a task."""

from celery import shared_task

from paper_trading.bot import stages
from paper_trading.engine.enums import Stage
from tasks.sending import send


@shared_task(name="tasks.auto_close", ignore_result=True)
def run(tick_id: int) -> None:
    """Evaluate breakers, mark positions and make the exits."""
    send(stages.run(Stage.AUTO_CLOSE, tick_id))
