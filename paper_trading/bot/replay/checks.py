"""Comparing what was replayed with what was stored: the first difference, with both sides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.db import models

from paper_trading.engine.decision import Decision
from paper_trading.engine.seal import broken


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one record that replay and rows do not agree on."""

    where: str
    field: str
    replayed: str
    stored: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: replayed {self.replayed}, stored {self.stored}"


class Mismatch(Exception):
    """Replay and rows differ."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(str(difference))
        self.difference = difference


class NoJournal(Exception):
    """The rows do not hold what a replay needs; the message names what is missing."""


def same(where: str, field: str, replayed: Any, stored: Any) -> None:
    """Raise Mismatch unless two values are equal; numbers are equal by their worth."""
    if replayed != stored:
        raise Mismatch(Difference(where, field, shown(replayed), shown(stored)))


def same_rows(
    where: str, replayed: models.Model, stored: models.Model, skip: Iterable[str] = ()
) -> None:
    """Compare two rows of one model in every column but the key, real times and `skip`."""
    left = {"id", "created_at", *skip}
    for column in replayed._meta.concrete_fields:
        if column.name not in left:
            found = (getattr(row, column.attname) for row in (replayed, stored))
            same(where, column.name, *found)


def same_count(where: str, what: str, replayed: int, stored: int) -> None:
    """Compare how many records there are."""
    same(where, f"number of {what}", replayed, stored)


def same_decision(where: str, replayed: Decision, stored: Decision) -> None:
    """Compare two decisions field by field."""
    for field in fields(Decision):
        name = field.name
        same(where, f"evidence {name}", getattr(replayed, name), getattr(stored, name))


def sealed(where: str, seal: Mapping[str, str], columns: Mapping[str, Any]) -> None:
    """Raise Mismatch when a record does not match its seal.

    :raises NoJournal: when it has none, or one of an older program that had fewer columns.
    """
    if not seal:
        raise NoJournal(f"{where} has no seal: it was written before the journal was kept")
    require_columns(where, seal, columns)
    for name in broken(seal, columns):
        found = shown(columns[name]) if name in columns else "nothing"
        raise Mismatch(
            Difference(where, name, f"a value with the seal {seal.get(name, 'none')}", found)
        )


def require_columns(where: str, seal: Mapping[str, str], columns: Iterable[str]) -> None:
    """Raise NoJournal when a seal does not cover all of the columns that a replay reads."""
    missing = sorted(set(columns) - set(seal))
    if missing:
        raise NoJournal(
            f"{where} has no seal of {', '.join(missing)}:"
            " rows of an older program cannot be verified"
        )


def shown(value: Any) -> str:
    """Write a value for a message, shortened when it is long."""
    text = "nothing" if value is None or value == "" else str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
