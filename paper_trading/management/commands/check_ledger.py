"""Prove every account's books by an independent fold over its fills."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.bot import ledger_check, track_check


class Command(BaseCommand):
    """Compare balances, positions and ledger with the fills; exit 1 at any difference."""

    help = __doc__ or ""

    def handle(self, *_: Any, **__: Any) -> None:
        """Print what differs, or that nothing does."""
        found = [*ledger_check.all_problems(), *track_check.all_problems()]
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write("The ledger holds.")
