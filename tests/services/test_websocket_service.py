import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import transaction
from redis.client import PubSub

from paper_trading.services import redis_client
from paper_trading.services.websocket_service import (
    PortfolioEvent,
    channel,
    publish,
    publish_on_commit,
)

OWNER = 987_654_321


@pytest.fixture
def subscription() -> Iterator[PubSub]:
    client: Any = redis_client.client(settings.EVENTS_DB)
    with client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(channel(OWNER))
        pubsub.get_message(timeout=5)
        yield pubsub


def heard(subscription: PubSub, timeout: float = 5) -> dict[str, Any] | None:
    message = subscription.get_message(timeout=timeout)
    return None if message is None else json.loads(message["data"])


def portfolio(equity: Any = "10000.5") -> PortfolioEvent:
    return {
        "type": "portfolio",
        "account": 1,
        "session": 2,
        "equity_usd": equity,
        "cash_usd": "0",
        "realized_usd": "0",
        "open_positions": 0,
    }


def test_an_event_arrives_as_it_was_sent(subscription: PubSub) -> None:
    publish(OWNER, portfolio())
    assert heard(subscription) == portfolio()


def test_a_decimal_that_is_not_a_string_is_a_mistake(subscription: PubSub) -> None:
    with pytest.raises(TypeError, match="Decimal"):
        publish(OWNER, portfolio(Decimal(1)))


@pytest.mark.django_db(transaction=True)
def test_an_event_waits_for_the_commit(subscription: PubSub) -> None:
    with transaction.atomic():
        publish_on_commit(OWNER, portfolio())
        assert heard(subscription, timeout=0.1) is None
    assert heard(subscription) == portfolio()


@pytest.mark.django_db(transaction=True)
def test_a_rollback_sends_nothing(subscription: PubSub) -> None:
    with transaction.atomic():
        publish_on_commit(OWNER, portfolio())
        transaction.set_rollback(True)
    publish(OWNER, portfolio("2"))
    assert heard(subscription) == portfolio("2")


def test_a_lost_redis_is_logged_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=1)
    monkeypatch.setattr(redis_client, "client", lambda database: nobody)
    publish(OWNER, portfolio())
    assert f"event portfolio for user {OWNER} is lost" in caplog.text
