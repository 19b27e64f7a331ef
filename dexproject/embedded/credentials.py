"""Passwords and keys of a data directory, made once and kept."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import Refused


@dataclass(frozen=True, slots=True)
class Credentials:
    """The generated secrets of one data directory."""

    secret_key: str
    admin_password: str
    flower_password: str
    database_password: str
    redis_password: str

    @classmethod
    def generate(cls) -> "Credentials":
        """Return new random secrets."""
        admin = secrets.token_urlsafe(12)
        return cls(
            secret_key=secrets.token_urlsafe(48),
            admin_password=admin,
            flower_password=admin,
            database_password=secrets.token_urlsafe(24),
            redis_password=secrets.token_urlsafe(24),
        )

    @classmethod
    def load(cls, path: Path) -> "Credentials":
        """Return the secrets of the file, which is made when it does not exist.

        Raises Refused when the file is not what was written there.
        """
        if not path.exists():
            made = cls.generate()
            write_private(path, json.dumps(asdict(made), indent=2) + "\n")
            return made
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            loaded = cls(**content)
        except (OSError, ValueError, TypeError):
            raise Refused(f"{path} is not readable or not a complete list of secrets") from None
        if not all(isinstance(value, str) and value for value in asdict(loaded).values()):
            raise Refused(f"{path} is not readable or not a complete list of secrets")
        return loaded


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    scratch = path.with_name(path.name + ".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
    scratch.replace(path)
