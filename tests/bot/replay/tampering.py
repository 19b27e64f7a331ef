"""Changing one digit of a stored column, as wear or a careless hand would."""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, models, transaction
from psycopg import sql


def columns(model: type[models.Model], leave: set[str]) -> list[Any]:
    """Return the columns of a model but its key and those to be left."""
    fields: list[Any] = list(model._meta.concrete_fields)
    return [field for field in fields if not field.primary_key and field.name not in leave]


def changed(field: Any, value: Any) -> Any:
    """Return the value with one digit changed, or another word of the same vocabulary."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, Decimal):
        return value + Decimal(1).scaleb(-field.decimal_places)
    if isinstance(value, datetime | date):
        return value + timedelta(days=1)
    if field.choices:
        return next(word for word, _ in field.choices if word not in (value, ""))
    if isinstance(value, str):
        return f"{value}x"
    return _json(value)


def _json(value: Any) -> Any:
    """Change the last digit of a JSON value that makes it another value."""
    if value in ([], {}):
        return [1]
    text = json.dumps(value)
    for found in reversed(list(re.finditer(r"\d", text))):
        place = found.start()
        digit = (int(text[place]) + 1) % 10
        other = json.loads(f"{text[:place]}{digit}{text[place + 1 :]}")
        # The last digit of a float may be more than it can tell apart.
        if other != value:
            return other
    raise ValueError(f"{text} has no digit to change")


def candidates(rows: models.QuerySet[Any], field: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the key of the first row that has the column, and its value.

    The first by key where the rows are in no order: a replay stops at a difference, and so
    reads little before it.
    """
    found = rows if rows.query.order_by else rows.order_by("pk")
    for row in found.exclude(**{f"{field.name}__isnull": True})[:1]:
        yield row.pk, getattr(row, field.attname)


def tamper(model: type[models.Model], key: Any, field: Any, value: Any) -> bool:
    """Write a value past all of the code; False when the database itself refuses it."""
    if isinstance(field, models.JSONField):
        value = json.dumps(value)
    statement = sql.SQL("UPDATE {} SET {} = %s WHERE id = %s").format(
        sql.Identifier(model._meta.db_table), sql.Identifier(field.column)
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(statement, [value, key])
    except IntegrityError:
        return False
    return True
