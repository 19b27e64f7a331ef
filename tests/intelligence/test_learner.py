"""What level 10 learns: bounded, shrunk, the same in any order, and nothing from nothing."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.enums import Family, SetUpEnd
from paper_trading.intelligence import learner
from paper_trading.intelligence.learner import Lessons, added, lessons_of, weights
from paper_trading.intelligence.setups import Matured
from paper_trading.intelligence.signals import SIGNALS
from tests.intelligence.samples import at
from tests.intelligence.set_up_samples import KEY, TIGHT, bar, reading, readings, set_up

BASE = {signal.name: signal.weight for signal in SIGNALS}
GOOD, BAD = "trend_fast", "flow_pressure"


def matured(seed: int, count: int, edge: float = 0.0) -> list[Matured]:
    """Return set-ups whose outcome follows one signal and goes against another by an edge."""
    luck = random.Random(seed)
    found = []
    for index in range(count):
        entry = bar(index, Decimal(100), readings(luck))
        signal = {one.name: float(one.reading) for one in entry.signals}
        net = edge * (signal[GOOD] - signal[BAD]) + luck.gauss(0, 0.4)
        made = set_up(1 + index % 4, entry)
        net_percent = Decimal(f"{net:.9f}")
        found.append(Matured(made, net_percent, SetUpEnd.TIME, at(300 * index + 7200)))
    return found


def long(lessons: Lessons) -> Lessons:
    """Return lessons that were taught over many days."""
    return replace(lessons, clusters=2000)


def test_without_lessons_the_weights_are_the_base() -> None:
    assert weights(BASE, Lessons()) == BASE
    assert weights(BASE, lessons_of([], KEY)) == BASE


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(-3, 3), st.integers(1, 10**5))
def test_weights_stay_within_their_bounds_and_keep_their_sum(
    seed: int, edge: float, clusters: int
) -> None:
    found = weights(BASE, replace(lessons_of(matured(seed, 60, edge), KEY), clusters=clusters))
    assert sum(found.values()) == sum(BASE.values()) == 1
    for name, weight in found.items():
        assert BASE[name] / 2 <= weight <= BASE[name] * 2
        assert weight == round(weight, 12)


def test_a_signal_that_told_gains_and_one_that_misled_loses() -> None:
    found = weights(BASE, long(lessons_of(matured(1, 400, 1.0), KEY)))
    moved = {name: found[name] / BASE[name] for name in BASE}
    assert max(moved, key=lambda name: moved[name]) == GOOD
    assert min(moved, key=lambda name: moved[name]) == BAD
    assert moved[GOOD] > Decimal("1.2") > 1 > Decimal("0.85") > moved[BAD]


def test_few_clusters_move_little() -> None:
    lessons = lessons_of(matured(1, 400, 1.0), KEY)
    assert lessons.clusters == 4  # four tokens, one day: what they did within it counts once
    gained = [
        weights(BASE, replace(lessons, clusters=count))[GOOD] - BASE[GOOD]
        for count in (1, 20, 200, 2000)
    ]
    assert gained == sorted(gained)
    assert gained[0] * 20 < gained[-1]


def test_a_signal_that_always_reads_high_learns_nothing_from_a_falling_market() -> None:
    always = (reading("a", "1", "0.5"), reading("b", "0.5", "0.5", Family.FLOW))
    lost = [
        Matured(set_up(1, bar(k, Decimal(100), always)), Decimal("-0.5"), SetUpEnd.STOP, at(k))
        for k in range(50)
    ]
    base = {"a": Decimal("0.5"), "b": Decimal("0.5")}
    assert weights(base, long(lessons_of(lost, KEY))) == base


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.randoms(use_true_random=False))
def test_order_and_grouping_teach_the_same(seed: int, cut: int, luck: random.Random) -> None:
    found = matured(seed, 40, 0.5)
    mixed = luck.sample(found, len(found))
    one = lessons_of(found, KEY)
    assert lessons_of(mixed, KEY) == one
    parts = added([lessons_of(mixed[:cut], KEY), lessons_of(mixed[cut:], KEY)])
    assert replace(parts, clusters=one.clusters) == one
    assert weights(BASE, one) == weights(BASE, replace(parts, clusters=one.clusters))


@pytest.mark.parametrize(
    ("net", "wanted"), [("-9", "-0.5"), ("-0.25", "-0.25"), ("0.5", "0.5"), ("9", "1")]
)
def test_outcomes_are_bounded_by_the_bracket(net: str, wanted: str) -> None:
    assert learner.bounded(Decimal(net), TIGHT) == Decimal(wanted)


def test_a_reweighed_bar_has_the_score_and_families_of_its_weights() -> None:
    entry = bar(0, Decimal(100), readings(random.Random(3)))
    assert learner.reweighed(entry, BASE) == entry
    assert sum(learner.contributions(entry.signals, BASE)) == entry.score
    doubled = {name: weight * 2 for name, weight in BASE.items()}
    twice = learner.reweighed(entry, doubled)
    assert twice.score == sum(learner.contributions(entry.signals, doubled))
    assert twice.score == (entry.score or 0) * 2
    assert twice.families_agreeing == entry.families_agreeing
    only = learner.reweighed(entry, dict.fromkeys(BASE, Decimal(0)))
    assert only.score == Decimal(0)
    assert only.families_agreeing == 0
    assert [one.reading for one in twice.signals] == [one.reading for one in entry.signals]


def test_a_signal_without_a_learned_weight_keeps_its_own() -> None:
    entry = bar(0, Decimal(100), readings(random.Random(4)))
    assert sum(learner.contributions(entry.signals, {})) == entry.score


def test_days_add_up_their_clusters() -> None:
    first = lessons_of(matured(1, 8), KEY)
    later = [replace(one, at=one.at + timedelta(days=1)) for one in matured(2, 8)]
    total = added([first, lessons_of(later, KEY)])
    assert (total.n, total.clusters) == (16, 8)


@given(st.integers(0, 10**6))
def test_score_and_families_agree_with_a_reweighed_bar(seed: int) -> None:
    luck = random.Random(seed)
    entry = bar(0, Decimal(100), readings(luck))
    other = {name: weight * luck.randint(500, 2000) / 1000 for name, weight in BASE.items()}
    parts = learner.contributions(entry.signals, other)
    made = learner.reweighed(entry, other)
    assert sum(parts) == made.score
    assert learner.families(entry.signals, other, parts) == made.families_agreeing


def test_base_weights_are_those_of_every_signal_that_speaks_on_some_token() -> None:
    one = bar(0, Decimal(100), (reading("b", "1", "0.5"), reading("own", "0.2", "0.1")))
    two = bar(0, Decimal(100), (reading("b", "-1", "0.5"), reading("a", "0.5", "0.4")))
    wanted = {"a": Decimal("0.4"), "b": Decimal("0.5"), "own": Decimal("0.1")}
    for bars in ([one, two], [two, one]):
        found = learner.base_of(bars)
        assert found == wanted
        assert list(found) == sorted(found), "the order decides who takes what rounding left"
    assert learner.base_of([]) == {}


def test_an_outcome_is_bounded_by_the_bracket_of_its_own_volatility() -> None:
    """Twice the volatility doubles the bracket: a gain of 2 % is then inside."""
    key = replace(KEY, exit_volatility_percent=Decimal(40))
    signals = (reading("a", "1", "1"),)
    entry = bar(0, Decimal(100), signals, sigma="0.8")
    for sigma, wanted in (("0.8", "0.8"), ("0.4", "1"), (None, "1")):
        made = replace(set_up(1, entry), sigma_annual=None if sigma is None else Decimal(sigma))
        found = lessons_of([Matured(made, Decimal("1.6"), SetUpEnd.TIME, at(300))], key)
        assert found.outcomes == Decimal(wanted)


def test_what_has_no_outcome_teaches_nothing() -> None:
    found = matured(1, 5)
    voids = [replace(one, net_percent=None, ended=SetUpEnd.GAP) for one in matured(2, 5)]
    assert lessons_of([*found, *voids], KEY) == lessons_of(found, KEY)


def test_a_signal_that_no_lesson_knows_moves_only_to_keep_the_sum() -> None:
    base = {"a": Decimal("0.5"), "b": Decimal("0.3"), "new": Decimal("0.2")}
    told = Lessons(
        n=10,
        clusters=2000,
        outcomes=Decimal(0),
        readings={"a": Decimal(0), "b": Decimal(0)},
        products={"a": Decimal("0.5"), "b": Decimal("-0.5")},
    )
    found = weights(base, told)
    assert sum(found.values()) == 1
    moved = {name: found[name] / base[name] for name in base}
    assert moved["a"] > moved["new"] > moved["b"]
