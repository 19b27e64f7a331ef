"""Compare fills of live markets with real swaps of the same pool, side and size at their time."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from paper_trading.engine.real_swaps import Likeness, Report, reports
from paper_trading.management.arguments import positive
from paper_trading.management.tables import table
from paper_trading.models import FeedMode, PaperTrade, PaperTradingAccount, PaperTradingSession
from paper_trading.services import clock, fill_grades, live_markets
from paper_trading.services.fill_grades import Graded
from paper_trading.services.patience import Patience
from paper_trading.services.sources.limits import GECKOTERMINAL
from paper_trading.services.sources.live.pool_trades import PoolTrades
from paper_trading.services.token_registry import CHAINS

_HEAD = ("grade", "chain", "against", "fills", "compared", "10 %", "median", "90 %")
_LONGEST_SECONDS = 86_400
_LARGEST_FACTOR = 10_000
_NOTES = (
    "Errors in basis points, signed: above 0 a fill was better than the median of the real swaps",
    "of its side and size near its time, so fills flatter. Gas is in neither. Of a pool not",
    "against USDC a fill has paid a first pool's fee and impact too; the real swap has not.",
)


class Command(BaseCommand):
    """Print, by grade, chain and the pool's other token, how fills compare; nothing is stored."""

    help = __doc__ or ""
    #: How it waits for the source's budget, in seconds.
    wait = staticmethod(time.sleep)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose fills, and what counts as alike."""
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--session", type=positive, metavar="ID", help="of one session")
        whose.add_argument("--account", metavar="NAME", help="of the accounts of a name")
        parser.add_argument(
            "--within", type=_seconds, default=60, metavar="SECONDS", help="how near in time (60)"
        )
        parser.add_argument(
            "--size-factor", type=_factor, default=Decimal(2), metavar="X", help="how alike (2)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Ask for the real swaps and print the table."""
        fills = self._fills(options["session"], options["account"])
        like = Likeness(timedelta(seconds=options["within"]), options["size_factor"])
        trades = PoolTrades(settings.SOURCE_URLS[GECKOTERMINAL])
        patience = Patience(live_markets.ask, self.wait)
        graded = fill_grades.grade(fills, trades, patience, like, clock.now())
        if not graded.compared:
            self.stdout.write("There is no fill of a live market yet.")
            return
        if graded.asked and len(graded.failures) == graded.asked:
            raise CommandError(f"no real swaps could be had: {_words(graded)}")
        self._print(graded)

    def _fills(self, session: int | None, account: str | None) -> "QuerySet[PaperTrade]":
        fills = fill_grades.live_fills()
        if session is not None:
            found = PaperTradingSession.objects.filter(pk=session)
            _require_live(
                f"session {session}", found.values_list("account__market__mode", flat=True)
            )
            return fills.filter(session=session)
        if account is not None:
            named = PaperTradingAccount.objects.filter(name=account)
            _require_live(f"account {account!r}", named.values_list("market__mode", flat=True))
            return fills.filter(account__name=account)
        return fills

    def _print(self, graded: Graded) -> None:
        found = reports(graded.compared)
        self.stdout.write(table(_HEAD, [_cells(one) for one in found]))
        self.stdout.write("")
        for one in found:
            for reason, count in one.without.items():
                named = f"grade {one.grade} on {_chain(one.chain_id)} against {one.against}"
                self.stdout.write(f"{named}: {count} not compared: {reason}")
        if graded.failures:
            self.stdout.write(f"No answer: {_words(graded)}")
        for line in _NOTES:
            self.stdout.write(line)


def _require_live(what: str, modes: "QuerySet[Any, str]") -> None:
    """Refuse what is not there, and what trades no live market."""
    found = set(modes)
    if not found:
        raise CommandError(f"there is no {what}", returncode=2)
    if FeedMode.LIVE not in found:
        shown = ", ".join(sorted(mode.lower() for mode in found))
        raise CommandError(
            f"{what} trades on {shown} prices; real swaps are compared with fills of live markets",
            returncode=2,
        )


def _words(graded: Graded) -> str:
    return "; ".join(f"{symbol}: {why}" for symbol, why in graded.failures)


def _cells(one: Report) -> Sequence[object]:
    errors = ("" if bp is None else f"{bp:+}" for bp in (one.low_bp, one.median_bp, one.high_bp))
    named = (one.grade, _chain(one.chain_id), one.against)
    return (*named, f"{one.fills:,}", f"{one.compared:,}", *errors)


def _chain(chain_id: int) -> str:
    return CHAINS[chain_id].name if chain_id in CHAINS else f"chain {chain_id}"


def _seconds(text: str) -> int:
    found = positive(text)
    if found > _LONGEST_SECONDS:
        raise ArgumentTypeError(f"was {text!r}; allowed is 1 to {_LONGEST_SECONDS} seconds")
    return found


def _factor(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not 1 <= found <= _LARGEST_FACTOR:
        raise ArgumentTypeError(f"was {text!r}; allowed is a number from 1 to {_LARGEST_FACTOR}")
    return found
