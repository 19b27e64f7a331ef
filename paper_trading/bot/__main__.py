"""`python -m paper_trading.bot --account-name MyBot --intel-level 5`."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured

from paper_trading.bot import command_line


def run() -> int:
    """Check the arguments, set Django up from the environment, and run the bot."""
    try:
        command_line.parse()
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")
        django.setup()
        from paper_trading.bot.enhanced_bot import main

        return main()
    except (command_line.BadArguments, ImproperlyConfigured) as error:
        sys.stderr.write(f"{command_line.PROGRAM}: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
