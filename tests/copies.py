"""Rows as the database writes them itself: taken once, put back as often as tests ask for them."""

from collections.abc import Iterable
from typing import Any

from django.db import connection, models
from psycopg import sql


def taken(rows: models.QuerySet[Any]) -> tuple[str, bytes]:
    """Return the table of rows, and all that they hold."""
    meta = rows.model._meta
    query = sql.SQL("COPY (SELECT * FROM {} WHERE {} = ANY({})) TO STDOUT (FORMAT BINARY)").format(
        sql.Identifier(meta.db_table), sql.Identifier(meta.pk.column), sql.Literal(keys(rows))
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return meta.db_table, b"".join(copy)


def keys(rows: models.QuerySet[Any]) -> list[int]:
    return list(rows.values_list("pk", flat=True))


def put(tables: Iterable[tuple[str, bytes]]) -> None:
    """Insert rows under their old keys; what they refer to may come after them."""
    with connection.cursor() as cursor:
        for name, held in tables:
            query = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier(name))
            with cursor.copy(query) as copy:
                copy.write(held)
