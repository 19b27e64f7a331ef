"""Show what fee management saves: on modelled blocks, on gas prices of a file, or in a session."""

import csv
from argparse import ArgumentParser
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paper_trading.engine.gas_savings.paths import recorded
from paper_trading.engine.gas_savings.recorded import savings
from paper_trading.engine.gas_savings.study import Report, report, scenarios, waits, world_of
from paper_trading.engine.gas_savings.techniques import Alone, alone
from paper_trading.engine.money import to_base_units
from paper_trading.management import gas_text
from paper_trading.management.arguments import positive
from paper_trading.models import PaperTradingSession
from paper_trading.services.gas_rows import recorded_trades

_COLUMN = "gas_price"
_MINUTE = 60
_GWEI_DECIMALS, _DIGITS = 9, 9
_NOTES = (
    "S = 1 - sum paid by the managed policy / sum paid by the baseline; negative: it cost more.",
    "B0: type 2, one approval a token, each swap alone in the next block. B1: legacy at 1.2 times",
    "the price. B2: B1 with an exact approval a trade. Managed: type 2, up to three swaps within",
    "15 minutes, then up to five minutes for a low base fee; on Ethereum over a private channel,",
    "which is not applicable on Base. Claim: the 23.1 % of the specification against the interval.",
    "Net: with what the fills lost against the mid at the decision. The modelled price walks",
    "without drift, so what net has beside S is chance: no skill of waiting is in it.",
)


class Command(BaseCommand):
    """Print savings with intervals and attribution; the control run must be exactly 0."""

    help = __doc__ or ""
    # Modelled savings need no servers; a session's are read from its rows alone.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to look at."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--modelled", action="store_true", help="five levels of L1, and Base")
        what.add_argument("--session", type=positive, metavar="ID", help="a session's transactions")
        what.add_argument(
            "--gas-prices", type=Path, metavar="FILE", help=f"minutes; column {_COLUMN}, in gwei"
        )
        parser.add_argument("--trades", type=positive, default=1_000, help="modelled (1000)")
        parser.add_argument("--seed", type=positive, default=1, help="of all luck (1)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the tables."""
        if options["session"] is not None:
            self._session(options["session"], options["seed"])
        elif options["gas_prices"] is not None:
            self._file(options["gas_prices"], options["seed"])
        else:
            self._modelled(options["trades"], options["seed"])

    def _modelled(self, trades: int, seed: int) -> None:
        found: list[tuple[Report, int]] = []
        single: list[tuple[str, int, list[Alone]]] = []
        for one in scenarios():
            world, listed = world_of(one, trades, seed)
            seconds = one.rules.block_seconds
            found.append((report(one.name, one.managed, world, listed), seconds))
            if one.usual:
                single.append((one.name, seconds, alone(one, world, listed)))
        self.stdout.write(f"Modelled: {trades:,} trades a level, seed {seed}.\n\n")
        self.stdout.write(gas_text.savings_table("modelled", found))
        self.stdout.write("\nParts in percent, one switched on after the other:\n\n")
        reports = [told for told, _ in found]
        self.stdout.write(gas_text.parts_table("modelled", reports))
        self.stdout.write("\nEach technique alone, against B0 or what its line names instead:\n\n")
        self.stdout.write(gas_text.alone_table("modelled", single))
        self._notes(reports)

    def _file(self, path: Path, seed: int) -> None:
        try:
            found = waits(recorded(_gas_prices(path), _MINUTE), seed)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Waiting alone against B0 on {path.name}; decisions are modelled.\n\n")
        self.stdout.write(gas_text.waits_table(found, _MINUTE))

    def _session(self, session_id: int, seed: int) -> None:
        session = PaperTradingSession.objects.filter(pk=session_id).first()
        if session is None:
            raise CommandError(f"there is no session {session_id}", returncode=2)
        trades = recorded_trades(session)
        if not trades:
            self.stdout.write(f"Session {session_id} has paid for no transaction yet.")
            return
        self.stdout.write(gas_text.session_table(savings(trades, seed)))

    def _notes(self, reports: Sequence[Report]) -> None:
        controls = {told.control for told in reports}
        if controls != {Decimal(0)}:
            raise CommandError(f"the control run, B0 against itself, saved {controls}")
        self.stdout.write("\nControl, B0 against itself: exactly 0 in each.")
        for line in (*_NOTES, *gas_text.on_base(reports[-1])):
            self.stdout.write(line)


def _gas_prices(path: Path) -> list[int]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if _COLUMN not in (rows.fieldnames or ()):
            raise ValueError(f"{path.name} has no column {_COLUMN}")
        return [_gwei(row[_COLUMN], f"{path.name}: line {rows.line_num}") for row in rows]


def _gwei(text: str | None, place: str) -> int:
    """Return a number of gwei in wei, rounded down."""
    try:
        found = Decimal(text or "")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found.adjusted() > _DIGITS:
        raise ValueError(f"{place} has no gas price")
    return to_base_units(found, _GWEI_DECIMALS)
