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
    fields = [meta.get_field(name) for name in columns]
    key = meta.pk
    arrays = [[row.pk for row in rows]]
    arrays += [[_prepared(field, getattr(row, field.attname)) for row in rows] for field in fields]
    kinds = [_array_type(field) for field in (key, *fields)]
    names = [connection.ops.quote_name(field.column) for field in (key, *fields)]
    sets = ", ".join(f"{name} = v.{name}" for name in names[1:])
    table = connection.ops.quote_name(meta.db_table)
    values = ", ".join(f"%s::{kind}[]" for kind in kinds)
    # Only quoted column names and types of our own models are put into the text.
    sql = (
        f"UPDATE {table} SET {sets} FROM unnest({values}) AS v({', '.join(names)})"  # noqa: S608
        f" WHERE {table}.{names[0]} = v.{names[0]}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, arrays)


def _prepared(field: Any, found: Any) -> Any:
    if isinstance(field, models.JSONField):
        return json.dumps(found)
    return field.get_db_prep_save(found, connection)


def _array_type(field: Any) -> str:
    kind: str = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    return kind.split("(")[0] if kind.startswith("varchar") else kind
