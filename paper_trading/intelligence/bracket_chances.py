"""The chances that a bracket ends at its stop, at its target, or when its time is over.

The price is taken to move without drift, its logarithm thus with minus half the variance: what
is shown is luck alone, the yardstick that any skill has to beat. At no cost it earns nothing.
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
    """Return P(lower first) and P(upper first) of the log of a price without drift.

    It starts at 0, spends `variance`, and drifts by minus half of it. First passages between
    two absorbing barriers (Feller; Borodin and Salminen 3.0.6), their densities weighted for
    the drift (Girsanov): images while the variance is small against the squared width, else
    the sine series. `lower` may be minus infinity. ValueError unless lower < 0 < upper and the
    variance is positive and finite.
    """
    if not (lower < 0.0 < upper < math.inf and 0.0 < variance < math.inf):
        raise ValueError(
            f"barriers were {lower} and {upper}, the variance {variance}; allowed are"
            " lower < 0 < upper and a positive finite variance"
        )
    if lower == -math.inf:
        return 0.0, math.exp(-upper) * _reached(upper, 0.0, variance)
    width = upper - lower
    series = _sines if variance >= _SWITCH * width * width else _images
    # Both series give a barrier below; one above is that, seen in the token, times e**-upper.
    return series(-lower, width, variance), math.exp(-upper) * series(upper, width, variance)


def _images(distance: float, width: float, variance: float) -> float:
    """Sum the reflections of a barrier at a distance below, of two that are a width apart."""
    total = math.fsum(
        _reached(distance, 2 * image * width, variance)
        - _reached(distance, 2 * ((image + 1) * width - distance), variance)
        for image in range(_IMAGES)
    )
    return max(total, 0.0)


def _reached(distance: float, further: float, variance: float) -> float:
    """Return e**(distance/2) E[e**(-t/8); t within the variance], t reaching distance + further.

    That is the chance to fall by `distance` when nothing is further.
    """
    way, spread = distance + further, math.sqrt(2.0 * variance)
    ahead = math.erfc((way - variance / 2) / spread)
    behind = math.erfc((way + variance / 2) / spread)
    # A tail that is not zero keeps its factor in range.
    late = behind and math.exp((distance + way) / 2) * behind
    return (math.exp(-further / 2) * ahead + late) / 2


def _sines(distance: float, width: float, variance: float) -> float:
    """Take from the chance of ever falling to a barrier what has not yet fallen to it."""
    place, unit = distance / width, math.pi / width
    ever = math.expm1(distance - width) / math.expm1(-width)
    late = math.fsum(
        term
        * unit
        / width
        * math.sin(term * math.pi * place)
        * _late(term, unit, distance, variance)
        for term in range(1, _SINE_TERMS)
    )
    return max(ever - late, 0.0)


def _late(term: int, unit: float, distance: float, variance: float) -> float:
    """Return e**(distance/2) times what a term of the sine series leaves after the variance."""
    rate = (term * unit) ** 2 / 2 + 0.125
    return math.exp(distance / 2 - rate * variance) / rate


def _break_even(bracket: Bracket) -> Decimal:
    both = bracket.stop_percent + bracket.target_percent
    return ratio(bracket.stop_percent * HUNDRED / both)
