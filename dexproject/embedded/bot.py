"""`bot`: the inline bot on the servers of a data directory."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from paper_trading.bot import command_line

from .credentials import Credentials
from .environment import manage, python
from .errors import Interrupted, LauncherError, Refused
from .foreground import run_in_foreground, signals_end_the_work
from .lock import DataLock, LockHeld
from .manage import running_environment
from .options import ROOT, BotOptions
from .paths import DataDirectory
from .run_file import RunFile
from .servers import Servers
from .urls import GivenUrls

_PROGRAM = "python3 dev.py bot"
_MIGRATE_SECONDS = 90.0
#: What a shell adds to the number of the signal that ended a command.
_BY_A_SIGNAL = 128


def run_bot(options: BotOptions) -> int:
    """Run the bot and return its exit status; bad arguments are refused before any start.

    The servers of a running `up` are used; without one they are started for the bot, brought
    up to date, and told to other commands in the run file.
    """
    try:
        command_line.parse(options.arguments, _PROGRAM)
    except command_line.BadArguments as error:
        raise Refused(str(error)) from None
    home = DataDirectory(options.data)
    home.make()
    with signals_end_the_work():
        try:
            lock = DataLock(home.lock)
        except LockHeld as held:
            environment = running_environment(home, held)
            _wait_until_migrated(environment)
            return _run(options, home, environment)
        try:
            with Servers(home, lock, given=GivenUrls.of()) as servers:
                told = RunFile(os.getpid(), servers.database_url, servers.redis_url)
                told.write(home.run_file)
                _migrate(servers.environment())
                return _run(options, home, servers.environment())
        finally:
            home.run_file.unlink(missing_ok=True)
            lock.release()


def _run(options: BotOptions, home: DataDirectory, environment: Mapping[str, str]) -> int:
    """Run the bot in the user's directory: its price file and its log are named from there."""
    others = os.environ.get("PYTHONPATH", "")
    variables = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), others])),
        "DEX_ADMIN_PASSWORD": Credentials.load(home.secrets).admin_password,
    }
    command = python("-P", "-m", "paper_trading.bot", *options.arguments)
    return run_in_foreground(command, {**environment, **variables}, Path.cwd())


def _migrate(environment: Mapping[str, str]) -> None:
    code = run_in_foreground(manage("migrate", "-v0"), environment)
    _go_on_unless_ended(code)
    if code != 0:
        raise LauncherError("migrate failed (the lines above say why)")


def _wait_until_migrated(environment: Mapping[str, str]) -> None:
    """Wait for an `up` that is still starting to bring the database up to date."""
    until = time.monotonic() + _MIGRATE_SECONDS
    while code := run_in_foreground(manage("migrate", "--check", "-v0"), environment):
        _go_on_unless_ended(code)
        if time.monotonic() > until:
            raise Refused("the database of the running servers is not up to date")
        time.sleep(0.5)


def _go_on_unless_ended(code: int) -> None:
    """Let the signal that ended a command end the launcher, too: it came to both."""
    if code > _BY_A_SIGNAL:
        raise Interrupted(f"stopped by {signal.Signals(code - _BY_A_SIGNAL).name}")
