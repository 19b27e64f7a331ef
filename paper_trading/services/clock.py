"""The database clock: slots, leases, deadlines and live markets read no other."""

from datetime import datetime

from django.db import connection
from django.db.models import DateTimeField, Func


class ClockTimestamp(Func):
    """clock_timestamp(): the time now, even in the middle of a transaction."""

    function = "clock_timestamp"
    template = "%(function)s()"
    arity = 0
    output_field = DateTimeField()


def now() -> datetime:
    """Ask the database for the time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    if row is None or not isinstance(row[0], datetime):
        raise RuntimeError("the database did not tell the time")
    return row[0]
