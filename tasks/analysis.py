"""Stage analysis as a task: one chunk of the fan-out."""

from celery import shared_task

from paper_trading.bot import stages
from paper_trading.engine.enums import Stage
from tasks.sending import send


@shared_task(name="tasks.analysis", ignore_result=True)
def run(tick_id: int, chunk: int) -> None:
    """Decide on the tokens of one chunk; the last chunk sends the execution."""
    send(stages.run(Stage.ANALYSIS, tick_id, chunk))
