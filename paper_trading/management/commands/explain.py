"""Explain a decision: its inputs, signals, gates, size, order, and what every level would do."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.bot.explanation import Explainer, find_thought, find_tick, thoughts_of
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.engine.words import number_of
from paper_trading.management.arguments import positive
from paper_trading.management.explanation_text import as_json, lines
from paper_trading.models import PaperAIThoughtLog, PaperTradingSession


class Command(BaseCommand):
    """Exit 0 when all is as it was decided, 1 at a difference, 2 when it cannot be looked at."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a tick and a token, a tick and all of its tokens, or a session."""
        parser.allow_abbrev = False
        parser.add_argument("tick", nargs="?", metavar="TICK", help="its id, or SESSION:NUMBER")
        parser.add_argument("token", nargs="?", metavar="TOKEN", help="symbol or address")
        parser.add_argument("--all", action="store_true", help="every token of the tick")
        parser.add_argument("--session", type=positive, metavar="ID", help="every tick of one")
        parser.add_argument("--verify", action="store_true", help="decide again and compare")
        parser.add_argument("--json", action="store_true", help="a JSON object a decision")

    def handle(self, *_: Any, **options: Any) -> None:
        """Explain, and compare when asked to."""
        many = options["session"] is not None or options["all"]
        try:
            count = self._run(_asked(options), options, quiet=many and options["verify"])
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        except NoJournal as error:
            raise CommandError(str(error), returncode=2) from error
        except Mismatch as error:
            raise CommandError(f"not identical. {error}", returncode=1) from error
        if options["verify"] and not options["json"]:
            self.stdout.write(f"identical: {number_of(count, 'decision')}")

    def _run(
        self, asked: Iterable[PaperAIThoughtLog], options: dict[str, Any], *, quiet: bool
    ) -> int:
        explainer, count = Explainer(), 0
        for thought in asked:
            if options["verify"]:
                explainer.verify(thought)
            if not quiet:
                self._print(explainer, thought, options)
            count += 1
        if not count:
            raise ValueError("there is no decision to explain: the tick or session made none")
        if quiet and options["json"]:
            self.stdout.write(json.dumps({"identical": count}))
        return count

    def _print(
        self, explainer: Explainer, thought: PaperAIThoughtLog, options: dict[str, Any]
    ) -> None:
        found = explainer.explain(thought)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(found)))
            return
        # A terminal that Django colours itself for.
        colour = not options["no_color"] and (options["force_color"] or self.stdout.isatty())
        for line in lines(found, colour=colour):
            self.stdout.write(line)


def _asked(options: dict[str, Any]) -> Iterator[PaperAIThoughtLog]:
    """Yield what the arguments ask for.

    :raises ValueError: when they ask for nothing, for two things, or for what is not there.
    """
    tick, token, session = options["tick"], options["token"], options["session"]
    if session is not None:
        if tick is not None or options["all"]:
            raise ValueError("--session stands alone: it explains every decision of its ticks")
        found = PaperTradingSession.objects.filter(pk=session).first()
        if found is None:
            raise ValueError(f"there is no session {session}")
        yield from Explainer().thoughts(found)
        return
    if tick is None or (token is None) != options["all"]:
        raise ValueError("allowed are TICK TOKEN, TICK --all, or --session ID")
    row = find_tick(tick)
    if token is not None:
        yield find_thought(row, token)
        return
    yield from thoughts_of(row.pk)
