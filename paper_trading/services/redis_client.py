"""One Redis client per process and database, with timeouts; never shared over a fork."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@cache
def client(database: int) -> "redis.Redis":
    """Return the process's client of a Redis database.

    A slow cache must cost less than reading Postgres, hence the short timeouts and no second
    try; callers treat `redis.RedisError` as a miss.
    """
    return redis.Redis.from_url(
        f"{settings.REDIS_URL}/{database}",
        retry=Retry(NoBackoff(), 0),
        socket_timeout=2,
        socket_connect_timeout=1,
        health_check_interval=30,
    )


def forget() -> None:
    """Forget the clients, as a forked child must."""
    client.cache_clear()
