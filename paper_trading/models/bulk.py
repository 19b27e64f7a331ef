"""Write many rows of one table in one statement of constant shape."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection, models


def update_rows(rows: Sequence[models.Model], columns: Sequence[str]) -> None:
    """Write the named fields of saved rows with UPDATE ... FROM unnest.

    Django's bulk_update builds a CASE a row and field, whose cost grows with both; here the
    statement stays the same and each column travels as one array.
    """
    if not rows:
        return
    meta = rows[0]._meta
    # Columns of the model itself: a relation that other models point here with has none.
    fields: list[Any] = [meta.get_field(name) for name in columns]
    key = meta.pk
    arrays = [[row.pk for row in rows]]
    arrays += [[_prepared(field, getattr(row, field.attname)) for row in rows] for field in fields]
    names = [connection.ops.quote_name(field.column) for field in (key, *fields)]
    sets = ", ".join(f"{name} = v.{name}" for name in names[1:])
    table = connection.ops.quote_name(meta.db_table)
    values = ", ".join(_array(field) for field in (key, *fields))
    # Only quoted column names and types of our own models are put into the text.
    sql = (
        f"UPDATE {table} SET {sets} FROM unnest({values}) AS v({', '.join(names)})"  # noqa: S608
        f" WHERE {table}.{names[0]} = v.{names[0]}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, arrays)


def copy_rows(rows: Sequence[models.Model]) -> None:
    """Insert many new rows with COPY; they get no primary key back."""
    if not rows:
        return
    meta = rows[0]._meta
    fields: list[Any] = [field for field in meta.concrete_fields if not field.primary_key]
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    table = connection.ops.quote_name(meta.db_table)
    # Made before the COPY begins: what Python takes for it would count as the statement's time.
    lines = [[_prepared(field, field.pre_save(row, add=True)) for field in fields] for row in rows]
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
    ):
        for line in lines:
            copy.write_row(line)


def _prepared(field: Any, found: Any) -> Any:
    if isinstance(field, models.JSONField):
        return json.dumps(found)
    return field.get_db_prep_save(found, connection)


def _array(field: Any) -> str:
    """Return the placeholder of a column's array; JSON travels binary, free of escapes."""
    if isinstance(field, models.JSONField):
        return "%b::text[]::jsonb[]"
    kind: str = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    return f"%s::{kind.split('(')[0] if kind.startswith('varchar') else kind}[]"
