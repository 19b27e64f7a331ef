"""Budgets: no limit is passed, by however many processes, whatever Redis forgets."""

from collections.abc import Iterator
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

from paper_trading.models import SourceState, SourceUsage
from paper_trading.services import redis_client
from paper_trading.services.redis_client import client
from paper_trading.services.sources import budget_windows, usage
from paper_trading.services.sources.budgets import Budgets, Granted, Refused
from paper_trading.services.sources.limits import Limit
from paper_trading.services.sources.live.base import Reason, SourceFailure
from paper_trading.services.sources.usage import Outcome
from tests.bot.threads import at_once

pytestmark = pytest.mark.django_db

REDIS_URL = django_settings.REDIS_URL
START = datetime(2026, 7, 24, 13, 46, 30, tzinfo=UTC)
AUGUST = datetime(2026, 8, 1, tzinfo=UTC)
#: Nine, eighteen and 45 of these are used.
LIMITS = {
    "fast": Limit("fast", batch=30, per_minute=10),
    "slow": Limit("slow", batch=30, per_minute=10, per_hour=20, per_month=50),
    "monthly": Limit("monthly", batch=30, per_month=10),
}
GOOD = Outcome(tokens_asked=9, tokens_answered=9, latency_ms=40)
BAD = Outcome(tokens_asked=9, tokens_answered=0, latency_ms=40)


def forget_counts() -> None:
    """Lose what Redis knows of budgets."""
    found = client(django_settings.CACHE_DB)
    for key in found.scan_iter("dex:budget:*"):
        found.delete(key)


@pytest.fixture(autouse=True)
def _no_counts() -> Iterator[None]:
    forget_counts()
    yield
    forget_counts()


@pytest.fixture
def budgets() -> Budgets:
    return Budgets(LIMITS)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def granted(budgets: Budgets, source: str, now: datetime, calls: int = 1) -> bool:
    return isinstance(budgets.take(source, calls, now), Granted)


def refusal(budgets: Budgets, source: str, now: datetime, calls: int = 1) -> Refused:
    answer = budgets.take(source, calls, now)
    assert isinstance(answer, Refused)
    return answer


def fail(
    budgets: Budgets, now: datetime, reason: Reason, retry_after: float | None = None
) -> float:
    """Let a call fail and return the seconds until the source may be asked again."""
    failure = SourceFailure(reason, "said so", retry_after)
    until = budgets.failed("fast", now, failure, BAD, Random(1))
    return (until - now).total_seconds()


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
    found.delete("dex:budget:fast:calls")
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
