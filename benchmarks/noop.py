"""A chain of tasks that do nothing, in the shape of a tick and on the same send path.

Five stages after the opening, the third one fanned out; the last chunk goes on; the last task
publishes. What this costs is the price of the messages alone.
"""

import json

from celery import shared_task
from django.conf import settings

from paper_trading.services import redis_client
from paper_trading.services.websocket_service import channel
from tasks.sending import EXPIRES_SECONDS

STAGES = ("prices", "auto_close", "analysis", "execution", "close")
FAN_OUT = STAGES.index("analysis")
#: The channel that says when a chain is through; no user has this id.
NOBODY = 0


def send(run: int, place: int, width: int) -> None:
    """Send a stage of a run: one message, or `width` of them for the fan-out."""
    queue = "analysis" if place == FAN_OUT else "ticks"
    for chunk in range(width if place == FAN_OUT else 1):
        step.apply_async((run, place, width, chunk), queue=queue, expires=EXPIRES_SECONDS)


@shared_task(name="benchmarks.step", queue="ticks", ignore_result=True)
def step(run: int, place: int, width: int, chunk: int) -> None:
    """Do nothing and send what comes next."""
    client = redis_client.client(settings.EVENTS_DB)
    if place == FAN_OUT and client.incr(f"dex:benchmark:{run}") < width:
        return
    if place + 1 < len(STAGES):
        send(run, place + 1, width)
    else:
        client.publish(channel(NOBODY), json.dumps({"type": "tick", "tick": run}))
