"""The ten intel levels: how much each one wants. A level changes appetite, never truth."""

from decimal import Decimal

from paper_trading.engine.strategy import Appetite

#: Raised with every change of a number below, or of what a number is compared with.
LEVELS_VERSION = 3

LOWEST, HIGHEST = 1, 10

# Columns: level, confidence, families, cost, outcome, position, exposure, pool side,
# slippage share, cool-down, adds, MEV protection.
_TABLE: tuple[tuple[int, str, int, str, str, str, str, str, str, int, int, bool], ...] = (
    (1, "95", 5, "10", "40", "2", "10", "0.05", "30", 240, 0, True),
    (2, "90", 5, "12", "36", "3", "15", "0.075", "35", 180, 0, True),
    (3, "85", 4, "15", "32", "5", "25", "0.10", "40", 120, 0, True),
    (4, "75", 4, "18", "28", "7", "35", "0.125", "50", 90, 0, True),
    (5, "70", 3, "22", "24", "10", "50", "0.15", "60", 60, 1, True),
    (6, "65", 3, "26", "20", "12", "60", "0.175", "70", 45, 1, True),
    (7, "60", 3, "30", "16", "15", "75", "0.20", "80", 30, 1, True),
    (8, "55", 2, "35", "12", "18", "80", "0.30", "90", 20, 2, False),
    (9, "50", 2, "40", "8", "20", "90", "0.40", "100", 10, 2, False),
    (10, "45", 2, "50", "4", "25", "100", "0.50", "100", 5, 2, False),
)

LEVELS: tuple[Appetite, ...] = tuple(
    Appetite(
        level=level,
        min_confidence=Decimal(confidence),
        min_families=families,
        max_cost_percent=Decimal(cost),
        min_outcome_percent=Decimal(outcome),
        max_position_percent=Decimal(position),
        max_exposure_percent=Decimal(exposure),
        max_pool_percent=Decimal(pool),
        slippage_share_percent=Decimal(slippage),
        cool_down_minutes=cool_down,
        max_adds=adds,
        mev_protection=protected,
    )
    for (
        level,
        confidence,
        families,
        cost,
        outcome,
        position,
        exposure,
        pool,
        slippage,
        cool_down,
        adds,
        protected,
    ) in _TABLE
)


def appetite(level: int) -> Appetite:
    """Return the row of an intel level.

    :raises ValueError: when the level is not a whole number from 1 to 10.
    """
    if isinstance(level, bool) or not isinstance(level, int) or not LOWEST <= level <= HIGHEST:
        raise ValueError(f"intel level was {level!r}; allowed are the whole numbers 1 to 10")
    return LEVELS[level - LOWEST]
