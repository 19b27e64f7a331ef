"""Policies against legacy transactions on modelled blocks: `python -m benchmarks.gas_table`.

Reproduces a table that was made with another program: 60 days of 20 or 100 trades at a level of
0.16 gwei. Its own figures stand beside. Its baseline B0 was a legacy price without padding, raised
to the next base fee when it does not cover that; so are the first rows' here. Its batches went out
with their last trade, as if it were known that no other comes: ours wait their window out, and
their delay is longer.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from paper_trading.engine.gas_savings.arms import World, run
from paper_trading.engine.gas_savings.paths import BASE, ETHEREUM, FeeRules, modelled
from paper_trading.engine.gas_savings.policies import (
    B0,
    B1,
    B2,
    Batching,
    Charges,
    PlannedTrade,
    Policy,
    Waiting,
)
from paper_trading.engine.gas_savings.savings import Comparison, compare, saved
from paper_trading.engine.gas_savings.study import trade_list
from paper_trading.engine.market import GasConditions
from paper_trading.management.tables import table

DAYS = 60
LEGACY = Policy(legacy_percent=100, legacy_raised=True)
_LOOK_BACK = 300
_QUARTER_HOUR, _HOUR = 75, 300


@dataclass(frozen=True, slots=True)
class Row:
    """A policy against a baseline, and what the other program found, in percent."""

    name: str
    baseline: Policy
    managed: Policy
    found: str
    low: str
    high: str
    trades_a_day: int = 20
    on_base: bool = False
    #: Every day begins without an approval.
    approvals: bool = False


def _wait(blocks: int, percent: int = 25, batching: Batching | None = None) -> Policy:
    return Policy(waiting=Waiting(blocks, percent, _LOOK_BACK), batching=batching)


def _batch(window: int) -> Policy:
    return Policy(batching=Batching(3, window))


ROWS = (
    Row("type 2, no waiting", LEGACY, B0, "0.8", "0.5", "1.0"),
    Row("wait <= 10 blocks, q25", LEGACY, _wait(10), "2.3", "1.1", "3.5"),
    Row("wait <= 25 blocks, q25", LEGACY, _wait(25), "4.9", "3.1", "6.6"),
    Row("wait <= 150 blocks, q10", LEGACY, _wait(150, 10), "20.2", "18.0", "22.3"),
    Row("batch <= 3 in 15 min", LEGACY, _batch(_QUARTER_HOUR), "6.6", "5.7", "7.7"),
    Row("batch <= 3 in 15 min", LEGACY, _batch(_QUARTER_HOUR), "17.4", "16.8", "18.0", 100),
    Row("batch <= 3 in 1 h", LEGACY, _batch(_HOUR), "23.0", "22.4", "23.7", 100),
    Row("B1, no waiting", B1, B0, "16.7", "16.5", "17.0"),
    Row("B1, wait <= 25", B1, _wait(25), "20.2", "18.7", "21.6"),
    Row(
        "B1, wait <= 25, batch 15 min",
        B1,
        _wait(25, batching=Batching(3, _QUARTER_HOUR)),
        "25.3",
        "23.7",
        "26.9",
    ),
    Row("B2, one approval a day", B2, B0, "39.5", "39.2", "39.7", approvals=True),
    Row("Base, wait <= 25 blocks, q25", LEGACY, _wait(25), "0.7", "0", "1.5", on_base=True),
)

HEAD = (
    "kind", "policy", "trades/day", "S %", "from", "to", "daily p5", "p95", "delay", "other S %",
    "from", "to",
)  # fmt: skip


def outcome(row: Row, days: int, seed: int, world: World) -> tuple[Comparison, list[str]]:
    """Return the comparison of a row, and the fifth and 95th percentile of its days."""
    a_day = 86_400 // world.path.block_seconds
    trades = trade_list(days * row.trades_a_day, a_day, seed, row.trades_a_day)
    trades = [_own(trade, trade.block // a_day if row.approvals else 0) for trade in trades]
    managed, baseline = (run(policy, world, trades) for policy in (row.managed, row.baseline))
    per_day = sorted(
        saved(managed.paid[at : at + row.trades_a_day], baseline.paid[at : at + row.trades_a_day])
        for at in range(0, len(trades), row.trades_a_day)
    )
    ends = [per_day[(len(per_day) - 1) * part // 100] for part in (5, 95)]
    return compare(managed, baseline, seed), [f"{one * 100:.1f}" for one in ends]


def world_of(rules: FeeRules, days: int, seed: int) -> World:
    """Return modelled blocks of so many days and three hours, without L1 fees."""
    level, tip = (5_000_000, 1_000_000) if rules is BASE else (160_000_000, 10_000_000)
    blocks = (days * 86_400 + 10_800) // rules.block_seconds
    return World(modelled(rules, level, blocks, seed), Charges(GasConditions(1, level, tip)), seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.gas_table", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args(arguments)
    days, seed = chosen.days, chosen.seed
    worlds = {rules: world_of(rules, days, seed) for rules in (ETHEREUM, BASE)}
    lines = []
    for row in ROWS:
        found, ends = outcome(row, days, seed, worlds[BASE if row.on_base else ETHEREUM])
        low, high = found.interval or (found.saved, found.saved)
        figures = [f"{one * 100:.1f}" for one in (found.saved, low, high)]
        delay = f"{found.mean_delay:.1f}"
        lines.append(
            [
                "modelled",
                row.name,
                row.trades_a_day,
                *figures,
                *ends,
                delay,
                row.found,
                row.low,
                row.high,
            ]
        )
    print(table(HEAD, lines))


def _own(trade: PlannedTrade, token: int) -> PlannedTrade:
    return PlannedTrade(trade.block, token)


if __name__ == "__main__":
    main()
