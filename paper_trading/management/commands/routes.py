"""Quote an order on every way of a token, on the newest prices, and say which one it would take."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.engine.enums import Side
from paper_trading.engine.money import HIGHEST_DEPOSIT_USD
from paper_trading.management.arguments import positive
from paper_trading.management.routes_text import routes_json, routes_text
from paper_trading.models import FeedMode, Market
from paper_trading.services import clock
from paper_trading.services.dex_router_service import get_dex_router

#: Longer numbers say nothing more, and Decimals of any length would be read.
_LONGEST = 40


class Command(BaseCommand):
    """Exit 0 with the ways, 2 when there is nothing to quote; writes nothing."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the order, and where it would be sent."""
        parser.add_argument("symbol", metavar="SYMBOL", help="the token, such as LINK")
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--chain", type=positive, metavar="ID", help="the newest market of a chain, live first"
        )
        where.add_argument("--market", type=positive, metavar="ID", help="this market")
        parser.add_argument("--side", choices=("buy", "sell"), default="buy", help="buy")
        parser.add_argument(
            "--usd", type=_amount, default=Decimal(1000), metavar="X", help="how much (1000)"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead")

    def handle(self, *_: Any, **options: Any) -> None:
        """Quote and print."""
        market = _market(options["market"], options["chain"])
        side = Side(options["side"].upper())
        try:
            found = get_dex_router(market).routes(options["symbol"], side, options["usd"])
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(routes_json(found, market)))
        else:
            self.stdout.write(routes_text(found, market, clock.now()))


def _market(key: int | None, chain_id: int | None) -> Market:
    """Return the market that was named, else the newest, live ones first.

    :raises CommandError: naming the markets that there are.
    """
    known = list(Market.objects.order_by("-pk"))
    named = [
        one
        for one in known
        if key in (None, one.pk) and chain_id in (None, one.chain_id)
    ]  # fmt: skip
    if not named:
        what = f"market {key}" if key else f"market of chain {chain_id}" if chain_id else "market"
        there = ", ".join(f"{one.pk} ({one}, chain {one.chain_id})" for one in known) or "none"
        raise CommandError(f"there is no {what}; markets: {there}", returncode=2)
    return next((one for one in named if one.mode == FeedMode.LIVE), named[0])


def _amount(text: str) -> Decimal:
    try:
        found = Decimal(text) if len(text) <= _LONGEST else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not 0 < found <= HIGHEST_DEPOSIT_USD:
        raise ArgumentTypeError(
            f"was {text!r}; allowed are USD above 0 and at most {HIGHEST_DEPOSIT_USD:,}"
        )
    return found
