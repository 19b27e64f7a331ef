"""Print the page of codes, write it, or check that a written one is up to date."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.management.codes_page import page


class Command(BaseCommand):
    """Exit 1 when a page that is checked is not what would be written."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to write, or what to check."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--write", type=Path, metavar="PATH", help="write the page")
        what.add_argument("--check", type=Path, metavar="PATH", help="compare a written page")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do one of them."""
        try:
            if options["write"] is not None:
                options["write"].write_text(page(), encoding="utf-8")
            elif options["check"] is None:
                self.stdout.write(page(), ending="")
            elif options["check"].read_text(encoding="utf-8") != page():
                said = f"{options['check']} is not what the code says: write it with --write"
                raise CommandError(said, returncode=1)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error), returncode=2) from error
