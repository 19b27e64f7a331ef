"""Show what live prices will call, against each limit, before anything runs."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from paper_trading.management.arguments import positive
from paper_trading.management.tables import table
from paper_trading.services import token_registry
from paper_trading.services.sources.configured import configured_limits, keys
from paper_trading.services.sources.limits import (
    DAY_SECONDS,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    MONTH_SECONDS,
    Limit,
)
from paper_trading.services.sources.live.chains import CHAIN_NAMES
from paper_trading.services.sources.plan import (
    PlannedSource,
    Role,
    SourcePlan,
    backfill_minutes,
    plan,
)

_HEAD = ("source", "role", "every", "calls", "a minute", "an hour", "a day", "31 days", "limit")
_SPANS = (MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS, MONTH_SECONDS)


class Command(BaseCommand):
    """Exit 0 when the plan fits into every limit, 1 when no source can serve the tick."""

    help = __doc__ or ""
    # The plan follows from the settings alone: no database is asked.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what the plan is for."""
        parser.add_argument("--tokens", type=positive, help="tokens on Base (default: the nine)")
        parser.add_argument("--interval", type=positive, default=15, help="seconds of a tick (15)")

    def handle(self, *_: Any, tokens: int | None, interval: int, **__: Any) -> None:
        """Print the plan."""
        made = plan(keys(), tokens_by_chain(tokens), interval, configured_limits())
        self.stdout.write(table((*_HEAD, "share"), [_cells(one) for one in made.all]))
        self.stdout.write("")
        for line in (*_remarks(made), *_keys_in_words()):
            self.stdout.write(line)
        for problem in made.problems:
            self.stderr.write(problem)
        if made.problems:
            raise SystemExit(1)


def tokens_by_chain(tokens: int | None) -> Mapping[int, int]:
    """Return how many tokens are priced on each chain; None: the default ones."""
    if tokens is not None:
        return {token_registry.BASE: tokens}
    return Counter(one.price_chain_id for one in token_registry.default_tokens())


def _cells(one: PlannedSource) -> tuple[str, ...]:
    limit = limit_in_words(one.limit)
    if one.role is Role.BACKFILL:
        return (one.source, one.role, "once", str(one.calls), "", "", "", "", limit, "")
    spans = (_number(one.calls_in(seconds)) for seconds in _SPANS)
    every = f"{one.period_seconds} s"
    return (one.source, one.role, every, str(one.calls), *spans, limit, _percent(one.share()))


def limit_in_words(limit: Limit) -> str:
    """Return the documented limits of a source."""
    said = (
        (limit.per_minute, "min"),
        (limit.per_hour, "h"),
        (limit.per_month, "month"),
    )
    words = [f"{calls:,}/{span}" for calls, span in said if calls is not None]
    return ", ".join(words)


def _number(value: Fraction) -> str:
    rounded = round(value, 1)
    whole = rounded.denominator == 1
    return f"{int(rounded):,}" if whole else f"{rounded.numerator / rounded.denominator:,.1f}"


def _percent(part: Fraction) -> str:
    return f"{float(part * 100):.1f} %"


def _remarks(made: SourcePlan) -> list[str]:
    lines = [
        "Calls are those of one refresh. A fall-back is asked only while those before it fail;",
        "its figures are of such a time. Share: the most of any one limit; 90 % is never passed.",
    ]
    lines += [
        f"A back-fill of seven days by {one.source} takes about {backfill_minutes(one)} min."
        for one in made.backfill
    ]
    return [*lines, *made.notes]


def _keys_in_words() -> list[str]:
    variables = {
        "DEX_COINGECKO_DEMO_KEY": settings.COINGECKO_DEMO_KEY,
        "DEX_COINGECKO_PRO_KEY": settings.COINGECKO_PRO_KEY,
        "DEX_ALCHEMY_KEY": settings.ALCHEMY_KEY,
    }
    for chain in sorted(CHAIN_NAMES):
        variables[f"DEX_RPC_URL_{chain}"] = settings.RPC_URLS.get(chain, "")
    return [f"{name}: {'set' if value else 'not set'}" for name, value in variables.items()]
