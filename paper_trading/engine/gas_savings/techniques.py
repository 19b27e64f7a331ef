"""What each technique saves alone, against the same policy without it.

Nothing else differs between the two arms, so a figure is that of the technique and of no
baseline's other habits. In `study.py` the switches go on after each other instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from paper_trading.engine.gas_savings.arms import Outcome, World, run
from paper_trading.engine.gas_savings.policies import (
    B0,
    Batching,
    PlannedTrade,
    Policy,
    PrivateChannel,
    Waiting,
)
from paper_trading.engine.gas_savings.savings import Comparison, compare
from paper_trading.engine.gas_savings.study import Scenario

#: What web3.py falls back to when a node names no tip: at least this, in wei per gas.
FALLBACK_TIP_WEI = 10**9

_PADDED_PERCENT = (110, 120, 125, 130)
#: Minutes of waiting, until a base fee as low as that percentage of the last hour's.
_WAITS = ((2, 25), (5, 25), (30, 10))
_BATCHES = ((2, 15), (3, 15), (3, 60))
_TIGHT_LIMIT_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Technique:
    """One way to save, and the two policies that differ by it alone."""

    name: str
    managed: Policy = B0
    baseline: Policy = B0
    #: What the baseline tips, in wei per gas; None: as much as the managed policy.
    baseline_tip_wei: int | None = None


@dataclass(frozen=True, slots=True)
class Alone:
    """What one technique saved."""

    technique: str
    comparison: Comparison


def techniques(block_seconds: int, private: PrivateChannel | None) -> tuple[Technique, ...]:
    """Return the techniques for a chain; no private channel where there is none to choose."""
    return (*_of_price(), *_of_gas(60 // block_seconds), *_of_timing(60 // block_seconds, private))


def alone(scenario: Scenario, world: World, trades: Sequence[PlannedTrade]) -> list[Alone]:
    """Return what each technique saves in one world of a scenario, over one list of trades."""
    strict = run(B0, world, trades)

    def arm(policy: Policy, tip_wei: int | None) -> Outcome:
        if policy == B0 and tip_wei is None:
            return strict
        return run(policy, world if tip_wei is None else _tipping(world, tip_wei), trades)

    return [
        Alone(
            one.name,
            compare(arm(one.managed, None), arm(one.baseline, one.baseline_tip_wei), world.seed),
        )
        for one in techniques(scenario.rules.block_seconds, scenario.managed.private)
    ]


def _of_price() -> Iterator[Technique]:
    for percent in _PADDED_PERCENT:
        name = f"type 2, not legacy at {percent} %"
        yield Technique(name, baseline=Policy(legacy_percent=percent))
    yield Technique("the usual tip, not 1 gwei", baseline_tip_wei=FALLBACK_TIP_WEI)


def _of_gas(minute: int) -> Iterator[Technique]:
    """Yield what takes less gas, and a lower limit, which does not."""
    yield Technique("one approval a token, not each", baseline=Policy(approve_each=True))
    for most, minutes in _BATCHES:
        name = f"up to {most} swaps in {minutes} min"
        yield Technique(name, Policy(batching=Batching(most, minutes * minute)))
    yield Technique("tight gas limit", Policy(gas_limit_percent=_TIGHT_LIMIT_PERCENT))


def _of_timing(minute: int, private: PrivateChannel | None) -> Iterator[Technique]:
    for minutes, percent in _WAITS:
        name = f"wait {minutes} min for low {percent} %"
        yield Technique(name, Policy(waiting=Waiting(minutes * minute, percent, 60 * minute)))
    if private is not None:
        yield Technique("private channel", Policy(private=private))


def _tipping(world: World, tip_wei: int) -> World:
    conditions = replace(world.charges.conditions, priority_fee_wei=tip_wei)
    return replace(world, charges=replace(world.charges, conditions=conditions))
