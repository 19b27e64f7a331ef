"""Pauses after failures: as long as the reason asks, or as the provider says."""

from datetime import datetime, timedelta
from random import Random

import pytest

from paper_trading.models import SourceState, SourceUsage
from paper_trading.services.sources.budgets import Budgets
from paper_trading.services.sources.live.base import Reason, SourceFailure
from tests.services.sources.budget_counts import (
    BAD,
    GOOD,
    START,
    after,
    granted,
    refusal,
)

pytestmark = pytest.mark.django_db


def fail(
    budgets: Budgets, now: datetime, reason: Reason, retry_after: float | None = None
) -> float:
    """Let a call fail and return the seconds until the source may be asked again."""
    failure = SourceFailure(reason, "said so", retry_after)
    until = budgets.failed("fast", now, failure, BAD, Random(1))
    return (until - now).total_seconds()


@pytest.mark.parametrize(
    ("reason", "first", "longest"),
    [
        (Reason.THROTTLED, 60, 3600),
        (Reason.SERVER_ERROR, 8, 8),
        (Reason.TIMED_OUT, 8, 8),
        (Reason.BAD_BODY, 8, 8),
        (Reason.KEY_REFUSED, 3600, 3600),
    ],
)
def test_a_pause_doubles_up_to_its_longest(
    budgets: Budgets, reason: Reason, first: int, longest: int
) -> None:
    now, pauses = START, []
    for _ in range(12):
        pauses.append(fail(budgets, now, reason))
        now += timedelta(seconds=pauses[-1])
    for number, pause in enumerate(pauses):
        bare = min(first * 2**number, longest)
        assert bare <= pause <= bare * 1.25


def test_while_a_source_cools_down_nothing_is_granted_or_counted(budgets: Budgets) -> None:
    pause = fail(budgets, START, Reason.THROTTLED)
    refused = refusal(budgets, "fast", after(pause - 0.001))
    assert (refused.reason, refused.until) == (Reason.COOLING, after(pause))
    assert refused.why == "fast cools down after THROTTLED."
    assert SourceUsage.objects.get().calls == 0
    assert granted(budgets, "fast", after(pause))


def test_what_a_provider_says_is_obeyed(budgets: Budgets) -> None:
    assert 119 <= fail(budgets, START, Reason.THROTTLED, retry_after=119) <= 125
    assert 2 <= fail(budgets, after(1000), Reason.THROTTLED, retry_after=2) <= 2.1
    assert 86_400 <= fail(budgets, after(2000), Reason.SERVER_ERROR, retry_after=1e12) <= 90_720


def test_a_success_makes_the_next_failure_a_first_one(budgets: Budgets) -> None:
    pause = fail(budgets, START, Reason.THROTTLED)
    assert fail(budgets, after(pause), Reason.THROTTLED) >= 120
    budgets.worked("fast", after(10_000), GOOD)
    assert fail(budgets, after(10_001), Reason.THROTTLED) <= 75


def test_a_success_that_was_under_way_does_not_end_a_pause(budgets: Budgets) -> None:
    pause = fail(budgets, START, Reason.THROTTLED)
    budgets.worked("fast", after(1), GOOD)
    assert not granted(budgets, "fast", after(2))
    assert fail(budgets, after(pause), Reason.THROTTLED) >= 120


def test_calls_that_fail_together_are_one_failure(budgets: Budgets) -> None:
    pauses = [fail(budgets, after(number / 10), Reason.THROTTLED) for number in range(5)]
    assert max(pauses) <= 75
    assert SourceState.objects.get().failures == 1


def test_a_shorter_pause_does_not_replace_a_longer_one(budgets: Budgets) -> None:
    budgets.cool("fast", after(500), Reason.KEY_REFUSED)
    budgets.cool("fast", after(10), Reason.TIMED_OUT)
    refused = refusal(budgets, "fast", after(499))
    assert refused.why == "fast cools down after KEY_REFUSED."


@pytest.mark.parametrize("reason", [Reason.NO_BUDGET, Reason.COOLING])
def test_not_having_asked_is_no_failure(budgets: Budgets, reason: Reason) -> None:
    with pytest.raises(ValueError, match=f"{reason} is no failure of fast"):
        fail(budgets, START, reason)
    assert not SourceUsage.objects.exists()
