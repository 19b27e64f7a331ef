"""What is measured: times in milliseconds, statements as counts."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median, quantiles
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings

from benchmarks import noop
from benchmarks.markets import open_tick
from paper_trading.bot import progress, stages
from paper_trading.engine.enums import Stage
from paper_trading.models import Tick, TickStage, TickStatus
from paper_trading.services import redis_client
from paper_trading.services.websocket_service import channel
from tasks.sending import send

#: Ticks at the start of a session whose figures are left out: caches are cold.
WARM_UP = 3
_PATIENCE_SECONDS = 30.0


@contextmanager
def listening(owner_id: int) -> Iterator[Callable[[int], None]]:
    """Give a function that waits for the event that ends a tick (or a no-op run), by its id."""
    client = redis_client.client(settings.EVENTS_DB)
    pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    pubsub.subscribe(channel(owner_id))

    def wait(tick_id: int) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            message = pubsub.get_message(timeout=1.0)
            event = json.loads(message["data"]) if message else {}
            if event.get("type") == "tick" and event.get("tick") == tick_id:
                return
        raise RuntimeError(f"tick {tick_id} did not end in {_PATIENCE_SECONDS:g} s")

    try:
        yield wait
    finally:
        pubsub.close()


def drivers(owner: User, celery: int, inline: int, ticks: int) -> dict[str, list[float]]:
    """Time ticks of two equal sessions, one by Celery and one inline, and no-op chains.

    The three take turns, so that whatever else the machine does meets them alike.
    """
    found: dict[str, list[float]] = {"celery": [], "no-op": [], "inline": []}
    with listening(owner.pk) as ticked, listening(noop.NOBODY) as passed:
        for number in range(ticks):
            tick_id = open_tick(owner, celery)
            found["celery"].append(
                _timed(partial(send, progress.next_steps(tick_id)), ticked, tick_id)
            )
            width = Tick.objects.values_list("chunks_total", flat=True).get(pk=tick_id)
            run = number + 1
            found["no-op"].append(_timed(partial(noop.send, run, 0, width), passed, run))
            found["inline"].append(_inline(owner, inline))
    return {name: times[WARM_UP:] for name, times in found.items()}


def statements(owner: User, session_id: int, ticks: int, width: int) -> list[int]:
    """Count the SQL statements of whole ticks, run inline with a fixed analysis width."""
    counts: list[int] = []
    with override_settings(ANALYSIS_WIDTH=width):
        for _ in range(ticks):
            tick_id = open_tick(owner, session_id)
            with _counting() as counted:
                stages.run_to_end(tick_id)
            _require_closed(tick_id)
            counts.append(counted[0])
    return counts[WARM_UP:]


def turns(owner: User, session_ids: list[int], ticks: int) -> list[list[float]]:
    """Time inline ticks of several sessions in turn."""
    found: list[list[float]] = [[] for _ in session_ids]
    for _ in range(ticks):
        for times, session_id in zip(found, session_ids, strict=True):
            times.append(_inline(owner, session_id))
    return [times[WARM_UP:] for times in found]


def metrics_times(session_id: int) -> list[float]:
    """Return what the metrics stage of a session's ticks took."""
    rows = TickStage.objects.filter(tick__session=session_id, stage=Stage.METRICS)
    return [(row.finished_at - row.started_at).total_seconds() * 1000 for row in rows]


def p95(times: list[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(times, n=20)[-1]


def ratio(one: list[float], *others: list[float]) -> float:
    """Return a median over the sum of medians."""
    return median(one) / sum(median(other) for other in others)


def _timed(start: Callable[[], None], wait: Callable[[int], None], tick_id: int) -> float:
    began = time.perf_counter()
    start()
    wait(tick_id)
    return (time.perf_counter() - began) * 1000


def _inline(owner: User, session_id: int) -> float:
    tick_id = open_tick(owner, session_id)
    began = time.perf_counter()
    stages.run_to_end(tick_id)
    took = (time.perf_counter() - began) * 1000
    _require_closed(tick_id)
    return took


def _require_closed(tick_id: int) -> None:
    tick = Tick.objects.get(pk=tick_id)
    if tick.status != TickStatus.CLOSED:
        raise RuntimeError(f"{tick} ended {tick.status} {tick.reason}")


@contextmanager
def _counting() -> Iterator[list[int]]:
    counted = [0]

    def count(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        counted[0] += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield counted
