"""Entry point of the launcher: `python -m dexproject.embedded up|bot|test|manage|faults`."""

import sys
from collections.abc import Sequence

from .bot import run_bot
from .errors import LauncherError
from .faults import run_faults
from .manage import run_command
from .options import BotOptions, FaultsOptions, ManageOptions, PytestOptions, parse
from .tests import run_tests
from .up import up


def main(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name and return the exit status."""
    try:
        command = parse(arguments)
        if isinstance(command, str):
            print(command)
            return 0
        if isinstance(command, PytestOptions):
            return run_tests(command)
        if isinstance(command, FaultsOptions):
            return run_faults(command)
        if isinstance(command, ManageOptions):
            return run_command(command)
        if isinstance(command, BotOptions):
            return run_bot(command)
        return up(command)
    except LauncherError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return error.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
