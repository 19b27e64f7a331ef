"""The daily look at the pools of live tokens as a task.

Beat sends it every half hour and each look is kept by its day, so that a message that is lost or
a source that is away costs half an hour, not a day.
"""

from celery import shared_task

from paper_trading.services import asking, clock, pair_review


@shared_task(name="tasks.review_pairs", ignore_result=True, expires=60)
def run() -> None:
    """Look at some of the tokens that were not looked at today."""
    pair_review.review(asking.installed(), clock.now())
