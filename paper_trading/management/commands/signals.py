"""List the signals: the built-ins and the user's, each with its family, weight and state."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.db.models import Q

from paper_trading.intelligence.signals import SIGNALS
from paper_trading.management.tables import table
from paper_trading.models import MarketSignal
from paper_trading.services import signal_folder

_HEAD = ("signal", "origin", "family", "weight", "bars", "state")


@dataclass(frozen=True, slots=True)
class Line:
    """A signal as a person sees it; what does not apply is empty."""

    name: str
    #: built-in, the folder, or the market that was made with it.
    origin: str
    family: str
    weight: str
    bars: str
    on: bool
    reason: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the line of a table."""
        state = "on" if self.on else "off"
        return (self.name, self.origin, self.family, self.weight, self.bars, state)


class Command(BaseCommand):
    """Exit 0 when every signal is on, 1 when one is switched off."""

    help = __doc__ or ""
    # The built-ins and the folder need no database, and a check of migrations would ask for one.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the answer."""
        parser.add_argument("--json", action="store_true", help="one JSON object instead")

    def handle(self, *_: Any, json: bool, **__: Any) -> None:
        """Examine the folder and print."""
        lines = [*built_in(), *of_the_folder(), *self._of_markets()]
        if json:
            self.stdout.write(_as_json(lines))
        else:
            self.stdout.write(table(_HEAD, [line.cells() for line in lines]))
            for line in lines:
                if not line.on:
                    self.stdout.write(f"{line.name} ({line.origin}) is off: {line.reason}")
            if signal_folder.folder() is None:
                self.stdout.write("There is no signal folder: DEX_SIGNALS_DIR is not set.")
        if not all(line.on for line in lines):
            raise SystemExit(1)

    def _of_markets(self) -> list[Line]:
        try:
            return list(of_markets())
        except (ImproperlyConfigured, DatabaseError) as error:
            said = " ".join(str(error).split())
            self.stderr.write(f"The markets' signals cannot be read: {said}")
            return []


def built_in() -> Iterator[Line]:
    """Yield the built-in signals."""
    for one in SIGNALS:
        yield Line(one.name, "built-in", one.family.value, str(one.weight), "", on=True)


def of_the_folder() -> Iterator[Line]:
    """Yield the files of the folder, the broken ones with the reason."""
    for one in signal_folder.examine():
        if one.signal is None:
            yield Line(one.name, "folder", "", "", "", on=False, reason=one.reason)
        else:
            yield Line(
                one.name,
                "folder",
                one.signal.family.value,
                str(one.signal.weight),
                str(one.signal.bars),
                on=True,
            )


def of_markets() -> Iterator[Line]:
    """Yield the signals of markets that accounts in use trade on."""
    used = Q(market__accounts__isnull=False, market__accounts__archived_at=None)
    rows = MarketSignal.objects.filter(used).select_related("market").distinct()
    for row in rows.order_by("pk"):
        reason = "" if row.off_step is None else f"from step {row.off_step} on: {row.off_reason}"
        yield Line(
            row.name,
            row.market.name,
            row.family,
            str(row.weight.normalize()),
            str(row.bars),
            on=row.off_step is None,
            reason=reason,
        )


def _as_json(lines: list[Line]) -> str:
    return json.dumps({"signals": [asdict(line) for line in lines]})
