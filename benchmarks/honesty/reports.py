"""What a study found: a table, the figures behind it, and the claims that failed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one study."""

    title: str
    #: How the figures are made, in sentences.
    method: str
    head: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    #: Everything a table has no room for.
    data: Mapping[str, Any]
    #: Claims that did not hold, each in one sentence.
    failures: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return title, method, table and verdict."""
        lines = [f"## {self.title}", "", self.method, "", *_table(self.head, self.rows), ""]
        if not self.failures:
            return "\n".join([*lines, "The claim holds."])
        return "\n".join([*lines, *(f"- Does not hold: {one}" for one in self.failures)])

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        found = {
            "title": self.title,
            "method": self.method,
            "table": [dict(zip(self.head, map(str, row), strict=True)) for row in self.rows],
            "data": self.data,
            "failures": list(self.failures),
        }
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [head, ["---:"] * len(head), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
