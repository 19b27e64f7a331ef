"""Read docker-compose.yml in the part of YAML that it is written in, and nothing else.

Block mappings and lists, JSON for what stands in brackets or double quotes, anchors, aliases
and merges. Anything beyond that, and any unclear indentation, raises ValueError with the line.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

Value = None | str | list["Value"] | dict[str, "Value"]

_KEY = re.compile(r"([A-Za-z0-9_.<-]+):(?: (.+))?")
_ANCHOR = re.compile(r"&([a-z]+)(?: (.+))?")
_SPECIAL = tuple("!@%`{}|>'#,[]")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    indent: int
    text: str


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = [
            _Line(number, len(line) - len(line.lstrip(" ")), line.strip())
            for number, line in enumerate(text.splitlines(), 1)
            if line.strip() and not line.lstrip().startswith("#")
        ]
        self.at = 0
        self.anchors: dict[str, Value] = {}

    def fail(self, line: _Line, why: str) -> ValueError:
        return ValueError(f"line {line.number}: {why}: {line.text}")

    def block(self, indent: int) -> Value:
        """Read the mapping or list that begins at the current line."""
        if self.lines[self.at].text.startswith("- "):
            return self.sequence(indent)
        return self.mapping(indent)

    def sequence(self, indent: int) -> list[Value]:
        found: list[Value] = []
        while self.at < len(self.lines) and self.lines[self.at].indent == indent:
            line = self.lines[self.at]
            if not line.text.startswith("- "):
                raise self.fail(line, "no list entry")
            found.append(self.scalar(line, line.text[2:]))
            self.at += 1
        return found

    def mapping(self, indent: int) -> dict[str, Value]:
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        while self.at < len(self.lines) and self.lines[self.at].indent >= indent:
            line = self.lines[self.at]
            match = _KEY.fullmatch(line.text)
            if line.indent != indent or match is None:
                raise self.fail(line, "no key at this indentation")
            key, rest = match.groups()
            if key in own:
                raise self.fail(line, "the key stands twice")
            self.at += 1
            value = self.value(line, rest)
            if key == "<<":
                if not isinstance(value, dict):
                    raise self.fail(line, "only a mapping can be merged")
                merged |= value
            else:
                own[key] = value
        return merged | own

    def value(self, line: _Line, rest: str | None) -> Value:
        """Return what stands behind a key: on its line, or as the block below it."""
        name = None
        if rest and (anchor := _ANCHOR.fullmatch(rest)):
            name, rest = anchor.groups()
        found: Value
        if rest and rest.startswith("*"):
            found = self.anchors[rest[1:]]
        elif rest:
            found = self.scalar(line, rest)
        elif self.at < len(self.lines) and self.lines[self.at].indent > line.indent:
            found = self.block(self.lines[self.at].indent)
        else:
            found = None
        if name:
            self.anchors[name] = found
        return found

    def scalar(self, line: _Line, text: str) -> Value:
        if text.startswith(("[", '"')):
            try:
                parsed: Value = json.loads(text)
            except ValueError:
                raise self.fail(line, "neither a JSON list nor a JSON text") from None
            return parsed
        if text.startswith(_SPECIAL) or ": " in text or " #" in text:
            raise self.fail(line, "quote this")
        return text


def read_compose_file(path: Path) -> dict[str, Value]:
    """Return the content of a compose file; every plain scalar is a text."""
    if "\t" in (text := path.read_text(encoding="utf-8")):
        raise ValueError("a tab")
    reader = _Reader(text)
    found = reader.mapping(0)
    if reader.at != len(reader.lines):
        raise reader.fail(reader.lines[reader.at], "not understood")
    return found
