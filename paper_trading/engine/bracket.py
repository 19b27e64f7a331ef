"""The bracket around a position: its stop, its target and its time, at one volatility."""

from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.market import HIGHEST_SIGMA
from paper_trading.engine.money import HUNDRED, ONE, ZERO, exact, ratio, require
from paper_trading.engine.strategy import Strategy

#: Volatility may halve or double the distances of a strategy, by rule.
LEAST_FACTOR = Decimal("0.5")
MOST_FACTOR = Decimal(2)


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where a position ends: net of all costs, in percent of its cost; the hold in hours."""

    #: The loss at the stop, as a positive number.
    stop_percent: Decimal
    target_percent: Decimal
    hold_hours: Decimal
    factor: Decimal


def exit_factor(strategy: Strategy, sigma_annual: Decimal | None) -> Decimal:
    """Return what a strategy's distances are multiplied by at an annual volatility (1 = 100 %).

    Volatility over `exit_volatility_percent`, within 1/2 and 2; 1 without that setting. An
    unknown volatility gives 1, and so does 0: a price that never moved was not measured.
    ValueError below 0.
    """
    return factor_at(strategy.exit_volatility_percent, sigma_annual)


@exact
def factor_at(reference_percent: Decimal | None, sigma_annual: Decimal | None) -> Decimal:
    """Return `exit_factor` for a setting alone: the volatility of distances as written."""
    if reference_percent is None or sigma_annual is None:
        return ONE
    require("sigma_annual", sigma_annual, ZERO, HIGHEST_SIGMA)
    if sigma_annual == 0:
        return ONE
    factor = ratio(sigma_annual * HUNDRED / reference_percent)
    return min(max(factor, LEAST_FACTOR), MOST_FACTOR)


@exact
def scaled(strategy: Strategy, factor: Decimal) -> Bracket:
    """Return the bracket of a strategy under a factor that a position keeps."""
    return Bracket(
        stop_percent=strategy.stop_loss_percent * factor,
        target_percent=strategy.take_profit_percent * factor,
        hold_hours=strategy.max_hold_hours,
        factor=factor,
    )


def bracket(strategy: Strategy, sigma_annual: Decimal | None) -> Bracket:
    """Return the bracket that an entry now would have, at an annual volatility (1 = 100 %)."""
    return scaled(strategy, exit_factor(strategy, sigma_annual))
