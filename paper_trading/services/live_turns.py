"""One process at a time fetches the prices of a live market; the others wait for its batch."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

#: First half of the advisory lock's key, so that it is no other's: "LIVE".
_SPACE = 0x4C495645
#: How long a turn is waited for: a tick has five seconds.
WAIT_MILLISECONDS = 4_000
_LOCK_NOT_AVAILABLE = "55P03"


@contextmanager
def turn(market_id: int) -> Iterator[bool]:
    """Hold the turn of a market, and say whether it was had in time.

    An advisory lock of the session, not of a transaction: no row is locked while the network is
    asked, and a process that dies in its turn frees it with its connection.
    """
    if not _took(market_id):
        yield False
        return
    try:
        yield True
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_SPACE, market_id])


def _took(market_id: int) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            limit = f"{WAIT_MILLISECONDS}ms"
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [limit])
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_SPACE, market_id])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return False
        raise
    return True
