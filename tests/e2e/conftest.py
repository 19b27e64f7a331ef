"""What the runs of the whole stack share."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from paper_trading.services.sources.base import BACKFILL_STEPS
from tests.bot.worlds import write_record


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a price file of seven tokens, one of which has a gap."""
    return write_record(tmp_path_factory.mktemp("record") / "record.csv", tail=400)


@pytest.fixture(scope="session")
def symbols_by_step(record: Path) -> Sequence[set[str]]:
    """Return which symbols have a price on each step that is traded."""
    found: dict[str, set[str]] = {}
    with record.open() as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["timestamp"], set()).add(row["symbol"])
    return list(found.values())[BACKFILL_STEPS:]
