"""A real worker on the real broker and the tests' database, as threads here or as processes."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.db import connection
from django.db.backends.signals import connection_created

from dexproject.celery import app
from dexproject.embedded.apps import QUEUES, Apps
from dexproject.embedded.environment import app_environment
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.process import Process
from tests.e2e.stack import wait_for
from tests.tasks.broker import emptied


@contextmanager
def threads(concurrency: int = 4) -> Iterator[None]:
    """Serve every queue with a few threads; what they connected is closed with them."""
    opened: list[Any] = []

    def keep(connection: Any, **_: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            opened.append(connection.connection)

    connection_created.connect(keep)
    try:
        with (
            emptied(),
            start_worker(
                app,
                pool="threads",
                concurrency=concurrency,
                queues=",".join(QUEUES),
                perform_ping_check=False,
                shutdown_timeout=30,
            ),
        ):
            yield
    finally:
        connection_created.disconnect(keep)
        for connection in opened:
            connection.close()


@contextmanager
def processes(folder: Path, variables: Mapping[str, str], queue: str) -> Iterator[None]:
    """Serve one queue with the worker of `up`, whose pool has processes of its own."""
    home = DataDirectory(folder / "worker")
    home.make()
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    url = f"{base}/{connection.settings_dict['NAME']}"
    environment = app_environment(url, settings.REDIS_URL, settings.SECRET_KEY)
    spec = Apps(home, {**environment, **variables}, 0, 0, "").worker()
    worker = Process(replace(spec, argv=(*spec.argv, "--queues", queue)))
    with emptied():
        worker.start()
        try:
            wait_for(lambda: bool(pools()), "the worker answers")
            yield
        finally:
            worker.stop()


def pools() -> list[dict[str, Any]]:
    """Return what workers tell of their pools; nothing while they start."""
    replies = app.control.broadcast("stats", reply=True, limit=1, timeout=1) or []
    return [stats["pool"] for reply in replies for stats in reply.values()]


def tasks_by_process() -> list[int]:
    """Return how many tasks each process of a worker was given that was given any."""
    return [int(one) for pool in pools() for one in pool["writes"]["raw"].split(", ")]
