"""How level 10 learns: exponential weights on what matured set-ups taught, shrunk and bounded.

A signal gains by the covariance of its readings with outcomes. Only differences of scores are
ever ranked, so a signal that always reads high must neither gain nor lose by the market's drift
or by the costs that every set-up pays.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from paper_trading.engine.decision import SignalReading
from paper_trading.engine.enums import Family
from paper_trading.engine.money import CONTEXT, ZERO, exact, ratio
from paper_trading.intelligence.boundary import decimal_of
from paper_trading.intelligence.brackets import BookKey, Bracket
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.setups import Matured
from paper_trading.intelligence.signals import AGREEMENT, families_agreeing

#: Weights follow exp(RATE * gain): a gain of 0.04 is a correlation of about 0.2.
RATE = 10.0
#: Clusters of evidence at which half of the way is gone.
SHRINK = 200
#: Bounds of each weight, as multiples of its base.
LEAST, MOST = 0.5, 2.0
_HALVINGS = 100


@dataclass(frozen=True, slots=True)
class Lessons:
    """Exact sums over matured set-ups; they add up in any order."""

    n: int = 0
    #: Pairs of token and market day: what one token did within a day counts once.
    clusters: int = 0
    #: Of the net outcomes, each bounded by the bracket and in units of its longer side.
    outcomes: Decimal = ZERO
    #: By signal: of the readings, and of reading times outcome.
    readings: Mapping[str, Decimal] = field(default_factory=dict)
    products: Mapping[str, Decimal] = field(default_factory=dict)


def bounded(net_percent: Decimal, bracket: Bracket) -> Decimal:
    """Return a net outcome within its bracket, in units of the bracket's longer side, [-1, 1]."""
    stop, target = bracket.stop_percent, bracket.target_percent
    inside = min(max(net_percent, CONTEXT.minus(stop)), target)
    return ratio(CONTEXT.divide(inside, max(stop, target)))


@exact
def lessons_of(matured: Iterable[Matured], key: BookKey) -> Lessons:
    """Return the sums over the set-ups that matured in one market day with an outcome.

    Each outcome is bounded by the bracket that the set-up had at its own volatility.
    """
    n, outcomes, tokens = 0, ZERO, set()
    readings: dict[str, Decimal] = {}
    products: dict[str, Decimal] = {}
    for one in matured:
        if one.net_percent is None:
            continue
        outcome = bounded(one.net_percent, key.bracket_at(one.set_up.sigma_annual))
        n, outcomes = n + 1, outcomes + outcome
        tokens.add(one.set_up.token_id)
        for signal in one.set_up.signals:
            name, reading = signal.name, signal.reading
            readings[name] = readings.get(name, ZERO) + reading
            products[name] = products.get(name, ZERO) + reading * outcome
    return Lessons(n, len(tokens), outcomes, readings, products)


@exact
def added(parts: Iterable[Lessons]) -> Lessons:
    """Return the sums of several days as one."""
    total = Lessons()
    for part in parts:
        total = Lessons(
            total.n + part.n,
            total.clusters + part.clusters,
            total.outcomes + part.outcomes,
            _merged(total.readings, part.readings),
            _merged(total.products, part.products),
        )
    return total


def _merged(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    names = [*one, *(name for name in other if name not in one)]
    return {name: one.get(name, ZERO) + other.get(name, ZERO) for name in names}


@exact
def weights(base: Mapping[str, Decimal], lessons: Lessons) -> dict[str, Decimal]:
    """Return the weights that lessons make of base weights, 12 places, with the same sum.

    base * exp(RATE * gain * n / (n + SHRINK)), n in clusters, scaled by one factor so that the
    sum stays, each kept within half and twice its base. Without lessons they are the base.
    """
    if not lessons.n:
        return dict(base)
    trust = lessons.clusters / (lessons.clusters + SHRINK)
    raw = {
        name: float(weight) * math.exp(RATE * _gain(name, lessons) * trust)
        for name, weight in base.items()
    }
    factor = _factor(base, raw)
    made = {name: decimal_of(_kept(base[name], raw[name] * factor)) for name in base}
    return _to_sum(base, made)


def _gain(name: str, lessons: Lessons) -> float:
    if name not in lessons.products:
        return 0.0
    n = Decimal(lessons.n)
    mean = lessons.readings[name] / n * (lessons.outcomes / n)
    return float(lessons.products[name] / n - mean)


def _kept(base: Decimal, weight: float) -> float:
    return min(max(weight, LEAST * float(base)), MOST * float(base))


def _factor(base: Mapping[str, Decimal], raw: Mapping[str, float]) -> float:
    """Find, by halving, the factor with which the bounded weights sum to what the base does."""
    wanted = math.fsum(float(weight) for weight in base.values())
    # At the ends every weight lies at its lower or at its upper bound.
    low = min(LEAST * float(base[name]) / raw[name] for name in base)
    high = max(MOST * float(base[name]) / raw[name] for name in base)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        total = math.fsum(_kept(base[name], raw[name] * middle) for name in base)
        low, high = (middle, high) if total < wanted else (low, middle)
    return (low + high) / 2.0


def _to_sum(base: Mapping[str, Decimal], made: dict[str, Decimal]) -> dict[str, Decimal]:
    """Give the rest that rounding left, some 1e-11, to the first weight that has room for it."""
    rest = sum(base.values(), ZERO) - sum(made.values(), ZERO)
    for name, weight in made.items():
        if base[name] / 2 <= weight + rest <= base[name] * 2:
            return {**made, name: weight + rest}
    return made


@exact
def contributions(
    signals: Sequence[SignalReading], weighed: Mapping[str, Decimal]
) -> list[Decimal]:
    """Return what each reading gives under other weights; one without a new one keeps its own.

    Their sum is the score.
    """
    return [ratio(one.reading * weighed.get(one.name, one.weight)) for one in signals]


@exact
def families(
    signals: Sequence[SignalReading], weighed: Mapping[str, Decimal], parts: Sequence[Decimal]
) -> int:
    """Count the families that agree with a long, given the contributions under other weights."""
    totals: dict[Family, Decimal] = {}
    masses: dict[Family, Decimal] = {}
    for one, part in zip(signals, parts, strict=True):
        totals[one.family] = totals.get(one.family, ZERO) + part
        weight = weighed.get(one.name, one.weight)
        masses[one.family] = masses.get(one.family, ZERO) + weight
    return sum(total > AGREEMENT * masses[family] for family, total in totals.items())


@exact
def reweighed(bar: ClosedBar, weighed: Mapping[str, Decimal]) -> ClosedBar:
    """Return a ready bar as its signals look under other weights: score and families too."""
    signals = tuple(
        SignalReading(
            one.name,
            one.family,
            one.reading,
            weight := weighed.get(one.name, one.weight),
            ratio(one.reading * weight) + ZERO,
        )
        for one in bar.signals
    )
    total = sum((one.contribution for one in signals), ZERO)
    return replace(bar, signals=signals, score=total, families_agreeing=families_agreeing(signals))


def base_of(bars: Iterable[ClosedBar]) -> dict[str, Decimal]:
    """Return the base weights that the signals of some bars carry, by name.

    A signal of the user's may lack on one token and speak on another; where it speaks, its
    weight is the same.
    """
    found = {one.name: one.weight for bar in bars for one in bar.signals}
    return dict(sorted(found.items()))
