"""Say why a session traded as it did: from looks at tokens to fills, with what stopped the rest."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.bot.funnel import Level, exits, funnel
from paper_trading.management.arguments import positive
from paper_trading.models import PaperTradingSession
from paper_trading.services import learning


class Command(BaseCommand):
    """Print the funnel of entries, then that of exits, then how a learning level fares."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the session."""
        parser.add_argument("session", type=positive, metavar="SESSION", help="its id")
        parser.add_argument("--json", action="store_true", help="one JSON object instead")

    def handle(self, *_: Any, session: int, **options: Any) -> None:
        """Count and print."""
        found = PaperTradingSession.objects.select_related("account").filter(pk=session).first()
        if found is None:
            raise CommandError(f"there is no session {session}", returncode=2)
        parts = {"entries": funnel(found), "exits": exits(found)}
        learned = learning.learning(found)
        if options["json"]:
            content = {name: [asdict(level) for level in part] for name, part in parts.items()}
            self.stdout.write(json.dumps({"session": session, **content, **_learning(learned)}))
            return
        self.stdout.write(f"Session {session} of {found.account}, level {found.intel_level}")
        for name, part in parts.items():
            self.stdout.write(f"{name.capitalize()}")
            for line in _lines(part):
                self.stdout.write(line)
        if learned is not None:
            self.stdout.write(f"Learning: {learning.in_words(learned)}")


def _learning(found: learning.Learning | None) -> dict[str, Any]:
    return {} if found is None else {"learning": learning.as_json(found)}


def _lines(levels: Iterable[Level]) -> Iterable[str]:
    for level in levels:
        yield f"  {level.name:<10}{level.count:>9,}"
        for lost in level.lost:
            yield f"      - {lost.count:>9,}  {lost.code.value:<22}{lost.code.text}"
