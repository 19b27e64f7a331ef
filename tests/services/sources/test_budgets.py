"""Budgets: no limit is passed, by however many processes, whatever Redis forgets."""

from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pytest_django import DjangoDbBlocker, Settings

from paper_trading.models import SourceUsage
from paper_trading.services import redis_client
from paper_trading.services.redis_client import client
from paper_trading.services.sources import budget_windows, usage
from paper_trading.services.sources.budgets import Budgets
from paper_trading.services.sources.limits import Limit
from paper_trading.services.sources.live.base import Reason, SourceFailure
from tests.bot.threads import at_once
from tests.services.sources.budget_counts import (
    BAD,
    GOOD,
    LIMITS,
    START,
    after,
    forget_counts,
    granted,
    refusal,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("budgets")]

REDIS_URL = django_settings.REDIS_URL
AUGUST = datetime(2026, 8, 1, tzinfo=UTC)


def test_nine_tenths_are_granted_and_then_the_time_is_named(budgets: Budgets) -> None:
    assert [granted(budgets, "fast", after(second)) for second in range(9)] == [True] * 9
    refused = refusal(budgets, "fast", after(9))
    assert refused.reason is Reason.NO_BUDGET
    assert refused.until == after(60) + timedelta(microseconds=1)
    assert not granted(budgets, "fast", after(60))
    assert granted(budgets, "fast", refused.until)
    assert not granted(budgets, "fast", refused.until)


def test_several_calls_are_granted_together_or_not_at_all(budgets: Budgets) -> None:
    assert granted(budgets, "fast", START, 5)
    assert not granted(budgets, "fast", START, 5)
    assert granted(budgets, "fast", START, 4)
    refused = refusal(budgets, "fast", after(1), 9)
    assert refused.until == after(60) + timedelta(microseconds=1)


@pytest.mark.parametrize("calls", [0, -1, 10])
def test_what_never_fits_is_an_error(budgets: Budgets, calls: int) -> None:
    with pytest.raises(ValueError, match=f"{calls} calls of fast at once; allowed are 1 to 9"):
        budgets.take("fast", calls, START)


def test_the_hour_holds_beyond_the_minute(budgets: Budgets) -> None:
    taken = [granted(budgets, "slow", after(30 * number)) for number in range(20)]
    assert taken == [True] * 18 + [False] * 2
    refused = refusal(budgets, "slow", after(600))
    assert refused.until == after(3600) + timedelta(microseconds=1)


def test_a_month_that_is_used_up_is_not_asked_before_the_first(budgets: Budgets) -> None:
    assert granted(budgets, "monthly", START, 9)
    refused = refusal(budgets, "monthly", START)
    assert (refused.reason, refused.until) == (Reason.MONTH_SPENT, AUGUST)
    assert not granted(budgets, "monthly", AUGUST - timedelta(microseconds=1))
    assert granted(budgets, "monthly", AUGUST)


def test_a_month_that_the_provider_calls_spent_is_not_asked_before_the_first(
    budgets: Budgets,
) -> None:
    failure = SourceFailure(Reason.MONTH_SPENT, "10006", retry_after_seconds=2)
    assert budgets.failed("monthly", START, failure, BAD, Random(1)) == AUGUST
    budgets.worked("monthly", START, GOOD)
    forget_counts()
    for moment in (after(3), AUGUST - timedelta(microseconds=1)):
        refused = refusal(Budgets(LIMITS), "monthly", moment)
        assert (refused.reason, refused.until) == (Reason.MONTH_SPENT, AUGUST)
    assert granted(budgets, "monthly", AUGUST)


def test_counts_survive_a_redis_that_loses_everything(budgets: Budgets) -> None:
    assert granted(budgets, "slow", START, 9)
    client(django_settings.CACHE_DB).flushdb()
    assert refusal(budgets, "slow", after(20)).reason is Reason.NO_BUDGET
    assert granted(budgets, "slow", after(91), 9)
    client(django_settings.CACHE_DB).flushdb()
    assert not granted(budgets, "slow", after(200))  # The hour.


def test_the_month_survives_a_redis_that_loses_everything(budgets: Budgets) -> None:
    assert granted(budgets, "monthly", START, 8)
    forget_counts()
    assert granted(budgets, "monthly", after(86_400))
    assert refusal(budgets, "monthly", after(86_400)).reason is Reason.MONTH_SPENT


def test_a_call_that_rows_know_by_its_minute_counts_as_late_as_it_can_have_been(
    budgets: Budgets,
) -> None:
    assert granted(budgets, "fast", START, 9)  # Of the minute that ends at 13:47:00.
    forget_counts()
    assert not granted(budgets, "fast", after(61))
    assert granted(budgets, "fast", after(91))


def test_counts_of_a_server_that_was_started_anew_are_not_trusted(budgets: Budgets) -> None:
    assert granted(budgets, "fast", START, 9)
    found = client(django_settings.CACHE_DB)
    # As an old snapshot would bring them back.
    found.hset("dex:budget:fast", "server", "another")
    found.zremrangebyscore("dex:budget:fast:calls", "(-inf", "+inf")
    assert not granted(budgets, "fast", after(10))


def test_a_count_that_is_lost_before_its_row_is_written_grants_nothing(
    budgets: Budgets, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = usage.add

    def overtaken(*arguments: Any) -> None:
        forget_counts()
        past = usage.past("fast", START, timedelta(seconds=60))
        budget_windows.claim(LIMITS["fast"], "of another process")
        budget_windows.prime(LIMITS["fast"], "of another process", past)
        add(*arguments)

    monkeypatch.setattr(usage, "add", overtaken)
    refused = refusal(budgets, "fast", START)
    assert refused.why == "Redis lost the count of calls meanwhile."


def test_without_redis_nothing_is_granted_and_the_reason_is_said(
    budgets: Budgets, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    redis_client.forget()
    try:
        refused = refusal(budgets, "fast", START)
    finally:
        settings.REDIS_URL = REDIS_URL
        redis_client.forget()
    assert (refused.reason, refused.until) == (Reason.NO_BUDGET, None)
    assert refused.why.startswith("Redis does not answer: ")
    assert not SourceUsage.objects.exists()


def test_it_refuses_to_count_inside_of_a_transaction(budgets: Budgets) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        budgets.take("fast", 1, START)


def test_every_granted_call_is_in_a_row_of_its_minute(budgets: Budgets) -> None:
    for second in range(12):
        budgets.take("fast", 1, after(10 * second))
    rows = SourceUsage.objects.filter(source="fast").order_by("start")
    assert [(row.start.minute, row.calls) for row in rows] == [(46, 3), (47, 6), (48, 3)]


def test_clocks_that_differ_do_not_pass_the_limit(budgets: Budgets) -> None:
    ahead = [granted(budgets, "fast", after(20)) for _ in range(5)]
    behind = [granted(budgets, "fast", START) for _ in range(5)]
    assert ahead + behind == [True] * 9 + [False]


def grab(seconds: float, *, losing: bool) -> float | None:
    """Return the time of a call that was granted; each has its own client, as a process has."""
    redis_client.forget()
    if losing:
        forget_counts()
    return seconds if granted(Budgets(LIMITS), "slow", after(seconds)) else None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("losing", [False, True])
def test_many_processes_at_once_do_not_pass_a_limit_together(losing: bool) -> None:
    times: list[float] = []
    for begin in (0, 20, 45, 61, 80, 125):
        acts = [partial(grab, begin + place / 4, losing=losing) for place in range(8)]
        times += [one for one in at_once(acts) if one is not None]
    assert max(sum(begin <= one <= begin + 60 for one in times) for begin in times) <= 9
    known = SourceUsage.objects.filter(source="slow").values_list("calls", flat=True)
    assert len(times) <= sum(known)
    assert losing or len(times) == sum(known) == 18


def test_a_log_that_is_lost_apart_from_its_state_is_read_anew(budgets: Budgets) -> None:
    """One key may be evicted or deleted alone; then the other one counts as lost, too."""
    assert granted(budgets, "slow", START, 9)
    client(django_settings.CACHE_DB).delete("dex:budget:slow:calls")
    assert not granted(budgets, "slow", after(1))
    assert not granted(budgets, "slow", after(2))


@pytest.mark.parametrize("key", ["dex:budget:slow", "dex:budget:slow:calls"])
def test_calls_are_not_granted_whose_count_is_lost_after_their_row(
    budgets: Budgets, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    lives = budget_windows.lives

    def losing(limit: Limit, life: str) -> bool:
        client(django_settings.CACHE_DB).delete(key)
        lost = lives(limit, life)
        monkeypatch.setattr(budget_windows, "lives", lives)
        assert granted(budgets, "slow", after(1))
        assert not lives(limit, life)
        return lost

    monkeypatch.setattr(budget_windows, "lives", losing)
    refused = refusal(budgets, "slow", START)
    assert refused.why == "Redis lost the count of calls meanwhile."
    assert sum(SourceUsage.objects.values_list("calls", flat=True)) == 2


def test_rows_that_were_read_before_redis_was_emptied_again_prime_nothing(
    budgets: Budgets,
) -> None:
    limit = LIMITS["fast"]
    budget_windows.claim(limit, "slow process")
    past = usage.past("fast", START, timedelta(seconds=60))
    assert granted(budgets, "fast", START, 9)
    forget_counts()
    budget_windows.prime(limit, "slow process", past)
    assert not granted(budgets, "fast", START)


def test_rows_that_were_read_beside_a_whole_count_prime_nothing_when_its_log_is_lost(
    budgets: Budgets,
) -> None:
    limit = LIMITS["fast"]
    assert granted(budgets, "fast", START - timedelta(hours=2))
    budget_windows.claim(limit, "slow process")
    past = usage.past("fast", START, timedelta(seconds=60))
    assert granted(budgets, "fast", START, 9)
    client(django_settings.CACHE_DB).delete("dex:budget:fast:calls")
    budget_windows.prime(limit, "slow process", past)
    assert not granted(budgets, "fast", START)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_want_the_last_call_one_gets_it(budgets: Budgets) -> None:
    assert granted(budgets, "fast", START, 8)
    found = at_once([partial(granted, Budgets(LIMITS), "fast", after(1)) for _ in range(8)])
    assert found.count(True) == 1


class BudgetMachine(RuleBasedStateMachine):
    """Take, fail, lose Redis and let time pass, in any order; compare with a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        # As a test of Django marks its own transaction: durable blocks may begin in it.
        setattr(connection.atomic_blocks[-1], "_from_testcase", True)  # noqa: B010
        forget_counts()
        self.budgets = Budgets(LIMITS)
        self.now = START
        self.taken: list[datetime] = []
        self.cooling = START
        self.lost = False

    @initialize()
    def begin_near_the_end_of_a_month(self) -> None:
        self.now = self.cooling = AUGUST - timedelta(hours=2)

    @rule(seconds=st.sampled_from([0.1, 1, 14.9, 30, 60, 61, 900, 3601]))
    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(calls=st.integers(1, 9))
    def take(self, calls: int) -> None:
        got = granted(self.budgets, "slow", self.now, calls)
        fits = self._fits(calls)
        assert not (got and not fits)
        # What was primed from rows counts longer than it must.
        assert got == fits or self.lost
        if got:
            self.taken += [self.now] * calls

    def _fits(self, calls: int) -> bool:
        def within(seconds: int) -> int:
            return sum(self.now - one <= timedelta(seconds=seconds) for one in self.taken)

        month = sum((one.year, one.month) == (self.now.year, self.now.month) for one in self.taken)
        return (
            self.now >= self.cooling
            and within(60) + calls <= 9
            and within(3600) + calls <= 18
            and month + calls <= 45
        )

    @rule()
    def lose_redis(self) -> None:
        forget_counts()
        self.lost = True

    @precondition(lambda self: self.now >= self.cooling)
    @rule(reason=st.sampled_from([Reason.THROTTLED, Reason.TIMED_OUT, Reason.KEY_REFUSED]))
    def fail(self, reason: Reason) -> None:
        failure = SourceFailure(reason, "said so")
        until = self.budgets.failed("slow", self.now, failure, BAD, Random(1))
        assert until > self.now
        self.cooling = until

    @invariant()
    def rows_know_every_call(self) -> None:
        known = SourceUsage.objects.filter(source="slow").values_list("calls", flat=True)
        assert sum(known) == len(self.taken)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)


def test_no_order_of_events_passes_a_limit(django_db_blocker: DjangoDbBlocker) -> None:
    case = BudgetMachine.TestCase
    case.settings = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
    case("runTest").runTest()


def test_a_month_is_that_of_utc() -> None:
    late = datetime(2026, 8, 1, 1, tzinfo=UTC).astimezone(tz=None)
    assert budget_windows.month_of(late) == "2026-08"
