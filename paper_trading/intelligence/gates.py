"""The vetoes, which are the same for every level, and the four gates, which are not."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Gate
from paper_trading.engine.money import CONTEXT, HUNDRED, RATIO_LIMIT, ratio
from paper_trading.engine.strategy import Appetite, Strategy
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.series import ClosedBar

_HOUR_SECONDS = Decimal(3_600)
_YEAR_SECONDS = Decimal(31_536_000)

#: The code of each gate when it is the first one missed.
MISSED: dict[str, Code] = {
    "confidence": Code.CONFIDENCE_LOW,
    "families": Code.FAMILIES_DISAGREE,
    "cost": Code.COST_HIGH,
    "outcomes": Code.OUTCOMES_POOR,
}


def veto(evidence: Evidence, strategy: Strategy) -> Code | None:
    """Return why nothing can be said about a token, or None."""
    symbol = evidence.token.symbol
    allowed = not strategy.allowed_tokens or symbol in strategy.allowed_tokens
    if symbol in strategy.blocked_tokens or not allowed:
        return Code.TOKEN_BLOCKED
    if evidence.pricing is not Code.OK:
        return evidence.pricing
    if evidence.quote is None:
        return Code.PRICE_MISSING
    if evidence.quote.liquidity_usd is None:
        return Code.DEPTH_UNKNOWN
    if evidence.quote.liquidity_usd < strategy.min_liquidity_usd:
        return Code.LIQUIDITY_LOW
    if not _current(evidence):
        return Code.BARS_WARMING_UP
    return Code.CALIBRATING if evidence.quantiles is None else None


def _current(evidence: Evidence) -> bool:
    bar = evidence.bar
    return bar is not None and bar.ready and bar.bar.is_current(evidence.market_time)


def expected_move_percent(bar: ClosedBar | None, hold_hours: Decimal) -> Decimal | None:
    """Return one standard deviation over the longest hold, in percent; None before warm-up."""
    if bar is None or bar.sigma_annual is None:
        return None
    root = _root_of_years(hold_hours)
    return ratio(CONTEXT.multiply(CONTEXT.multiply(bar.sigma_annual, root), HUNDRED))


@lru_cache(maxsize=256)
def _root_of_years(hours: Decimal) -> Decimal:
    years = CONTEXT.divide(CONTEXT.multiply(hours, _HOUR_SECONDS), _YEAR_SECONDS)
    return CONTEXT.sqrt(years)


def lowest_level(
    rows: Iterable[Appetite],
    threshold: Decimal | None,
    *,
    confidence: Decimal,
    families: int,
    cost_percent: Decimal | None,
) -> int | None:
    """Return the lowest level whose gates of evidence are met: confidence, families, cost.

    The gates are nested, so every higher level meets them too. `threshold` replaces each
    level's confidence. None when no level meets them.
    """
    if cost_percent is None:
        return None
    for row in rows:
        asked = row.min_confidence if threshold is None else threshold
        met = confidence >= asked and families >= row.min_families
        if met and cost_percent <= row.max_cost_percent:
            return row.level
    return None


def gates(
    appetite: Appetite,
    strategy: Strategy,
    *,
    confidence: Decimal,
    families: int,
    cost_percent: Decimal | None,
    outcome_percent: Decimal,
) -> tuple[Gate, ...]:
    """Evaluate every gate, in the order in which a missed one names the decision's code."""
    override = strategy.confidence_threshold
    asked = appetite.min_confidence if override is None else override
    most = appetite.max_cost_percent
    affordable = cost_percent is not None and cost_percent <= most
    return (
        _least("confidence", asked, confidence),
        _least("families", Decimal(appetite.min_families), Decimal(families)),
        Gate("cost", most, cost_percent, affordable),
        _least("outcomes", appetite.min_outcome_percent, outcome_percent),
    )


def _least(name: str, threshold: Decimal, actual: Decimal) -> Gate:
    return Gate(name, threshold, actual, actual >= threshold)


def cost_percent(round_trip: Decimal | None, expected_move: Decimal | None) -> Decimal | None:
    """Return a round trip in percent of the expected move; None when either is unknown or 0.

    None, too, for more than a ratio holds: a cost without measure is no cost that is met.
    """
    if round_trip is None or not expected_move:
        return None
    found = CONTEXT.divide(CONTEXT.multiply(round_trip, HUNDRED), expected_move)
    return ratio(found) if found <= RATIO_LIMIT - 1 else None
