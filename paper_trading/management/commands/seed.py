"""Make the market, the administrator, and a running session a level."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.bot import intervals, seeding
from paper_trading.bot.accounts import ControlRefused
from paper_trading.management.arguments import interval_ms, levels, positive
from paper_trading.services import market_setup
from paper_trading.services.signal_process import CannotStart
from paper_trading.services.sources.recorded import RecordedFileError
from tasks.schedule import synchronise


class Command(BaseCommand):
    """Seed a first start, or go on where an earlier one stopped."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what `up` takes; DEX_ADMIN_PASSWORD comes from the environment."""
        parser.add_argument("--prices", default="simulated", help="live, simulated, recorded:FILE")
        parser.add_argument("--profile", default="normal", choices=["normal", "turbo"])
        parser.add_argument("--interval", type=interval_ms, default=intervals.DEFAULT_MS)
        parser.add_argument("--levels", type=levels, default=[5], help="such as 5,10")
        parser.add_argument("--ticks", type=positive, help="stop each session after so many ticks")

    def handle(self, *_: Any, **options: Any) -> None:
        """Seed and print the sessions as one JSON object."""
        try:
            market_setup.sync_registry()
            market = seeding.market_for(options["prices"], options["profile"])
            owner = seeding.admin_user(os.environ.get("DEX_ADMIN_PASSWORD", ""))
            sessions = seeding.seed_sessions(
                owner, market, options["levels"], options["interval"], options["ticks"]
            )
        except (CannotStart, RecordedFileError, ControlRefused, ValueError) as error:
            raise CommandError(str(error)) from error
        synchronise(options["interval"])
        self.stdout.write(
            json.dumps({"sessions": [found.pk for found in sessions], "market": market.name})
        )
