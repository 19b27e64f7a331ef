"""Read what was published, from the queues of the real broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import kombu

from dexproject.celery import app


@dataclass(frozen=True, slots=True)
class Published:
    """A message as it lay on the wire."""

    queue: str
    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    expires: datetime | None
    content_type: str
    #: Bytes of body and headers together, as the broker stores them.
    size: int


@contextmanager
def emptied() -> Iterator[kombu.Connection]:
    """Connect to the broker with all queues empty, and leave them empty."""
    with app.connection_for_write() as connection:
        purge(connection)
        try:
            yield connection
        finally:
            purge(connection)


def purge(connection: kombu.Connection) -> None:
    for queue in app.amqp.queues.values():
        queue(connection.default_channel).purge()


def taken(connection: kombu.Connection) -> list[Published]:
    """Take every waiting message, in the order of each queue."""
    found = []
    for name, queue in app.amqp.queues.items():
        bound = queue(connection.default_channel)
        while (message := bound.get(no_ack=True)) is not None:
            found.append(_published(name, message))
    return found


def _published(queue: str, message: kombu.Message) -> Published:
    headers = message.headers
    args, kwargs, _ = message.decode()
    stored = {"body": message.body, "headers": headers, "properties": message.properties}
    return Published(
        queue=queue,
        task=headers["task"],
        args=args,
        kwargs=kwargs,
        expires=datetime.fromisoformat(headers["expires"]) if headers["expires"] else None,
        content_type=message.content_type or "",
        size=len(str(stored)),
    )
