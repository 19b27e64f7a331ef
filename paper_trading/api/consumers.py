"""The events websocket: forwards one user's channel, and takes nothing from the client."""

import asyncio
import logging
from importlib import import_module
from typing import Any

import redis.asyncio
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
)
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from redis.asyncio.client import PubSub

from paper_trading.services.websocket_service import channel

logger = logging.getLogger(__name__)

NOT_ALLOWED = 4401
RECHECK_SECONDS = 60
#: A read that waits longer than this comes back to let redis-py check the connection.
LISTEN_SECONDS = 20
BACK_OFF_SECONDS = (0.5, 1, 2, 5, 10)


class EventsConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """One open page of one user."""

    async def connect(self) -> None:
        """Accept a logged-in, active user; refuse everybody else with 4401."""
        self._tasks: list[asyncio.Task[None]] = []
        user = self.scope["user"]
        # The user is a lazy object: its first attribute may read the database.
        self._user_id: int | None = await sync_to_async(
            lambda: user.pk if user.is_active else None
        )()
        if self._user_id is None:
            await self.close(NOT_ALLOWED)
            return
        await self.accept()
        self._tasks = [asyncio.create_task(self._relay()), asyncio.create_task(self._recheck())]

    async def disconnect(self, code: int) -> None:
        """End the subscription."""
        mine = asyncio.current_task()
        ending = [task for task in self._tasks if task is not mine]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any
    ) -> None:
        """Ignore what the client says."""

    async def _relay(self) -> None:
        """Forward the user's channel for ever; a lost Redis is waited for, ever more slowly."""
        failures = 0
        while True:
            try:
                async with _connection() as client, client.pubsub() as pubsub:
                    await pubsub.subscribe(channel(self._user_id or 0))
                    if failures:
                        # Events may have been missed: tell the page to look at everything.
                        await self.send_json({"type": "resync"})
                    failures = 0
                    await self._forward(pubsub)
            except (redis.RedisError, OSError) as error:
                wait = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]
                failures += 1
                logger.warning("events of user %s: %s; again in %s s", self._user_id, error, wait)
                await asyncio.sleep(wait)

    async def _forward(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(
                ignore_subscribe_messages=True, timeout=LISTEN_SECONDS
            )
            if message is not None and message["type"] == "message":
                await self.send(text_data=message["data"].decode())

    async def _recheck(self) -> None:
        """Close the socket when its user was deactivated or logged out."""
        session = self.scope.get("session")
        key = None if session is None else session.session_key
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            if not await database_sync_to_async(still_allowed)(self._user_id, key):
                await self.close(NOT_ALLOWED)
                return


def _connection() -> "redis.asyncio.Redis":
    # Without socket_timeout=None redis-py 8 ends an idle subscription after five seconds.
    return redis.asyncio.Redis.from_url(
        f"{settings.REDIS_URL}/{settings.EVENTS_DB}",
        client_name="dex-events",
        socket_timeout=None,
        socket_connect_timeout=2,
        socket_keepalive=True,
        health_check_interval=30,
    )


def still_allowed(user_id: int | None, session_key: str | None) -> bool:
    """Return whether a session still belongs to this user, active and with the same password."""
    engine = import_module(settings.SESSION_ENGINE)
    request = HttpRequest()
    request.session = engine.SessionStore(session_key)
    user = get_user(request)
    return bool(user.is_authenticated and user.is_active and user.pk == user_id)
