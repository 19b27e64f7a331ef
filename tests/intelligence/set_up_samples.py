"""Closed bars of made-up tokens, and a slow and plain judge of set-ups to compare with."""

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from paper_trading.engine.decision import SignalReading
from paper_trading.engine.enums import Family, SetUpEnd
from paper_trading.engine.money import ratio
from paper_trading.intelligence.bars import Bar
from paper_trading.intelligence.brackets import BookKey, Bracket
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.setups import SetUp, bounds
from paper_trading.intelligence.signals import SIGNALS, families_agreeing
from tests.intelligence.samples import at

BAR_SECONDS = 300
TIGHT = Bracket(Decimal("0.5"), Decimal(1), Decimal(2))
KEY = BookKey(TIGHT, None)
#: The tokens of `market` that can be bought.
BUYABLE = frozenset({1, 2, 3})

Steps = list[list[tuple[int, ClosedBar]]]


def readings(luck: random.Random) -> tuple[SignalReading, ...]:
    """Return a reading of every signal, most of them above zero."""
    made = []
    for signal in SIGNALS:
        value = Decimal(luck.randint(-400, 1000)).scaleb(-3)
        made.append(
            SignalReading(
                signal.name, signal.family, value, signal.weight, ratio(value * signal.weight)
            )
        )
    return tuple(made)


def bar(
    index: int,
    close: Decimal,
    signals: tuple[SignalReading, ...] = (),
    cost: str | None = "0.3",
    sigma: str = "0.8",
) -> ClosedBar:
    """Return the closed bar that ends `index` bars after the samples' start."""
    made = Bar(
        at((index - 1) * BAR_SECONDS), BAR_SECONDS, close, close, close, close, Decimal(1000)
    )
    score = sum((one.contribution for one in signals), Decimal(0)) if signals else None
    return ClosedBar(
        made,
        slow=False,
        signals=signals,
        score=score,
        sigma_annual=Decimal(sigma),
        families_agreeing=families_agreeing(signals),
        ready=bool(signals),
        round_trip_percent=None if cost is None else Decimal(cost),
    )


def market(seed: int, steps: int, tokens: int = 3, skip: float = 0.05) -> Steps:
    """Return steps of a random market: what each closed, by token; some bars are missing."""
    luck = random.Random(seed)
    prices = dict.fromkeys(range(1, tokens + 1), 100.0)
    made: Steps = []
    for index in range(steps):
        shared = luck.gauss(0, 0.002)
        step = []
        for token in prices:
            prices[token] *= 1 + shared + luck.gauss(0, 0.002)
            if luck.random() >= skip:
                close = Decimal(f"{prices[token]:.8f}")
                step.append((token, bar(index, close, readings(luck))))
        made.append(step)
    return made


def known_at(index: int) -> "timedelta":
    """Return how long after the samples' start a step's bars are known: at their end."""
    return timedelta(seconds=index * BAR_SECONDS)


def set_up(token: int, entry: ClosedBar, bracket: Bracket = TIGHT) -> SetUp:
    """Return a set-up of a bar that every level takes."""
    cost = entry.round_trip_percent or Decimal(0)
    lower, upper = bounds(entry.bar.close, cost, bracket)
    return SetUp(
        token_id=token,
        entered_at=entry.bar.end,
        entry_usd=entry.bar.close,
        cost_percent=cost,
        lower_usd=lower,
        upper_usd=upper,
        confidence=Decimal(99),
        level=1,
        learned_score=Decimal("0.5"),
        learned_pick=True,
        signals=entry.signals,
        sigma_annual=entry.sigma_annual,
    )


def plainly(
    entry: ClosedBar, later: Sequence[ClosedBar], bracket: Bracket = TIGHT
) -> tuple[int, SetUpEnd] | None:
    """Judge a set-up by looking at every later bar of its token; None: it waits."""
    cost = entry.round_trip_percent or Decimal(0)
    # Three bars after its time a close no longer tells how it went.
    last = entry.bar.end + bracket.hold + timedelta(seconds=3 * BAR_SECONDS)
    for place, one in enumerate(later):
        net = (one.bar.close - entry.bar.close) * 100 - cost * entry.bar.close
        how = None
        if one.bar.end - entry.bar.end >= bracket.hold:
            how = SetUpEnd.TIME
        if net >= bracket.target_percent * entry.bar.close:
            how = SetUpEnd.TARGET
        if net <= -bracket.stop_percent * entry.bar.close:
            how = SetUpEnd.STOP
        if how is not None:
            return place, SetUpEnd.GAP if one.bar.end > last else how
    return None


def reading(name: str, value: str, weight: str, family: Family = Family.TREND) -> SignalReading:
    """Return one signal's reading."""
    one, heavy = Decimal(value), Decimal(weight)
    return SignalReading(name, family, one, heavy, ratio(one * heavy))
