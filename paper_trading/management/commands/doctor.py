"""List what is wrong: servers, schedule, sessions, ticks, money, files."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from paper_trading.bot import checkup, ledger_check
from paper_trading.bot.findings import Finding, Severity, Trouble
from paper_trading.engine.words import number_of
from paper_trading.services import redis_client, signal_folder
from tasks import checkup as delivery

HEALTHY, BROKEN, BLIND = 0, 1, 2


class Command(BaseCommand):
    """Exit with 0 when nothing is broken, 1 when something is, 2 when nothing can be seen."""

    help = __doc__ or ""
    # What the checks would say is what the doctor finds out by himself.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the answer."""
        parser.add_argument("--json", action="store_true", help="one JSON object, for a program")

    def handle(self, *_: Any, json: bool, **__: Any) -> None:
        """Print the findings, the worst first, and exit with their status."""
        found = sorted(look(), key=lambda one: list(Severity).index(one.severity))
        code = exit_status(found)
        self.stdout.write(as_json(found, code) if json else as_text(found))
        if code:
            raise SystemExit(code)


def look() -> list[Finding]:
    """Return everything that is found; without a database that is all there is to say."""
    blind = _database()
    if blind is not None:
        return [blind]
    found = _redis()
    # Kept for the checks below: a file that hangs takes seconds, which no transaction may idle.
    signal_folder.examine()
    try:
        with ledger_check.snapshot():
            found += delivery.beat_entries()
            return found + checkup.findings()
    except (InterfaceError, OperationalError) as error:
        return [_away(error)]


def exit_status(found: Sequence[Finding]) -> int:
    """Return 0 when nothing is broken, 1 when something is, 2 when nothing can be seen."""
    worst = {one.severity for one in found}
    if Severity.BLIND in worst:
        return BLIND
    return BROKEN if Severity.BROKEN in worst else HEALTHY


def as_json(found: Sequence[Finding], code: int) -> str:
    """Return the findings as one JSON object."""
    status = ("healthy", "broken", "blind")[code]
    return json.dumps({"status": status, "findings": [one.as_json() for one in found]})


def as_text(found: Sequence[Finding]) -> str:
    """Return the findings for a person."""
    if not found:
        return "Nothing is wrong."
    lines = []
    for one in found:
        since = "" if one.since is None else f" Since {one.since:%Y-%m-%d %H:%M:%S} UTC."
        lines.append(f"{one.severity.value:<7}{one.trouble.value}: {one.what}{since}")
        lines.append(f"       {one.trouble.advice}")
    return "\n".join(lines)


def _database() -> Finding | None:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except ImproperlyConfigured:
        return Finding(Trouble.DATABASE_AWAY, Severity.BLIND, "DATABASE_URL is not set.")
    except DatabaseError as error:
        return _away(error)
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        what = f"{number_of(len(missing), 'migration')} {verb} not applied, first {missing[0][0]}."
        return Finding(Trouble.DATABASE_UNMIGRATED, Severity.BLIND, what)
    return None


def _away(error: Exception) -> Finding:
    what = f"The database does not answer: {' '.join(str(error).split())}"
    return Finding(Trouble.DATABASE_AWAY, Severity.BLIND, what)


def _redis() -> list[Finding]:
    """Return what is wrong with Redis, or with what waits in it."""
    if not settings.REDIS_URL:
        return [Finding(Trouble.REDIS_AWAY, Severity.BROKEN, "REDIS_URL is not set.")]
    try:
        redis_client.client(settings.BROKER_DB).ping()
        return list(delivery.backlogs())
    except redis.RedisError as error:
        what = f"Redis does not answer: {error}"
        return [Finding(Trouble.REDIS_AWAY, Severity.BROKEN, what)]
