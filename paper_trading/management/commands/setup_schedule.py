"""Write the beat entries."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from paper_trading.management.arguments import interval_ms
from tasks.schedule import synchronise


class Command(BaseCommand):
    """Write the periodic tasks that dispatch and sweep ticks."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the shortest interval that will be used."""
        parser.add_argument("--interval", type=interval_ms, help="seconds, 0.2 to 3600")

    def handle(self, *_: Any, interval: int | None, **__: Any) -> None:
        """Write them and say so."""
        for entry in synchronise(interval):
            self.stdout.write(f"{entry.name}: {entry.task} every {entry.every_ms} ms")
