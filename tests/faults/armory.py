"""The folder through which the driver and the workers talk: kills armed, kills made, faults told.

Every act on it is atomic (a rename, an exclusive file, one appended line), because the process
that acts is about to be killed.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.plan import Kill

#: Variables that tell the processes of the stack the folder, the seed and the plant.
VARIABLE, SEED, PLANT = "DEX_TEST_FAULTS", "DEX_TEST_SEED", "DEX_TEST_PLANT"


@dataclass(frozen=True, slots=True)
class Armory:
    """The folder of one run."""

    root: Path

    @classmethod
    def of_environment(cls) -> "Armory":
        """Return the folder that the driver named."""
        return cls(Path(os.environ[VARIABLE]))

    def make(self) -> None:
        for folder in ("armed", "fired", "ticks", "deposits"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> Path:
        """Return the log of kills."""
        return self.root / "kills.jsonl"

    @property
    def messages(self) -> Path:
        """Return the log of what was done to messages."""
        return self.root / "messages.jsonl"

    @property
    def seen(self) -> Path:
        """Return the log of boundaries that the workers met."""
        return self.root / "seen.jsonl"

    def arm(self, kill: Kill) -> None:
        """Lay a kill out for whoever meets its boundary first."""
        self._replace(self.root / "armed" / f"{kill.id}.json", kill.to_json())

    def disarm(self) -> None:
        """Take back what nobody met; messages are delivered as they are from now on."""
        (self.root / "quiet").touch()
        for file in (self.root / "armed").glob("*.json"):
            file.unlink(missing_ok=True)

    def is_quiet(self) -> bool:
        """Say whether all faults are over."""
        return (self.root / "quiet").exists()

    def armed(self) -> list[Kill]:
        """Return what is armed."""
        kills = []
        for file in sorted((self.root / "armed").glob("*.json")):
            try:
                kills.append(Kill.of_json(json.loads(file.read_text())))
            except FileNotFoundError:
                continue  # Somebody else was first.
        return kills

    def take(self, kill: Kill) -> bool:
        """Take an armed kill; only one process is told True."""
        name = f"{kill.id}.json"
        try:
            (self.root / "armed" / name).rename(self.root / "fired" / name)
        except FileNotFoundError:
            return False
        return True

    def mark(self, fault: str, why: str) -> bool:
        """Take a fault that a tick can stand, by the tick's name; False when it had it."""
        try:
            with (self.root / "ticks" / fault).open("x") as file:
                file.write(why)
        except FileExistsError:
            return False
        return True

    def unmark(self, fault: str) -> None:
        """Give it back: the fault did not happen."""
        (self.root / "ticks" / fault).unlink(missing_ok=True)

    def publish_pids(self, pids: Mapping[str, int]) -> None:
        """Tell the workers whom to kill."""
        self._replace(self.root / "pids.json", dict(pids))

    def pid(self, name: str) -> int:
        """Return the process id of a server or of beat."""
        return int(json.loads((self.root / "pids.json").read_text())[name])

    def _replace(self, path: Path, content: object) -> None:
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_text(json.dumps(content))
        scratch.replace(path)


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Append one line and bring it to the disk: the next thing may be the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, json.dumps(dict(line)).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a log; the last one may still be in the making."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]
