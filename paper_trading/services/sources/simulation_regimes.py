"""The moods of a simulated market: how long each lasts, how it drifts and how it swings."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from paper_trading.engine.luck import uniform
from paper_trading.engine.money import CONTEXT

#: Significant digits of everything simulated: prices are invented, so 18 digits are plenty,
#: and each operation is rounded the same way on every machine.
DIGITS = Context(
    prec=18,
    rounding=ROUND_HALF_EVEN,
    Emin=CONTEXT.Emin,
    Emax=CONTEXT.Emax,
    traps=[signal for signal, trapped in CONTEXT.traps.items() if trapped],
)
_SECONDS_PER_HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Regime:
    """One mood of the market."""

    name: str
    #: Chance of being drawn at a change, relative to the others.
    weight: Decimal
    #: Mean length; the length is geometric, so the market keeps no memory of its start.
    mean_hours: Decimal
    #: Times the volatility of a token, before `VOLATILITY_SCALE`.
    volatility: Decimal
    #: Log drift per day in daily standard deviations of a token.
    drift: Decimal


CALM = Regime("calm", Decimal("0.40"), Decimal(10), Decimal("0.8"), Decimal(0))
TREND_UP = Regime("trend_up", Decimal("0.25"), Decimal(6), Decimal("1.0"), Decimal("2.8"))
TREND_DOWN = Regime("trend_down", Decimal("0.25"), Decimal(6), Decimal("1.2"), Decimal(-2))
PANIC = Regime("panic", Decimal("0.10"), Decimal("1.5"), Decimal("3.5"), Decimal(-8))
#: In the order of the draw; the weights add up to 1 and the drifts, by time, to 0.
REGIMES = (CALM, TREND_UP, TREND_DOWN, PANIC)
BY_NAME = {regime.name: regime for regime in REGIMES}


def _volatility_scale() -> Decimal:
    """Return the factor that makes the mean variance over time that of the token."""
    hours = sum(regime.weight * regime.mean_hours for regime in REGIMES)
    variance = sum(regime.weight * regime.mean_hours * regime.volatility**2 for regime in REGIMES)
    return DIGITS.sqrt(DIGITS.divide(Decimal(hours), Decimal(variance)))


#: Over the regimes, each as long as it lasts, the mean of (scale * volatility)**2 is 1.
VOLATILITY_SCALE = _volatility_scale()


def relaxation(step_seconds: int, hours: Decimal) -> Decimal:
    """Return 1 - exp(-step / hours): the share of a step in something that takes hours."""
    exponent = DIGITS.divide(Decimal(-step_seconds), _SECONDS_PER_HOUR * hours)
    return DIGITS.subtract(Decimal(1), exponent.exp(DIGITS))


def next_regime(regime: Regime, seed: int, number: int, step_seconds: int) -> Regime:
    """Return the regime of a step; at a change it is drawn by weight, itself included."""
    leaving = relaxation(step_seconds, regime.mean_hours)
    if uniform(seed, "market", number, "regime ends") >= leaving:
        return regime
    left = uniform(seed, "market", number, "regime begins")
    for candidate in REGIMES[:-1]:
        left -= candidate.weight
        if left < 0:
            return candidate
    return REGIMES[-1]
