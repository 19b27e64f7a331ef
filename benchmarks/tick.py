"""What a tick costs, measured in one run on servers of its own: `python -m benchmarks.tick`."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import django

from dexproject.embedded.apps import Apps, concurrency
from dexproject.embedded.process import Process
from dexproject.embedded.servers import Servers

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TOKENS = 10
TOKEN_COUNTS = (2, 10, 40)
FIXED_WIDTH = 2
HISTORIES = (100, 10_000)


def main() -> int:
    """Start servers and a worker, measure, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.tick", description=__doc__)
    parser.add_argument("--ticks", type=int, default=60, help="ticks of each session (default 60)")
    ticks = max(25, parser.parse_args().ticks)
    with Servers.temporary() as servers, tempfile.TemporaryDirectory() as folder:
        os.environ.update(servers.environment())
        django.setup()
        owner = _prepare()
        print(
            f"{os.cpu_count()} cores, Python {platform.python_version()},"
            f" {concurrency()} worker processes, {ticks} ticks of each session"
        )
        with _worker(servers):
            _drivers(owner, Path(folder), ticks)
        _statements(owner, Path(folder))
        _histories(owner, Path(folder), ticks)
    return 0


def _prepare() -> "User":
    from django.core.management import call_command
    from django.db import connection

    from paper_trading.bot.seeding import admin_user

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        # Bringing in 40 tokens' back-fill takes longer than a statement of a tick may.
        cursor.execute("SET statement_timeout = 0")
    return admin_user("")


@contextmanager
def _worker(servers: Servers) -> Iterator[None]:
    """Run the worker that `up` runs, which knows the no-op tasks besides, until it answers."""
    from benchmarks import measures, noop

    spec = Apps(servers.home, servers.environment(), 0, 0, "").worker()
    argv = (*spec.argv, "--include", "benchmarks.noop")
    process = Process(replace(spec, argv=argv, shown=False))
    process.start()
    try:
        with measures.listening(noop.NOBODY) as wait:
            noop.send(0, 0, 1)
            wait(0)
        yield
    finally:
        process.stop()


def _drivers(owner: "User", folder: Path, ticks: int) -> None:
    from benchmarks import markets, measures

    by_celery = markets.session_on(owner, folder, "celery", TOKENS, ticks)
    by_hand = markets.session_on(owner, folder, "inline", TOKENS, ticks)
    found = measures.drivers(owner, by_celery, by_hand, ticks)
    print(f"\nWhole tick of {TOKENS} tokens, ms           median      p95")
    for name, times in found.items():
        print(f"  {name:<36}{median(times):9.1f}{measures.p95(times):9.1f}")
    share = measures.ratio(found["celery"], found["no-op"], found["inline"])
    print(f"  {'celery / (no-op + inline)':<36}{share:9.2f}")


def _statements(owner: "User", folder: Path) -> None:
    from benchmarks import markets, measures

    ticks = 19
    print(f"\nSQL statements a tick, {FIXED_WIDTH} chunks       median      least     most")
    for tokens in TOKEN_COUNTS:
        session = markets.session_on(owner, folder, f"{tokens} tokens", tokens, ticks)
        counts = measures.statements(owner, session, ticks, FIXED_WIDTH)
        name = f"{tokens} tokens"
        print(f"  {name:<36}{median(counts):9.0f}{min(counts):9}{max(counts):9}")


def _histories(owner: "User", folder: Path, ticks: int) -> None:
    from benchmarks import history, markets, measures
    from paper_trading.models import PaperTradingAccount

    sessions: list[int] = []
    for closed in HISTORIES:
        name = f"{closed:,} closed trades"
        sessions.append(markets.session_on(owner, folder, name, TOKENS, ticks))
        history.add_closed_trades(PaperTradingAccount.objects.get(name=name), closed)
    found = measures.turns(owner, sessions, ticks)
    print("\nInline tick by history, ms             tick  metrics stage")
    metrics = [measures.metrics_times(session) for session in sessions]
    for closed, whole, stage in zip(HISTORIES, found, metrics, strict=True):
        name = f"{closed:,} closed trades"
        print(f"  {name:<36}{median(whole):9.1f}{median(stage):9.1f}")
    few, many = found
    print(
        f"  {'ratio':<36}{measures.ratio(many, few):9.2f}"
        f"{measures.ratio(metrics[1], metrics[0]):9.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
