"""The savings of one managed policy on modelled blocks: scenarios, trade lists, reports.

Everything here is modelled: base fees, the way of the price, which trades fail, and when they are
decided. Only what transactions take was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine import gas
from paper_trading.engine.gas_savings.arms import Outcome, World, run
from paper_trading.engine.gas_savings.paths import (
    BASE,
    DAY_SECONDS,
    ETHEREUM,
    FeeRules,
    Path,
    modelled,
)
from paper_trading.engine.gas_savings.policies import (
    B0,
    B1,
    B2,
    Batching,
    Charges,
    PlannedTrade,
    Policy,
    PrivateChannel,
    Waiting,
    steps,
)
from paper_trading.engine.gas_savings.savings import Comparison, attribution, compare, composed
from paper_trading.engine.luck import stream
from paper_trading.engine.market import GasConditions

#: What the specification claims to save, as a share.
CLAIMED = Decimal("0.231")

BASELINES: dict[str, Policy] = {"B0": B0, "B1": B1, "B2": B2}

TRADES_A_DAY = 20
TOKENS = 9
FAILED_PER_MILLE = 30
#: About 1,000 USD at 1,863.64 USD a coin.
SIZE_WEI = 536_584_319_932_176_600
#: A pool's fee of 0.05 % with the impact of a small order.
SWAP_COST_PIPS = 562

_LEVELS_WEI = (50_000_000, 160_000_000, 500_000_000, 5_000_000_000, 30_000_000_000)
_WORD = 8


@dataclass(frozen=True, slots=True)
class Scenario:
    """A chain at a level of its base fee, and the policy that is managed there."""

    name: str
    rules: FeeRules
    level_wei: int
    conditions: GasConditions
    managed: Policy

    @property
    def blocks_a_day(self) -> int:
        """Blocks of 24 hours."""
        return DAY_SECONDS // self.rules.block_seconds

    @property
    def usual(self) -> bool:
        """Whether the level is the one that the chain usually has."""
        return self.level_wei == gas.chain(self.conditions.chain_id).base_fee_wei


@dataclass(frozen=True, slots=True)
class AgainstBaseline:
    """The managed arm against one baseline, with what each switch did."""

    baseline: str
    comparison: Comparison
    parts: tuple[tuple[str, Decimal], ...]
    #: What the parts make together; it is what was saved, but for rounding.
    composed: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """A scenario's savings. `control` is what B0 saves against itself: exactly 0."""

    scenario: str
    found: tuple[AgainstBaseline, ...]
    control: Decimal


def managed_policy(block_seconds: int, private: PrivateChannel | None) -> Policy:
    """Return the managed policy: up to three swaps in 15 minutes, then up to five of waiting."""
    minutes = 60 // block_seconds
    return Policy(
        batching=Batching(most=3, window_blocks=15 * minutes),
        waiting=Waiting(
            deadline_blocks=5 * minutes, lowest_percent=25, look_back_blocks=60 * minutes
        ),
        private=private,
    )


def scenarios() -> tuple[Scenario, ...]:
    """Return Ethereum at five levels of its base fee, and Base at its floor.

    A private channel is not applicable on Base: its sequencer's mempool is private anyway.
    """
    found = [
        Scenario(
            name=f"Ethereum {Decimal(level).scaleb(-9).normalize():f} gwei",
            rules=ETHEREUM,
            level_wei=level,
            conditions=GasConditions(1, level, gas.chain(1).priority_fee_wei),
            managed=managed_policy(ETHEREUM.block_seconds, PrivateChannel()),
        )
        for level in _LEVELS_WEI
    ]
    floor, tip = BASE.minimum_wei, gas.chain(8453).priority_fee_wei
    on_base = GasConditions(8453, floor, tip, 158_000_000, gas.BLOB_BASE_FEE_WEI)
    managed = managed_policy(BASE.block_seconds, None)
    return (*found, Scenario("Base 0.005 gwei", BASE, floor, on_base, managed))


def trade_list(
    count: int, blocks_a_day: int, seed: int, a_day: int = TRADES_A_DAY
) -> list[PlannedTrade]:
    """Return trades at random blocks, so many a day, of nine tokens, 3 % of which fail once."""
    found = []
    for start in range(0, count, a_day):
        today = min(a_day, count - start)
        day = start // a_day
        luck = stream(3 * _WORD * today, seed, "trades", day)
        draws = [int.from_bytes(luck[at : at + _WORD], "big") for at in range(0, len(luck), _WORD)]
        blocks = sorted(day * blocks_a_day + draw % blocks_a_day for draw in draws[:today])
        for place, block in enumerate(blocks):
            kind, outcome = draws[today + place], draws[2 * today + place]
            found.append(
                PlannedTrade(
                    block,
                    token=kind % TOKENS,
                    fails=outcome % 1_000 < FAILED_PER_MILLE,
                    sells=bool(kind // TOKENS % 2),
                    size_wei=SIZE_WEI,
                )
            )
    return found


def world_of(scenario: Scenario, count: int, seed: int) -> tuple[World, list[PlannedTrade]]:
    """Return so many trades of a scenario, and the modelled blocks that take them."""
    trades = trade_list(count, scenario.blocks_a_day, seed)
    # A batch, a wait and a private channel may end on the day after the last trade's.
    blocks = trades[-1].block + scenario.blocks_a_day // 8
    path = modelled(scenario.rules, scenario.level_wei, blocks, seed)
    charges = Charges(scenario.conditions)
    return World(path, charges, seed, swap_cost_pips=SWAP_COST_PIPS), trades


def run_scenario(scenario: Scenario, count: int, seed: int) -> Report:
    """Run a scenario's arms over so many trades and compare the managed one with each baseline."""
    return report(scenario.name, scenario.managed, *world_of(scenario, count, seed))


def report(name: str, managed: Policy, world: World, trades: Sequence[PlannedTrade]) -> Report:
    """Compare a managed policy with each baseline in one world."""
    kept: dict[Policy, Outcome] = {}

    def arm(policy: Policy) -> Outcome:
        if policy not in kept:
            kept[policy] = run(policy, world, trades)
        return kept[policy]

    def against(baseline: str) -> AgainstBaseline:
        start = BASELINES[baseline]
        switched = steps(start, managed)
        sums = [arm(start).paid, *(arm(policy).paid for _, policy in switched)]
        parts = attribution(sums)
        names = [step for step, _ in switched]
        comparison = compare(arm(managed), arm(start), world.seed)
        return AgainstBaseline(
            baseline, comparison, tuple(zip(names, parts, strict=True)), composed(parts)
        )

    control = compare(run(B0, world, trades), arm(B0), world.seed).saved
    return Report(name, tuple(map(against, BASELINES)), control)


def waits(path: Path, seed: int, a_day: int = 250) -> list[tuple[Waiting, Comparison]]:
    """Return what waiting alone saves against B0, from 5 to 60 minutes, on one path.

    Decisions are modelled, so many a day; the last deadline of all is inside the path. The tip is
    part of recorded prices, and is zero here. ValueError for a path that is too short.
    """
    minutes = 60 // path.block_seconds
    usable = len(path.base_fees) - 60 * minutes - 2
    blocks_a_day = DAY_SECONDS // path.block_seconds
    drawn = trade_list(a_day * (usable // blocks_a_day + 1), blocks_a_day, seed, a_day)
    trades = [PlannedTrade(one.block, token=0) for one in drawn if one.block < usable]
    if not trades:
        raise ValueError(f"a path had {len(path.base_fees)} blocks; allowed are two hours or more")
    world = World(path, Charges(GasConditions(1, 0, 0)), seed)
    start = run(B0, world, trades)
    found = []
    for deadline, percent in ((5, 25), (15, 25), (30, 10), (60, 10)):
        waiting = Waiting(deadline * minutes, percent, 60 * minutes)
        found.append((waiting, compare(run(Policy(waiting=waiting), world, trades), start, seed)))
    return found
