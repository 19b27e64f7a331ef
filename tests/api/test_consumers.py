import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from dexproject.asgi import application
from paper_trading.api import consumers
from paper_trading.services import redis_client
from paper_trading.services.websocket_service import StatusEvent, channel, publish
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)

# asgiref's class has no types.
_communicator: Any = ApplicationCommunicator

ORIGIN = (b"origin", b"http://localhost")


def event_for(account: int) -> StatusEvent:
    return {
        "type": "status",
        "account": account,
        "session": None,
        "status": "started",
        "text": "Started.",
    }


def socket_of(user: User | None, origin: tuple[bytes, bytes] = ORIGIN) -> Any:
    """Return a socket with the cookies of a logged-in browser."""
    headers = [(b"host", b"localhost"), origin]
    if user is not None:
        client = Client()
        client.force_login(user)
        key = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={key}".encode()))
    return _communicator(
        application,
        {"type": "websocket", "path": "/ws/events/", "headers": headers, "query_string": b""},
    )


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        try:
            await scenario()
        finally:
            # The thread that served the scenario's queries keeps its connection otherwise.
            await sync_to_async(connections.close_all)()

    asyncio.run(whole())


async def opened(socket: Any) -> dict[str, Any]:
    await socket.send_input({"type": "websocket.connect"})
    answer: dict[str, Any] = await socket.receive_output(timeout=5)
    return answer


async def closed(socket: Any) -> None:
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=5)


def listeners(user: User) -> int:
    client = redis_client.client(settings.EVENTS_DB)
    return int(client.pubsub_numsub(channel(user.pk))[0][1])


async def listening(user: User, count: int = 1) -> None:
    for _ in range(200):
        if await asyncio.to_thread(listeners, user) == count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never had {count} listeners")


async def received(socket: Any) -> dict[str, Any]:
    message = await socket.receive_output(timeout=5)
    found: dict[str, Any] = json.loads(message["text"])
    return found


def test_the_anonymous_are_refused() -> None:
    socket = socket_of(None)

    async def scenario() -> None:
        answer = await opened(socket)
        assert (answer["type"], answer["code"]) == ("websocket.close", 4401)

    run(scenario)


def test_a_page_of_another_site_is_refused() -> None:
    socket = socket_of(builders.make_user(), (b"origin", b"http://elsewhere.example"))

    async def scenario() -> None:
        answer = await opened(socket)
        assert answer["type"] == "websocket.close"

    run(scenario)


def test_events_reach_their_owner_and_nobody_else() -> None:
    owner, other = builders.make_user(), builders.make_user(is_staff=True)
    sockets = socket_of(owner), socket_of(other)

    async def scenario() -> None:
        for socket in sockets:
            assert (await opened(socket))["type"] == "websocket.accept"
        await listening(owner)
        await listening(other)
        await asyncio.to_thread(publish, owner.pk, event_for(7))
        assert (await received(sockets[0]))["account"] == 7
        assert await sockets[1].receive_nothing(timeout=0.3)
        for socket in sockets:
            await closed(socket)

    run(scenario)


def test_what_the_client_says_is_ignored() -> None:
    user = builders.make_user()
    socket = socket_of(user)

    async def scenario() -> None:
        await opened(socket)
        await listening(user)
        await socket.send_input({"type": "websocket.receive", "text": "not json {"})
        await socket.send_input({"type": "websocket.receive", "bytes": b"\x00"})
        await asyncio.to_thread(publish, user.pk, event_for(1))
        assert (await received(socket))["type"] == "status"
        await closed(socket)

    run(scenario)


def test_leaving_ends_the_subscription() -> None:
    user = builders.make_user()
    socket = socket_of(user)

    async def scenario() -> None:
        await opened(socket)
        await listening(user)
        await closed(socket)
        await listening(user, 0)

    run(scenario)


@pytest.mark.parametrize("change", ["deactivate", "log out", "new password"])
def test_who_may_no_longer_look_is_disconnected(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.05)
    user = builders.make_user()
    socket = socket_of(user)

    def take_away() -> None:
        if change == "deactivate":
            User.objects.filter(pk=user.pk).update(is_active=False)
        elif change == "new password":
            User.objects.filter(pk=user.pk).update(password="!other")
        else:
            from django.contrib.sessions.models import Session

            Session.objects.all().delete()

    async def scenario() -> None:
        await opened(socket)
        await listening(user)
        await asyncio.sleep(0.15)
        assert await socket.receive_nothing(timeout=0.05)
        await sync_to_async(take_away)()
        answer = await socket.receive_output(timeout=5)
        assert (answer["type"], answer["code"]) == ("websocket.close", 4401)
        await closed(socket)
        await listening(user, 0)

    run(scenario)


def drop_connections() -> int:
    """Cut the events connections, as a restart of Redis would."""
    client = redis_client.client(settings.EVENTS_DB)
    mine = [row["id"] for row in client.client_list() if row["name"] == "dex-events"]
    for number in mine:
        client.client_kill_filter(_id=number)
    return len(mine)


def test_a_socket_outlives_a_lost_redis_connection() -> None:
    user = builders.make_user()
    socket = socket_of(user)

    async def scenario() -> None:
        await opened(socket)
        await listening(user)
        assert await asyncio.to_thread(drop_connections)
        await listening(user)
        await asyncio.to_thread(publish, user.pk, event_for(3))
        found = await received(socket)
        if found["type"] == "resync":
            found = await received(socket)
        assert found["account"] == 3
        await closed(socket)

    run(scenario)


def test_an_idle_subscription_has_no_time_limit() -> None:
    options = consumers._connection().connection_pool.connection_kwargs
    assert options["socket_timeout"] is None
    assert options["health_check_interval"] > 0
