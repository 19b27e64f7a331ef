"""One process at a time fetches the prices of a live market; the others wait for its batch."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

#: First half of the advisory lock's key, so that it is no other's: "LIVE".
_SPACE = 0x4C495645
#: Of another lock, on the beginning of a market: "PAST".
_BEGINNING = 0x50415354
#: How long a turn is waited for: a tick has five seconds.
WAIT_MILLISECONDS = 4_000
_LOCK_NOT_AVAILABLE = "55P03"


@contextmanager
def turn(market_id: int) -> Iterator[bool]:
    """Hold the turn of a market, and say whether it was had in time.

    An advisory lock of the session, not of a transaction: no row is locked while the network is
    asked, and a process that dies in its turn frees it with its connection.
    """
    with _lock(_SPACE, market_id, WAIT_MILLISECONDS) as mine:
        yield mine


@contextmanager
def beginning(market_id: int) -> Iterator[bool]:
    """Say whether nobody else fetches a market's past, and keep it so."""
    with _lock(_BEGINNING, market_id, 1) as mine:
        yield mine


@contextmanager
def _lock(space: int, market_id: int, wait_milliseconds: int) -> Iterator[bool]:
    if not _took(space, market_id, wait_milliseconds):
        yield False
        return
    try:
        yield True
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [space, market_id])


def _took(space: int, market_id: int, wait_milliseconds: int) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            limit = f"{wait_milliseconds}ms"
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [limit])
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [space, market_id])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return False
        raise
    return True
