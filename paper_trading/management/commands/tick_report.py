"""Wait for sessions to end and print what they did as one JSON object."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.bot.statistics import report, wait_until_ended
from paper_trading.management.arguments import whole_numbers
from paper_trading.models import PaperTradingSession


class Command(BaseCommand):
    """Report on sessions; exit 1 when the books do not hold or something failed inside."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the sessions and whether to wait for their end."""
        parser.add_argument(
            "--sessions", type=whole_numbers, required=True, help="ids, separated by commas"
        )
        parser.add_argument("--wait", action="store_true", help="wait until they have ended")

    def handle(self, *_: Any, sessions: list[int], wait: bool, **__: Any) -> None:
        """Print the report as the last line."""
        known = PaperTradingSession.objects.filter(pk__in=sessions).values_list("pk", flat=True)
        if missing := sorted(set(sessions) - set(known)):
            raise CommandError(f"there is no session {missing[0]}")
        if wait:
            wait_until_ended(sessions)
        found = report(sessions)
        self.stdout.write(json.dumps(found))
        if not found["ledger_ok"] or found["internal_errors"]:
            raise SystemExit(1)
