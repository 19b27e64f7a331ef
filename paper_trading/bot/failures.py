"""What a stage could not handle, kept with its traceback; a server that is away is not ours."""

import redis
from django.db import InterfaceError, OperationalError

from paper_trading.services.internal_errors import keep

__all__ = ["INFRASTRUCTURE", "keep"]

#: Servers that go away come back; the sweeper goes on from the rows.
INFRASTRUCTURE: tuple[type[Exception], ...] = (OperationalError, InterfaceError, redis.RedisError)
