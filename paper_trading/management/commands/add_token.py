"""Add a token to a live market by its contract address or a DexScreener link."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.models import FeedMode, Market
from paper_trading.services import asking, clock, token_adding
from paper_trading.services.examination_text import lines
from paper_trading.services.sources.live.base import SourceFailure


class Command(BaseCommand):
    """Examine, say what was found, and add unless something speaks against it."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the token, and where and how it is added."""
        parser.add_argument("token", metavar="ADDRESS_OR_LINK")
        parser.add_argument(
            "--chain", type=int, help="id of the chain of the address, such as 8453"
        )
        parser.add_argument("--market", default="", help="name of the live market")
        parser.add_argument(
            "--accept", default="", metavar="VETO,...", help="vetoes that shall not count"
        )
        parser.add_argument("--dry-run", action="store_true", help="examine, and add nothing")

    def handle(self, *_: Any, **options: Any) -> None:
        """Examine and add."""
        try:
            accepted = token_adding.read_vetoes(options["accept"])
            market = _market(options["market"])
            examination = token_adding.examine(
                options["token"],
                options["chain"],
                market.chain_id,
                asking.installed(),
                clock.now(),
            )
            for line in lines(examination):
                self.stdout.write(line)
            if options["dry_run"]:
                self.stdout.write("Nothing was added.")
                return
            listing = token_adding.add(market, examination, accepted)
        except (ValueError, SourceFailure) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(token_adding.what_follows(listing))


def _market(name: str) -> Market:
    """Return the market of a name; without one, the only live market that there is.

    :raises CommandError: naming the live markets.
    """
    live = Market.objects.filter(mode=FeedMode.LIVE).order_by("pk")
    found = Market.objects.filter(name=name) if name else live
    if len(found) == 1:
        return found[0]
    known = ", ".join(repr(market.name) for market in live) or "none"
    if name:
        raise CommandError(f"there is no market {name!r}; live markets: {known}")
    raise CommandError(f"name a market with --market; live markets: {known}")
