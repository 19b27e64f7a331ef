"""Remove archived accounts that ended long ago, and live prices that nobody needs."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.engine.words import number_of
from paper_trading.services import clock, pruning
from paper_trading.services.pruning import Pruned

#: Older than any account: a number of days behind it is a slip.
MOST_DAYS = 36_500


class Command(BaseCommand):
    """Print what was removed, what is old and stays, and how many bytes are free again."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the age, and whether to look only."""
        parser.add_argument("--older-than", type=int, required=True, metavar="DAYS")
        parser.add_argument("--dry-run", action="store_true", help="say it, remove nothing")

    def handle(self, *_: Any, older_than: int, dry_run: bool, **__: Any) -> None:
        """Remove and print."""
        if not 1 <= older_than <= MOST_DAYS:
            raise CommandError(f"--older-than was {older_than}; allowed are 1 to {MOST_DAYS} days.")
        before = clock.now() - timedelta(days=older_than)
        self.stdout.write(as_text(pruning.prune(before, dry_run=dry_run), dry_run=dry_run))


def as_text(pruned: Pruned, *, dry_run: bool) -> str:
    """Return what was found as lines for people."""
    verb = "Would remove" if dry_run else "Removed"
    lines = [f"{verb} account {name}." for name in pruned.accounts]
    lines += [f"{verb} the prices of {name}; it can begin anew." for name in pruned.markets]
    lines += [
        f"{verb} {number_of(count, pruned.one[name], name)}." for name, count in pruned.rows.items()
    ]
    lines += [f"Stays: {reason}." for reason in pruned.kept]
    total = f"{pruned.size_bytes:,} bytes of rows, their indexes not counted."
    lines.append(f"{verb} {total}" if pruned.rows else "Nothing to remove.")
    return "\n".join(lines)
