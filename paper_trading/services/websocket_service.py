"""Events for the people who watch: JSON over Redis, to the account's owner only.

Plain PUBLISH and no channel layer: one PUBLISH costs microseconds in a worker, a channel
layer called from synchronous code costs milliseconds and a connection. An event is a hint
to look again; the rows are the truth, and a page polls too, so a lost event loses nothing.
"""

import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Literal, TypedDict

import redis
from django.conf import settings
from django.db import transaction

from paper_trading.services import redis_client

logger = logging.getLogger(__name__)


class TickEvent(TypedDict):
    """A tick reached a final state."""

    type: Literal["tick"]
    account: int
    session: int
    tick: int
    #: Null when the tick was skipped.
    number: int | None
    status: str
    trading_state: str
    equity_usd: str | None
    #: Milliseconds by stage.
    stages: Mapping[str, int]


class TradeEvent(TypedDict):
    """A fill, a denial or a failed transaction."""

    type: Literal["trade"]
    account: int
    session: int
    trade: int | None
    token: str
    side: str
    status: str
    code: str
    exit_reason: str
    #: What was allowed, and what a sell realized before gas.
    allowed_usd: str
    realized_usd: str | None


class PortfolioEvent(TypedDict):
    """The account after trades, and at every tick."""

    type: Literal["portfolio"]
    account: int
    session: int
    equity_usd: str
    cash_usd: str
    realized_usd: str
    open_positions: int


class MetricsEvent(TypedDict):
    """Performance figures; null where undefined."""

    type: Literal["metrics"]
    account: int
    session: int
    equity_usd: str
    total_return_percent: str | None
    max_drawdown_percent: str
    win_rate_percent: str | None


class BreakerEvent(TypedDict):
    """A circuit breaker tripped or was reset."""

    type: Literal["breaker"]
    account: int
    #: Null when it was reset while no session ran.
    session: int | None
    kind: str
    tripped: bool
    text: str


class FeedEvent(TypedDict):
    """Prices of a live market got better or worse; no account is named, it is all of theirs."""

    type: Literal["feed"]
    market: int
    kind: str
    tokens: list[str]
    text: str


class StatusEvent(TypedDict):
    """A session started, paused, stopped, failed, or its feed changed."""

    type: Literal["status"]
    account: int
    session: int | None
    status: str
    text: str


Event = (
    TickEvent | TradeEvent | PortfolioEvent | MetricsEvent | BreakerEvent | FeedEvent | StatusEvent
)


def channel(owner_id: int) -> str:
    """Return the Redis channel of one user."""
    return f"dex:events:user:{owner_id}"


class WebSocketService:
    """Publishes events; what goes wrong with Redis is logged and never raised."""

    def publish(self, owner_id: int, event: Event) -> None:
        """Send an event to its owner's open pages now.

        TypeError when the event holds something that JSON has no word for, such as a Decimal:
        decimals travel as strings.
        """
        message = json.dumps(event, separators=(",", ":"))
        try:
            redis_client.client(settings.EVENTS_DB).publish(channel(owner_id), message)
        except redis.RedisError as error:
            logger.warning("event %s for user %s is lost: %s", event["type"], owner_id, error)

    def publish_on_commit(self, owner_id: int, event: Event) -> None:
        """Send an event once the transaction commits; a rollback sends nothing."""
        transaction.on_commit(partial(self.publish, owner_id, event))


websocket_service = WebSocketService()


def publish(owner_id: int, event: Event) -> None:
    """Send an event to its owner's open pages now (see `WebSocketService.publish`)."""
    websocket_service.publish(owner_id, event)


def publish_on_commit(owner_id: int, event: Event) -> None:
    """Send an event once the transaction commits."""
    websocket_service.publish_on_commit(owner_id, event)
