"""What matured set-ups teach: counted by market day, frozen once a market day, never changed.

The first bars that close in a market day freeze what all finished days say; decisions of that
day read it. So what a decision reads never looks ahead, is the same for every session of a
market with one key, and no later price changes it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from paper_trading.engine.decision import Outcome, PWin
from paper_trading.engine.equity import market_day
from paper_trading.engine.money import CONTEXT, ZERO, exact, ratio
from paper_trading.intelligence import learner, quantiles
from paper_trading.intelligence.brackets import BookKey
from paper_trading.intelligence.learner import Lessons
from paper_trading.intelligence.levels import HIGHEST, LEVELS
from paper_trading.intelligence.outcomes import DayOutcome, probability_positive, recent
from paper_trading.intelligence.p_win import BINS, P_WIN_DAYS, bin_of, p_win
from paper_trading.intelligence.setups import Matured


@dataclass(frozen=True, slots=True)
class Net:
    """Matured set-ups and the exact sum of their net outcomes in percent."""

    n: int = 0
    total: Decimal = ZERO

    def plus(self, n: int, total: Decimal) -> "Net":
        """Return both together."""
        return Net(self.n + n, CONTEXT.add(self.total, total))


@dataclass(frozen=True, slots=True)
class SetUpDay:
    """Everything that counts of the set-ups that matured in one market day (UTC)."""

    day: date
    #: By the lowest level whose evidence gates they meet; those that no level takes are absent.
    levels: Mapping[int, Net] = field(default_factory=dict)
    #: By rank bin: set-ups and winners.
    bins: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    #: Those that level 10 takes by learned weights, and by base weights, while learned weights
    #: are in force.
    learned: Net = Net()
    base: Net = Net()
    lessons: Lessons = field(default_factory=Lessons)


@dataclass(frozen=True, slots=True)
class TwinGap:
    """Learned weights against base weights: mean net of what each picks, in percent.

    A day counts once, whatever it holds; one on which either picked nothing does not count,
    nor does what was entered before learned weights were in force.
    """

    days: int = 0
    #: Mean of the daily differences, learned less base; None without a day.
    mean_percent: Decimal | None = None
    #: Its standard error; None before the second day.
    error_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Experience:
    """What the decisions of a market day read."""

    #: Market time from which it is in force.
    frozen_at: datetime
    #: By level, from 1 on.
    outcomes: tuple[Outcome, ...]
    #: By rank bin, the lowest first.
    p_wins: tuple[PWin, ...]
    #: Of level 10, by signal; `lessons_n` set-ups in `clusters` token-days taught them.
    weights: Mapping[str, Decimal]
    lessons_n: int
    clusters: int
    #: Quantiles of learned scores, and from how many; None while there are too few: level 10
    #: then decides by base weights.
    points: tuple[Decimal, ...] | None
    sample_size: int
    twin: TwinGap

    def outcome(self, level: int) -> Outcome:
        """Return the chance that the set-ups of a level net more than nothing in the mean."""
        return self.outcomes[level - 1]

    def p_win(self, confidence: Decimal) -> PWin:
        """Return how set-ups of the same rank bin went."""
        return self.p_wins[bin_of(confidence)]


#: The level that learns.
LEARNING_LEVEL = HIGHEST
#: Nothing has matured: the chance is even.
NO_OUTCOME = Outcome(probability_positive(()), 0, 0)


def is_due(frozen_at: datetime | None, known_at: datetime) -> bool:
    """Say whether bars that close at a market time are the first of a market day."""
    return frozen_at is None or market_day(frozen_at) < market_day(known_at)


@exact
def day_of(day: date, matured: Sequence[Matured], key: BookKey) -> SetUpDay:
    """Count the set-ups that matured in a market day with an outcome, in any order."""
    levels: dict[int, Net] = defaultdict(Net)
    bins: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    learned = base = Net()
    for one in matured:
        found, net = one.set_up, one.net_percent
        if net is None:
            continue
        if found.level is not None:
            levels[found.level] = levels[found.level].plus(1, net)
            if found.learned_pick is not None:
                base = base.plus(1, net)
        if found.learned_pick:
            learned = learned.plus(1, net)
        place = bin_of(found.confidence)
        n, wins = bins[place]
        bins[place] = (n + 1, wins + int(net > 0))
    lessons = learner.lessons_of(matured, key)
    return SetUpDay(
        day, dict(sorted(levels.items())), dict(sorted(bins.items())), learned, base, lessons
    )


@exact
def freeze(
    key: BookKey,
    at: datetime,
    days: Sequence[SetUpDay],
    scores: Sequence[Decimal],
    base: Mapping[str, Decimal],
) -> Experience:
    """Return what is in force from a market time on.

    `days` are the finished market days, `scores` the learned scores of the trailing
    `SCORE_WINDOW`, `base` the base weights of the signals.

    :raises ValueError: when a day is not finished.
    """
    today = market_day(at)
    late = [one.day for one in days if one.day >= today]
    if late:
        raise ValueError(f"day {max(late)} is not finished at {at}; earlier days are needed")
    ordered = sorted(days, key=lambda one: one.day)
    lately = [one for one in ordered if one.day > today - timedelta(days=P_WIN_DAYS)]
    lessons = learner.added(one.lessons for one in ordered)
    known = len(scores) >= quantiles.MINIMUM_SCORES
    return Experience(
        frozen_at=at,
        outcomes=tuple(_outcome(row.level, lately, today) for row in LEVELS),
        p_wins=tuple(_p_win(place, lately, key) for place in range(BINS)),
        weights=learner.weights(base, lessons),
        lessons_n=lessons.n,
        clusters=lessons.clusters,
        points=quantiles.freeze(scores) if known else None,
        sample_size=len(scores),
        twin=twin_gap(lately),
    )


def _outcome(level: int, days: Iterable[SetUpDay], today: date) -> Outcome:
    found: list[DayOutcome] = []
    for one in days:
        taken = Net()
        for lowest, net in one.levels.items():
            if lowest <= level:
                taken = taken.plus(net.n, net.total)
        if taken.n:
            found.append(DayOutcome(one.day, taken.n, taken.total))
    counted = recent(found, today)
    n = sum(one.n for one in counted)
    return Outcome(probability_positive(counted), n, len(counted))


def _p_win(place: int, days: Iterable[SetUpDay], key: BookKey) -> PWin:
    counted = [one.bins[place] for one in days if place in one.bins]
    return p_win(counted, key.bracket.break_even_percent)


@exact
def twin_gap(days: Iterable[SetUpDay]) -> TwinGap:
    """Return learned less base weights over days, with the standard error of the mean."""
    gaps = [
        one.learned.total / one.learned.n - one.base.total / one.base.n
        for one in days
        if one.learned.n and one.base.n
    ]
    if not gaps:
        return TwinGap()
    mean = sum(gaps, ZERO) / len(gaps)
    if len(gaps) == 1:
        return TwinGap(1, ratio(mean))
    spread = sum(((gap - mean) ** 2 for gap in gaps), ZERO) / (len(gaps) - 1)
    return TwinGap(len(gaps), ratio(mean), ratio((spread / len(gaps)).sqrt()))
