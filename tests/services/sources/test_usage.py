"""What sources were asked: added up by minute, told by source, rolled up when old."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from paper_trading.models import SourceUsage
from paper_trading.models.source import HOUR, MINUTE
from paper_trading.services.sources import usage
from paper_trading.services.sources.budgets import Budgets
from paper_trading.services.sources.limits import CoinGeckoPlan, limits
from paper_trading.services.sources.live.base import Reason, SourceFailure
from paper_trading.services.sources.usage import Counts, Outcome, Statistics

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 24, 13, 46, 30, tzinfo=UTC)


def test_counts_add_up_in_one_row_a_minute() -> None:
    usage.add("a", NOW, MINUTE, Counts(calls=1, worst_latency_ms=40, errors={"X": 1, "Y": 1}))
    usage.add("a", NOW, MINUTE, Counts(calls=2, worst_latency_ms=30, errors={"X": 2, "Z": 5}))
    usage.add("a", NOW, MINUTE, Counts(calls=1))
    row = SourceUsage.objects.get()
    assert (row.calls, row.worst_latency_ms) == (4, 40)
    assert row.errors == {"X": 3, "Y": 1, "Z": 5}


def test_a_period_is_told_by_source() -> None:
    budgets = Budgets(limits(CoinGeckoPlan.DEMO))
    budgets.worked("dexscreener", NOW, Outcome(9, 9, 40, oldest_age_seconds=3))
    budgets.worked("dexscreener", NOW + timedelta(minutes=1), Outcome(9, 8, 20))
    failure = SourceFailure(Reason.THROTTLED, "429")
    budgets.failed("coingecko", NOW, failure, Outcome(9, 0, 5, reason=Reason.THROTTLED), Random(1))
    budgets.compared("dexscreener", NOW, agreements=8, disagreements=1)
    SourceUsage.objects.filter(source="dexscreener").update(calls=1)
    throttled, worked = usage.statistics(NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert worked == Statistics(
        source="dexscreener",
        calls=2,
        calls_saved=15,
        errors={},
        tokens_asked=18,
        tokens_answered=17,
        mean_latency_ms=30,
        worst_latency_ms=40,
        oldest_age_seconds=3,
        agreement_percent=88,
    )
    assert throttled.source == "coingecko-demo"
    assert throttled.errors == {"THROTTLED": 1}
    assert throttled.agreement_percent is None
    assert SourceUsage.objects.get(source="coingecko-demo").throttled == 1


def test_a_period_ends_before_its_end() -> None:
    usage.add("a", NOW, MINUTE, Counts(calls=1))
    assert usage.statistics(NOW - timedelta(hours=1), NOW) == []
    (found,) = usage.statistics(NOW, NOW + timedelta(seconds=1))
    assert (found.calls, found.mean_latency_ms) == (1, None)


def test_old_minutes_become_hours_and_no_call_is_lost() -> None:
    begin = NOW - timedelta(days=2, hours=3)
    for minute in range(240):
        start = usage.floor(begin + timedelta(minutes=minute), MINUTE)
        counts = Counts(calls=minute, worst_latency_ms=minute, errors={"X": 1})
        usage.add("a", start, MINUTE, counts)
    everything = (begin - timedelta(hours=1), NOW)
    before = usage.statistics(*everything)
    # From 10:46 two days ago until 14:46, of which all before 13:00 is old.
    assert usage.tidy(NOW) == (134, 0)
    hours = SourceUsage.objects.filter(seconds=HOUR).order_by("start")
    assert [row.start.hour for row in hours] == [10, 11, 12]
    assert SourceUsage.objects.filter(seconds=MINUTE).count() == 106
    assert usage.statistics(*everything) == before
    assert usage.tidy(NOW) == (0, 0)


def test_hours_are_kept_for_400_days() -> None:
    for days in (399, 401):
        usage.add("a", usage.floor(NOW - timedelta(days=days), HOUR), HOUR, Counts(calls=days))
    assert usage.tidy(NOW) == (0, 1)
    assert SourceUsage.objects.get().calls == 399


def test_the_month_counts_hours_and_minutes() -> None:
    first = datetime(2026, 7, 1, tzinfo=UTC)
    usage.add("a", first, HOUR, Counts(calls=5))
    usage.add("a", first - timedelta(hours=1), HOUR, Counts(calls=100))
    usage.add("a", usage.floor(NOW, MINUTE), MINUTE, Counts(calls=2))
    found = usage.past("a", NOW, timedelta(seconds=60))
    assert (found.month, found.month_calls, found.recent) == ("2026-07", 7, [(NOW, 2)])
