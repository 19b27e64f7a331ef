"""Fields as people read them: exact amounts without eighteen zeros, JSON laid out."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.contrib import admin
from django.db import models
from django.utils.html import format_html

from paper_trading.models.fields import PriceField, RatioField, UnitsField, UsdField
from paper_trading.templatetags import figures

Column = str | Callable[[Any], Any]

_WRITERS: dict[type, Callable[[Any], str]] = {
    UsdField: figures.usd,
    PriceField: figures.price,
    RatioField: figures.plain,
    UnitsField: figures.grouped,
    models.DateTimeField: figures.moment,
}


@cache
def column(model: type[models.Model], name: str) -> Column:
    """Return a readable column for a field that needs one, and the name for any other.

    The same function object every time: the admin compares columns by identity.
    """
    field = next((one for one in model._meta.concrete_fields if one.name == name), None)
    write = _json if isinstance(field, models.JSONField) else _WRITERS.get(type(field))
    if field is None or write is None:
        return name

    @admin.display(description=str(field.verbose_name), ordering=name)
    def show(row: models.Model) -> str:
        return write(getattr(row, name))

    show.__name__ = name
    return show


def columns(model: type[models.Model], names: Sequence[Any]) -> list[Any]:
    """Return readable columns for names, rows of names included; what else stays as it is."""
    return [
        tuple(columns(model, name))
        if isinstance(name, tuple)
        else column(model, name)
        if isinstance(name, str)
        else name
        for name in names
    ]


def _json(content: Any) -> str:
    return format_html("<pre>{}</pre>", json.dumps(content, indent=1, ensure_ascii=False))
