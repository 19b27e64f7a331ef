"""A book folded step by step: no look-ahead, no order, every set-up ends once."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.bot.replay.set_ups import MemoryBook, MemoryBookStep
from paper_trading.intelligence import quantiles
from paper_trading.intelligence.series import ClosedBar
from tests.intelligence.samples import EVEN, START
from tests.intelligence.set_up_samples import BUYABLE, KEY, Steps, market, reading

#: Five days and a bit of three tokens.
STEPS = 1500
#: Learned scores are ranked from the second day on.
ENOUGH = 600


@pytest.fixture(autouse=True)
def few_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "MINIMUM_SCORES", ENOUGH)


def fold(steps: Steps, buyable: frozenset[int] = BUYABLE) -> list[MemoryBookStep]:
    book = MemoryBook(KEY)
    return [
        book.step(START + timedelta(minutes=5 * index), closed, buyable, EVEN)
        for index, closed in enumerate(steps)
    ]


def test_a_token_that_cannot_be_bought_makes_no_set_up() -> None:
    """What it moves teaches nothing, though what was entered before it was set aside ends."""
    made = fold(market(1, 700), BUYABLE - {2})
    assert {found.token_id for one in made for found in one.made.entered} == {1, 3}
    steps = market(1, 40)
    book = MemoryBook(KEY)
    for index, closed in enumerate(steps):
        lists = BUYABLE if index < 5 else frozenset[int]()
        step = book.step(START + timedelta(minutes=5 * index), closed, lists, EVEN)
        assert bool(step.made.entered) == (index < 5)
    assert not len(book._pending)


def test_base_weights_are_those_of_all_tokens_in_any_order() -> None:
    """A signal of the user's that speaks on the second token only has a weight all the same."""
    [closed] = market(1, 1, skip=0)
    (token, last), own = closed[-1], reading("own", "0.5", "0.05")
    more = [*closed[:-1], (token, replace(last, signals=(*last.signals, own)))]
    for step in (more, more[::-1]):
        frozen = fold([step])[0].experience
        assert frozen is not None
        assert frozen.weights["own"] == Decimal("0.05")


def test_the_twin_counts_only_what_was_entered_under_learned_weights() -> None:
    days = [day for one in fold(market(1, STEPS)) for day in one.finished]
    # Ranked from the second day on: whatever matured before was entered before.
    assert (days[0].learned.n, days[0].base.n) == (0, 0)
    assert days[0].levels
    assert days[2].learned.n
    assert days[2].base.n == sum(net.n for net in days[2].levels.values())


def test_what_is_frozen_reads_finished_days_only() -> None:
    made = fold(market(1, STEPS))
    frozen = [one.experience for one in made if one.made.froze]
    assert [one.frozen_at.date() for one in frozen if one is not None] == [
        START.date() + timedelta(days=day) for day in range(6)
    ]
    days = [day for one in made for day in one.finished]
    for index, one in enumerate(frozen):
        assert one is not None
        assert one.lessons_n == sum(day.lessons.n for day in days[:index])
        assert all(day.day < one.frozen_at.date() for day in days[:index])
    last = frozen[-1]
    assert last is not None
    assert last.points is not None
    assert last.outcome(10).days == 5
    assert last.twin.days >= 3
    assert last.twin.error_percent is not None
    assert last.weights != frozen[0].weights if frozen[0] is not None else False


def test_every_set_up_ends_at_most_once_and_is_counted_in_its_day() -> None:
    made = fold(market(2, STEPS))
    entered = [(found.token_id, found.entered_at) for one in made for found in one.made.entered]
    ended = [
        (found.set_up.token_id, found.set_up.entered_at)
        for one in made
        for found in one.made.matured
    ]
    assert len(entered) == len(set(entered))
    assert len(ended) == len(set(ended))
    assert set(ended) <= set(entered)
    counted = sum(day.lessons.n for one in made for day in one.finished)
    today = made[-1].made.experience
    assert today is not None
    fresh = sum(
        found.at.date() >= today.frozen_at.date() for one in made for found in one.made.matured
    )
    assert counted + fresh == len(ended)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6), st.integers(300, 1400))
def test_no_later_price_changes_what_was_frozen(seed: int, cut: int) -> None:
    """Fold two futures of one past: weights, quantiles, chances and set-ups stay."""
    past = market(seed, STEPS)
    other = [*past[:cut], *future(past[cut:], seed)]
    one, two = fold(past)[:cut], fold(other)[:cut]
    assert one == two
    assert any(found.made.froze for found in one)


def future(steps: Steps, seed: int) -> Steps:
    """Return the same bars with other closes."""
    luck = random.Random(seed)
    return [[(token, moved(found, luck)) for token, found in closed] for closed in steps]


def moved(found: ClosedBar, luck: random.Random) -> ClosedBar:
    close = found.bar.close * luck.randint(50, 150) / 100
    other = replace(found.bar, open=close, high=close, low=close, close=close)
    return replace(found, bar=other)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_the_tokens_changes_nothing(seed: int, luck: random.Random) -> None:
    steps = market(seed, 700)
    mixed = [luck.sample(closed, len(closed)) for closed in steps]
    assert [sets(one) for one in fold(mixed)] == [sets(one) for one in fold(steps)]


def sets(step: MemoryBookStep) -> tuple[object, ...]:
    """Return what a step made, without the order of its bars."""
    made = step.made
    entered = {repr(one) for one in made.entered}
    matured = {repr(one) for one in made.matured}
    return (made.experience, made.froze, entered, matured, step.finished)
