"""The data directory: where everything that a launcher keeps has its place."""

from dataclasses import dataclass
from pathlib import Path

from .errors import Refused

_LOG_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Name the places in a data directory and make them."""

    root: Path

    @property
    def lock(self) -> Path:
        """Return the lock file, which also marks the directory as ours."""
        return self.root / "launcher.lock"

    @property
    def secrets(self) -> Path:
        """Return the file of the generated passwords."""
        return self.root / "secrets.json"

    @property
    def run_file(self) -> Path:
        """Return the file that tells other commands about the running servers."""
        return self.root / "run.json"

    @property
    def postgres(self) -> Path:
        """Return the directory of the database cluster."""
        return self.root / "pgdata"

    @property
    def valkey(self) -> Path:
        """Return the directory of Valkey's configuration and append-only file."""
        return self.root / "valkey"

    @property
    def logs(self) -> Path:
        """Return the directory of the log files."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the directory, readable by its owner alone.

        Raises Refused for a directory that holds something else or cannot be written.
        """
        try:
            if self.root.is_dir() and not self.lock.exists() and any(self.root.iterdir()):
                raise Refused(f"{self.root} is not empty and no data directory; name another one")
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self.lock.touch(mode=0o600)
        except OSError as error:
            raise Refused(f"{self.root} cannot be used for data: {error.strerror}") from None

    def rotate_logs(self) -> None:
        """Move each log that has grown large aside, in place of the one moved before."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))
