"""Wait for sessions to end and print what they did as one JSON object."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from paper_trading.bot.statistics import report, wait_until_ended


class Command(BaseCommand):
    """Report on sessions; exit 1 when the books do not hold or something failed inside."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the sessions and whether to wait for their end."""
        parser.add_argument("--sessions", required=True, help="ids, separated by commas")
        parser.add_argument("--wait", action="store_true", help="wait until they have ended")

    def handle(self, *_: Any, sessions: str, wait: bool, **__: Any) -> None:
        """Print the report as the last line."""
        ids = [int(word) for word in sessions.split(",")]
        if wait:
            wait_until_ended(ids)
        found = report(ids)
        self.stdout.write(json.dumps(found))
        if not found["ledger_ok"] or found["internal_errors"]:
            raise SystemExit(1)
