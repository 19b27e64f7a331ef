"""The chances that a bracket ends at its stop, at its target, or when its time is over.

The logarithm of the price is taken to move without drift: what is shown is luck alone, the
yardstick that any skill has to beat.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from paper_trading.engine.bracket import Bracket
from paper_trading.engine.market import HIGHEST_SIGMA
from paper_trading.engine.money import HUNDRED, ZERO, exact, ratio, require
from paper_trading.intelligence.boundary import decimal_of

_YEAR_HOURS = 8_760.0
#: Variance over the squared width from which on the sine series takes few terms; below it the
#: series of images does. Both are exact; each leaves under 1e-20 here.
_SWITCH = 0.1
_SINE_TERMS = 24
_IMAGES = 6


@dataclass(frozen=True, slots=True)
class BracketChances:
    """Where a bracket ends, in percent; the three add up to 100 exactly."""

    stop_percent: Decimal
    target_percent: Decimal
    time_percent: Decimal
    #: The share of targets among stops and targets at which the bracket earns nothing.
    break_even_percent: Decimal


@exact
def bracket_chances(
    bracket: Bracket, sigma_annual: Decimal, round_trip_percent: Decimal
) -> BracketChances:
    """Return the chances of a bracket at an annual volatility (1 = 100 %).

    Stop and target are net of a round trip: the price must fall to (1 - stop) / (1 - cost) of
    the entry's, or rise to (1 + target) / (1 - cost). A round trip that costs the whole stop
    ends there at once. Take-profit steps and trailing stops are not in it. ValueError when
    the volatility is not above 0 or the cost not in 0 to 100.
    """
    require("sigma_annual", sigma_annual, ZERO, HIGHEST_SIGMA, above=True)
    require("round_trip_percent", round_trip_percent, ZERO, HUNDRED)
    even = _break_even(bracket)
    if round_trip_percent >= bracket.stop_percent:
        return BracketChances(HUNDRED, ZERO, ZERO, even)
    kept = HUNDRED - round_trip_percent
    left = max(HUNDRED - bracket.stop_percent, ZERO)
    lower = math.log(float(left / kept)) if left else -math.inf
    upper = math.log(float((HUNDRED + bracket.target_percent) / kept))
    variance = float(sigma_annual) ** 2 * float(bracket.hold_hours) / _YEAR_HOURS
    stop, target = (decimal_of(100 * chance) for chance in passages(lower, upper, variance))
    # Rounded on their own, the two may pass 100 by the last digit.
    target = min(target, HUNDRED - stop)
    return BracketChances(stop, target, HUNDRED - stop - target, even)


def passages(lower: float, upper: float, variance: float) -> tuple[float, float]:
    """Return P(lower first) and P(upper first) of a Brownian motion from 0 within a variance.

    First passages between two absorbing barriers (Feller; Borodin and Salminen 3.0.6): images
    while the variance is small against the squared width, else the sine series. `lower` may
    be minus infinity. ValueError unless lower < 0 < upper and the variance is positive and
    finite.
    """
    if not (lower < 0.0 < upper < math.inf and 0.0 < variance < math.inf):
        raise ValueError(
            f"barriers were {lower} and {upper}, the variance {variance}; allowed are"
            " lower < 0 < upper and a positive finite variance"
        )
    if lower == -math.inf:
        return 0.0, math.erfc(upper / math.sqrt(2.0 * variance))
    width = upper - lower
    series = _sines if variance >= _SWITCH * width * width else _images
    return series(-lower, width, variance), series(upper, width, variance)


def _images(distance: float, width: float, variance: float) -> float:
    """Sum the reflections of a barrier at a distance, of two that are a width apart."""
    spread = math.sqrt(2.0 * variance)
    return math.fsum(
        math.erfc((2 * image * width + distance) / spread)
        - math.erfc((2 * (image + 1) * width - distance) / spread)
        for image in range(_IMAGES)
    )


def _sines(distance: float, width: float, variance: float) -> float:
    """Take from the chance of ever reaching a barrier what has not yet reached it."""
    place, decay = distance / width, variance * math.pi**2 / (2.0 * width * width)
    late = math.fsum(
        2.0 / (term * math.pi) * math.sin(term * math.pi * place) * math.exp(-(term**2) * decay)
        for term in range(1, _SINE_TERMS)
    )
    return max(1.0 - place - late, 0.0)


def _break_even(bracket: Bracket) -> Decimal:
    both = bracket.stop_percent + bracket.target_percent
    return ratio(bracket.stop_percent * HUNDRED / both)
