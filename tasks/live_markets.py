"""The upkeep of live markets as a task: their past when it could not be had, usage rolled up."""

from celery import shared_task

from paper_trading.services import clock, live_markets

#: The past of nine tokens takes about a minute inside of the limits.
LIMIT_SECONDS = 300


@shared_task(
    name="tasks.tend_live_markets", ignore_result=True, expires=20, time_limit=LIMIT_SECONDS
)
def run() -> None:
    """Begin live markets that have no past yet, and roll the usage of sources up."""
    live_markets.tend(clock.now())
