"""Show how each live price source did: calls, calls saved, errors, latency, age, agreement."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from paper_trading.engine.words import number_of
from paper_trading.management.arguments import positive
from paper_trading.management.tables import table
from paper_trading.services import clock
from paper_trading.services.sources import usage
from paper_trading.services.sources.usage import Statistics

_HEAD = (
    "source",
    "calls",
    "saved",
    "failed",
    "answered",
    "mean",
    "worst",
    "oldest",
    "agreement",
)

_LONGEST_HOURS = usage.HOURS_KEPT // timedelta(hours=1)


class Command(BaseCommand):
    """Print the statistics of the last hours, kept by minute for two days and then by hour."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the period."""
        parser.add_argument("--hours", type=positive, default=24, help="how far back (24)")
        parser.add_argument(
            "--tidy", action="store_true", help="first turn old minutes into hours, drop old hours"
        )

    def handle(self, *_: Any, hours: int, tidy: bool, **__: Any) -> None:
        """Print a table and what failed."""
        now = clock.now()
        if tidy:
            rolled, gone = usage.tidy(now)
            minutes, hours_gone = number_of(rolled, "minute"), number_of(gone, "old hour")
            self.stdout.write(f"{minutes} became part of hours, {hours_gone} went.")
        # Longer ago than rows are kept there is nothing, and dates do not go back for ever.
        period = timedelta(hours=min(hours, _LONGEST_HOURS))
        found = usage.statistics(now - period, now + timedelta(minutes=1))
        if not found:
            self.stdout.write(f"No source was asked in the last {hours} h.")
            return
        self.stdout.write(table(_HEAD, [_cells(one) for one in found]))
        self.stdout.write("")
        self.stdout.write("Saved: against one call per token. Answered: of the tokens asked for.")
        for one in found:
            for reason, count in sorted(one.errors.items()):
                self.stdout.write(f"{one.source} failed {number_of(count, 'time')}: {reason}")


def _cells(one: Statistics) -> tuple[str, ...]:
    answered = f"{one.tokens_answered:,} of {one.tokens_asked:,}"
    agreement = "" if one.agreement_percent is None else f"{one.agreement_percent} %"
    mean = "" if one.mean_latency_ms is None else f"{one.mean_latency_ms} ms"
    return (
        one.source,
        f"{one.calls:,}",
        f"{one.calls_saved:,}",
        f"{sum(one.errors.values()):,}",
        answered,
        mean,
        f"{one.worst_latency_ms} ms",
        f"{one.oldest_age_seconds} s",
        agreement,
    )
