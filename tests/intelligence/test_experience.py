"""Days of set-ups and what is frozen of them: counts, chances, the learner and its twin."""

import json
import math
import random
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.enums import SetUpEnd
from paper_trading.intelligence import quantiles
from paper_trading.intelligence.experience import (
    NO_OUTCOME,
    Net,
    SetUpDay,
    day_of,
    freeze,
    is_due,
    twin_gap,
)
from paper_trading.intelligence.experience_json import (
    day_from_json,
    day_to_json,
    experience_from_columns,
    experience_to_columns,
)
from paper_trading.intelligence.levels import LEVELS
from paper_trading.intelligence.outcomes import DayOutcome, probability_positive
from paper_trading.intelligence.setups import Matured
from paper_trading.intelligence.signals import SIGNALS
from tests.intelligence.samples import at
from tests.intelligence.set_up_samples import KEY, bar, readings, set_up

BASE = {signal.name: signal.weight for signal in SIGNALS}
TODAY = datetime(2024, 3, 20, 0, 5, tzinfo=UTC)


def ended(seed: int, count: int = 60) -> list[Matured]:
    """Return set-ups of every kind that matured in one day."""
    luck = random.Random(seed)
    found = []
    for index in range(count):
        made = replace(
            set_up(1 + index % 3, bar(index, Decimal(100), readings(luck))),
            confidence=Decimal(luck.randint(0, 1_000_000)).scaleb(-4),
            level=luck.choice([None, *range(1, 11)]),
            learned_pick=luck.choice([True, False, None]),
        )
        net = Decimal(luck.randint(-1000, 1500)).scaleb(-3)
        how = luck.choice(list(SetUpEnd))
        void = how in (SetUpEnd.GAP, SetUpEnd.BEYOND)
        found.append(Matured(made, None if void else net, how, at(index)))
    return found


def days(count: int, before: datetime = TODAY) -> list[SetUpDay]:
    """Return counted days that end the day before."""
    first = before.date() - timedelta(days=count)
    return [day_of(first + timedelta(days=k), ended(k), KEY) for k in range(count)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_a_day_counts_every_set_up_once_in_any_order(seed: int, luck: random.Random) -> None:
    found = ended(seed)
    day = day_of(date(2024, 3, 1), found, KEY)
    assert day_of(date(2024, 3, 1), luck.sample(found, len(found)), KEY) == day
    nets = [(one.set_up, one.net_percent) for one in found if one.net_percent is not None]
    assert sum(n for n, _ in day.bins.values()) == day.lessons.n == len(nets) < len(found)
    assert sum(wins for _, wins in day.bins.values()) == sum(net > 0 for _, net in nets)
    taken = [(made, net) for made, net in nets if made.level is not None]
    assert sum(net.n for net in day.levels.values()) == len(taken)
    compared = [net for made, net in taken if made.learned_pick is not None]
    assert day.base == Net(len(compared), sum(compared, Decimal(0)))
    picked = [net for made, net in nets if made.learned_pick]
    assert day.learned == Net(len(picked), sum(picked, Decimal(0)))
    assert day.lessons.clusters == 3


def test_a_level_s_outcomes_are_those_of_set_ups_that_it_or_a_lower_one_takes() -> None:
    counted = days(12)
    made = freeze(KEY, TODAY, counted, [], BASE)
    for level in (1, 5, 10):
        own = []
        for day in counted:
            nets = [net for lowest, net in day.levels.items() if lowest <= level]
            n = sum(net.n for net in nets)
            own.append(DayOutcome(day.day, n, sum((net.total for net in nets), Decimal(0))))
        wanted = probability_positive(own)
        found = made.outcome(level)
        assert (found.percent, found.n, found.days) == (wanted, sum(one.n for one in own), 12)
    assert made.outcome(1).n < made.outcome(10).n


def test_old_days_no_longer_count() -> None:
    old, new = days(100)[:1], days(12)
    early = [replace(old[0], day=TODAY.date() - timedelta(days=back)) for back in (31, 30, 29)]
    outcome = freeze(KEY, TODAY, [*early, *new], [], BASE).outcome(10)
    assert outcome.days == 13
    ages = (91, 90, 89)
    bins = [replace(old[0], day=TODAY.date() - timedelta(days=back)) for back in ages]
    place = min(old[0].bins)
    found = freeze(KEY, TODAY, bins, [], BASE).p_wins[place]
    assert (found.days, found.n) == (1, old[0].bins[place][0])


def test_nothing_known_is_an_open_veto_and_base_weights() -> None:
    made = freeze(KEY, TODAY, [], [], BASE)
    assert {made.outcome(level) for level in range(1, 11)} == {NO_OUTCOME}
    assert NO_OUTCOME.percent == 50
    assert (made.weights, made.points, made.lessons_n) == (BASE, None, 0)
    assert made.p_win(Decimal(88)).n == 0
    assert (made.twin.days, made.twin.mean_percent, made.twin.error_percent) == (0, None, None)


def test_a_day_that_is_not_over_is_not_read() -> None:
    with pytest.raises(ValueError, match="2024-03-20 is not finished"):
        freeze(KEY, TODAY, [SetUpDay(TODAY.date())], [], BASE)


def test_learned_scores_are_ranked_once_there_are_enough() -> None:
    scores = [Decimal(k).scaleb(-4) for k in range(quantiles.MINIMUM_SCORES)]
    assert freeze(KEY, TODAY, [], scores[1:], BASE).points is None
    made = freeze(KEY, TODAY, [], scores, BASE)
    assert made.points == quantiles.freeze(scores)
    assert made.sample_size == quantiles.MINIMUM_SCORES


def test_the_twin_s_gap_is_a_mean_over_days_with_its_error() -> None:
    def day(k: int, learned: tuple[int, str], base: tuple[int, str]) -> SetUpDay:
        one, other = (Net(n, Decimal(total)) for n, total in (learned, base))
        return SetUpDay(date(2024, 3, k), learned=one, base=other)

    found = [
        day(1, (2, "3"), (4, "2")),
        day(2, (1, "-1"), (2, "-1")),
        day(3, (0, "0"), (2, "5")),
        day(4, (1, "0.25"), (1, "0.5")),
    ]
    gaps = [1.0, -0.5, -0.25]
    mean = sum(gaps) / 3
    error = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / 2 / 3)
    gap = twin_gap(found)
    assert gap.days == 3
    assert float(gap.mean_percent or 0) == pytest.approx(mean, abs=1e-11)
    assert float(gap.error_percent or 0) == pytest.approx(error, abs=1e-11)
    one = twin_gap(found[:1])
    assert (one.days, one.error_percent) == (1, None)
    assert one.mean_percent == Decimal(1)


@pytest.mark.parametrize(
    ("frozen", "known", "due"),
    [
        (None, TODAY, True),
        (TODAY, TODAY + timedelta(hours=23, minutes=54), False),
        (TODAY, TODAY + timedelta(hours=23, minutes=55), True),
    ],
)
def test_it_is_frozen_once_a_market_day(
    frozen: datetime | None, known: datetime, due: bool
) -> None:
    assert is_due(frozen, known) is due


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_a_day_comes_back_from_json_to_the_digit(seed: int) -> None:
    day = day_of(date(2024, 3, 1), ended(seed), KEY)
    assert day_from_json(day.day, json.loads(json.dumps(day_to_json(day)))) == day


def test_an_experience_comes_back_to_the_digit_and_frozen_again_is_the_same() -> None:
    scores = [Decimal(k % 777).scaleb(-3) for k in range(quantiles.MINIMUM_SCORES)]
    counted = days(15)
    made = freeze(KEY, TODAY, counted, scores, BASE)
    assert freeze(KEY, TODAY, counted[::-1], scores[::-1], BASE) == made
    columns = experience_to_columns(made)
    texts = {"outcomes", "p_wins", "weights", "points"}
    stored = {
        name: json.loads(json.dumps(found)) if name in texts else found
        for name, found in columns.items()
    }
    assert experience_from_columns(TODAY, stored) == made
    again = [day_from_json(day.day, json.loads(json.dumps(day_to_json(day)))) for day in counted]
    assert freeze(KEY, TODAY, again, scores, BASE) == made
    for name in (field.name for field in fields(made)):
        assert not isinstance(getattr(made, name), float)


def test_the_veto_falls_silent_where_nothing_works_and_opens_again_when_it_does() -> None:
    """No position is needed for it: set-ups mature whether or not anybody trades."""

    def day(k: int) -> SetUpDay:
        net = Decimal(-2) if k < 12 else Decimal(3)
        return SetUpDay(date(2024, 1, 1) + timedelta(days=k), levels={1: Net(10, net * 10)})

    counted = [day(k) for k in range(45)]
    chances = []
    for k in range(1, 46):
        at_midnight = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=k)
        chances.append(freeze(KEY, at_midnight, counted[:k], [], BASE).outcome(1).percent)
    threshold = LEVELS[0].min_outcome_percent
    silent = [k for k, chance in enumerate(chances) if chance < threshold]
    assert silent[0] < 12
    assert silent == list(range(silent[0], silent[-1] + 1))
    assert 12 < silent[-1] < 30
    assert chances[-1] > 60


def test_a_day_of_which_a_level_took_nothing_is_no_day_of_its_outcome() -> None:
    low, high = (
        [
            replace(one, set_up=replace(one.set_up, level=level), net_percent=Decimal("0.5"))
            for one in ended(4, 9)
        ]
        for level in (2, 9)
    )
    last = TODAY.date() - timedelta(days=1)
    days_of = [day_of(last - timedelta(days=1), low, KEY), day_of(last, high, KEY)]
    made = freeze(KEY, TODAY, days_of, [], BASE)
    assert made.outcome(1) == NO_OUTCOME
    assert [(made.outcome(level).n, made.outcome(level).days) for level in (2, 8, 9)] == [
        (9, 1),
        (9, 1),
        (18, 2),
    ]
