"""A real worker on the real broker, inside the tests' process and on their database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.contrib.testing.worker import start_worker
from django.db.backends.signals import connection_created

from dexproject.celery import app
from dexproject.embedded.apps import QUEUES
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
