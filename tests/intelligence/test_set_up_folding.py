"""One step of a market in a book: what ends, what is frozen first, and what enters."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from paper_trading.engine.enums import SetUpEnd
from paper_trading.intelligence import learner
from paper_trading.intelligence.experience import Experience, freeze
from paper_trading.intelligence.series import ClosedBar
from paper_trading.intelligence.set_up_folding import BookStep, fold_bars
from paper_trading.intelligence.setups import Matured, Pending, SetUp
from tests.intelligence.samples import EVEN, at
from tests.intelligence.set_up_samples import BUYABLE, KEY, TIGHT, known_at, market

DAY = 288


class Freezer:
    """Freezes nothing but the weights, and remembers when it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, Mapping[str, Decimal]]] = []

    def __call__(self, known: datetime, base: Mapping[str, Decimal]) -> Experience:
        self.asked.append((known, base))
        return freeze(KEY, known, [], [], base)


def fold(
    step: list[tuple[int, ClosedBar]],
    pending: Pending,
    experience: Experience | None,
    index: int,
    freezer: Freezer,
    **other: Any,
) -> BookStep:
    buyable, points = other.get("buyable", BUYABLE), other.get("points", EVEN)
    known = at(0) + known_at(index)
    return fold_bars(known, step, buyable, points, KEY, pending, experience, freezer)


def test_the_first_ready_bars_of_a_day_freeze_before_they_enter() -> None:
    pending, freezer, experience = Pending(TIGHT.hold), Freezer(), None
    froze = []
    for index, step in enumerate(market(3, 2 * DAY + 2)):
        made = fold(step, pending, experience, index, freezer)
        experience = made.experience
        if made.froze:
            froze.append(index)
        assert len(made.entered) == len(step)
    assert froze == [0, DAY, 2 * DAY]
    assert [known for known, _ in freezer.asked] == [at(0) + known_at(index) for index in froze]
    first = market(3, 1)[0]
    assert freezer.asked[0][1] == learner.base_of(bar for _, bar in first)
    assert experience is not None
    assert experience.frozen_at == at(0) + timedelta(days=2)


def test_bars_that_are_not_ready_neither_freeze_nor_enter() -> None:
    step = [(token, replace(bar, ready=False)) for token, bar in market(3, 1, skip=0)[0]]
    freezer = Freezer()
    made = fold(step, Pending(TIGHT.hold), None, 0, freezer)
    assert made == BookStep(None, False)
    assert freezer.asked == []
    made = fold([], Pending(TIGHT.hold), None, 0, freezer)
    assert made == BookStep(None, False)


def test_what_waits_is_ended_by_the_bars_of_its_own_token_alone() -> None:
    pending, freezer = Pending(TIGHT.hold), Freezer()
    first, second = market(5, 2, skip=0)
    made = fold(first, pending, None, 0, freezer)
    assert [one.token_id for one in made.entered] == [1, 2, 3]
    entry = made.entered[1]
    crash = replace(second[1][1].bar, close=entry.lower_usd)
    fallen = [(2, replace(second[1][1], bar=crash))]
    after = fold(fallen, pending, made.experience, 1, freezer)
    assert [(one.set_up, one.ended) for one in after.matured] == [(entry, SetUpEnd.STOP)]
    assert after.matured[0].at == at(0) + known_at(1)
    assert not after.froze
    assert after.experience is made.experience
    assert [one.token_id for one in after.entered] == [2]
    assert len(pending) == 3


def test_what_can_no_longer_be_bought_ends_and_does_not_enter() -> None:
    pending, freezer = Pending(TIGHT.hold), Freezer()
    steps = market(5, 40, skip=0)
    made = fold(steps[0], pending, None, 0, freezer)
    experience = made.experience
    ended: list[Matured] = []
    for index, step in enumerate(steps[1:], 1):
        after = fold(step, pending, experience, index, freezer, buyable=frozenset({1}))
        assert {one.token_id for one in after.entered} == {1}
        ended += after.matured
    closed = [one.set_up for one in ended if one.set_up.entered_at == made.entered[0].entered_at]
    assert sorted(one.token_id for one in closed) == [1, 2, 3]


def test_while_nothing_ranks_bars_end_but_do_not_enter() -> None:
    pending, freezer = Pending(TIGHT.hold), Freezer()
    steps = market(5, 40, skip=0)
    experience = fold(steps[0], pending, None, 0, freezer).experience
    for index, step in enumerate(steps[1:], 1):
        assert fold(step, pending, experience, index, freezer, points=None).entered == ()
    assert len(pending) == 0


def test_the_order_of_the_tokens_changes_no_set_up_and_no_end() -> None:
    def lived(turned: bool) -> list[tuple[list[SetUp], list[Matured]]]:
        pending, freezer, experience = Pending(TIGHT.hold), Freezer(), None
        found = []
        for index, step in enumerate(market(8, 60)):
            made = fold(step[::-1] if turned else step, pending, experience, index, freezer)
            experience = made.experience
            found.append(
                (
                    sorted(made.entered, key=lambda one: one.token_id),
                    sorted(made.matured, key=lambda one: (one.set_up.token_id, one.at)),
                )
            )
        return found

    plain = lived(False)
    assert sum(len(ended) for _, ended in plain) > 20
    assert lived(True) == plain
