"""What a running `up` tells other commands about its servers."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from .credentials import write_private
from .lock import is_alive


@dataclass(frozen=True, slots=True)
class RunFile:
    """The process id of the launcher and the addresses of what it runs.

    `web_url` and `flower_url` are empty until the page answers.
    """

    pid: int
    database_url: str
    redis_url: str
    web_url: str = ""
    flower_url: str = ""

    def write(self, path: Path) -> None:
        """Write the file, readable by its owner alone: the addresses hold passwords."""
        write_private(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what the file says, or None when it is missing or its launcher is gone."""
        try:
            found = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if is_alive(found.pid) else None
