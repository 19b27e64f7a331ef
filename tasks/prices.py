"""Stage prices as a task."""

from celery import shared_task

from paper_trading.bot import stages
from paper_trading.engine.enums import Stage
from tasks.sending import send


@shared_task(name="tasks.prices", ignore_result=True)
def run(tick_id: int) -> None:
    """Fetch or find the tick's price batch."""
    send(stages.run(Stage.PRICES, tick_id))
