"""The table of fee policies on fewer days: the same figures as another program's, within errors."""

from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest

from benchmarks.gas_table import ROWS, Row, outcome, world_of
from paper_trading.engine.gas_savings.arms import World
from paper_trading.engine.gas_savings.paths import BASE, ETHEREUM

SEED = 7


@cache
def world(on_base: bool, days: int) -> World:
    return world_of(BASE if on_base else ETHEREUM, days, SEED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}, {row.trades_a_day} a day")
def test_a_policy_saves_what_another_program_found(row: Row) -> None:
    days = 2 if row.on_base else 15
    found, _ = outcome(row, days, SEED, world(row.on_base, days))
    assert found.interval is not None
    ours = (found.interval[1] - found.interval[0]) * 100
    theirs = Decimal(row.high) - Decimal(row.low)
    # Three standard errors of the difference; an interval of 95 % is 3.92 of one wide.
    most = 3 * (ours**2 + theirs**2).sqrt() / Decimal("3.92")
    assert abs(found.saved * 100 - Decimal(row.found)) <= most


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("type 2, no waiting", "0"),
        ("wait <= 10 blocks, q25", "6.5"),
        ("wait <= 25 blocks, q25", "14.7"),
        ("wait <= 150 blocks, q10", "77.7"),
        ("B1, wait <= 25", "14.7"),
    ],
)
def test_a_policy_waits_as_long_as_another_program_did(name: str, blocks: str) -> None:
    row = next(row for row in ROWS if row.name == name)
    found, _ = outcome(row, 15, SEED, world(False, 15))
    assert abs(found.mean_delay - Decimal(blocks)) <= Decimal(blocks) / 10


def test_a_wrong_policy_is_told_from_the_right_one() -> None:
    row = next(row for row in ROWS if row.name == "B1, no waiting")
    unpadded = replace(row, baseline=replace(row.baseline, legacy_percent=110))
    found, _ = outcome(unpadded, 15, SEED, world(False, 15))
    assert found.saved * 100 < Decimal(row.low) - 5
