"""`manage`: a management command on the servers of a data directory."""

import time

from .credentials import Credentials
from .environment import app_environment, manage
from .errors import Refused
from .foreground import run_in_foreground, signals_end_the_work
from .lock import DataLock, LockHeld
from .options import ManageOptions
from .paths import DataDirectory
from .run_file import RunFile
from .servers import Servers
from .urls import GivenUrls

_START_SECONDS = 20.0


def run_command(options: ManageOptions) -> int:
    """Run the command and return its exit status.

    The servers of a running `up` are used; without one they are started for the command. One
    that reads no database gets none.
    """
    if not options.needs_servers:
        with signals_end_the_work():
            return run_in_foreground(manage(*options.arguments), app_environment("", "", ""))
    home = DataDirectory(options.data)
    home.make()
    with signals_end_the_work():
        try:
            lock = DataLock(home.lock)
        except LockHeld as held:
            return run_in_foreground(manage(*options.arguments), running_environment(home, held))
        try:
            with Servers(home, lock, given=GivenUrls.of()) as servers:
                return run_in_foreground(manage(*options.arguments), servers.environment())
        finally:
            lock.release()


def running_environment(home: DataDirectory, held: LockHeld) -> dict[str, str]:
    """Return the environment of the `up` that runs, waiting while it is still starting."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        found = RunFile.read(home.run_file)
        if found is not None:
            key = Credentials.load(home.secrets).secret_key
            return app_environment(found.database_url, found.redis_url, key)
        time.sleep(0.1)
    raise Refused(f"{held}, which tells no addresses of its servers")
