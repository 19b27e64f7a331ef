"""A Valkey server of our own: broker, cache and events in one append-only server."""

import time
from dataclasses import dataclass, field

import redis

from .binaries import valkey_program
from .credentials import write_private
from .errors import LauncherError
from .paths import DataDirectory
from .ports import HOST, pick
from .process import Pause, Process, ProcessSpec, last_line

START_SECONDS = 60.0

# A broker must never drop a message to make room, and keeps its queue over a restart.
_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
daemonize no
dir ./
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""


@dataclass(slots=True)
class ValkeyServer:
    """A server in a data directory, reached over loopback TCP with a password.

    `descriptors` are inherited by the server.
    """

    home: DataDirectory
    password: str
    descriptors: tuple[int, ...] = ()
    port: int = field(default_factory=pick)

    def url(self) -> str:
        """Return the connection URL without a database number."""
        return f"redis://:{self.password}@{HOST}:{self.port}"

    def process(self) -> Process:
        """Return the server's process, not started; writes its configuration."""
        folder = self.home.valkey
        folder.mkdir(mode=0o700, exist_ok=True)
        content = _CONFIGURATION.format(host=HOST, port=self.port, password=self.password)
        write_private(folder / "valkey.conf", content)
        return Process(
            ProcessSpec(
                name="valkey",
                # The password stays out of the command line, which every user can read.
                argv=(str(valkey_program()), "valkey.conf"),
                environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                log=self.home.log("valkey"),
                directory=folder,
                rank=2,
                hurried_grace=2,
                descriptors=self.descriptors,
            )
        )

    def wait(self, process: Process, pause: Pause = time.sleep) -> None:
        """Wait until the server answers; raises LauncherError when it ends or is too slow."""
        until = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url(), socket_timeout=5) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError as error:
                    if not process.running or time.monotonic() > until:
                        text = last_line(process.spec.log) or str(error)
                        raise LauncherError(f"Valkey does not start: {text}") from None
                pause(0.03)
