"""Small worlds for arms: a few blocks, no fees beside the base fee and the tip."""

from collections.abc import Sequence

from paper_trading.engine.gas_savings.arms import World
from paper_trading.engine.gas_savings.paths import Path
from paper_trading.engine.gas_savings.policies import Charges, PlannedTrade
from paper_trading.engine.market import GasConditions

GWEI = 10**9
#: Decided at .20, .18 and .16 gwei, each in the next block at .21, .17 and .15.
VECTOR = tuple(n * GWEI // 100 for n in (20, 21, 18, 17, 16, 15))


def world(
    fees: Sequence[int],
    prices: Sequence[int] | None = None,
    *,
    tip_wei: int = GWEI // 100,
    cost_pips: int = 0,
    seed: int = 7,
) -> World:
    path = Path(12, fees, prices or [10**12] * len(fees))
    conditions = GasConditions(1, 0, tip_wei)
    return World(path, Charges(conditions), seed, swap_cost_pips=cost_pips)


def every(step: int, count: int, **fields: int | bool) -> list[PlannedTrade]:
    """Return trades of one token at every so many blocks from block 0."""
    return [PlannedTrade(step * n, token=1, **fields) for n in range(count)]  # type: ignore[arg-type]
