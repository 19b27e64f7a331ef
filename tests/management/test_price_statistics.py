"""The command `price_statistics`: how each source did, from its rows."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from paper_trading.models import SourceUsage
from paper_trading.services import clock
from paper_trading.services.sources import usage
from paper_trading.services.sources.usage import Counts

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("price_statistics", *arguments, stdout=out)
    return out.getvalue()


def test_before_anything_was_asked_it_says_so() -> None:
    assert said() == "No source was asked in the last 24 h.\n"


def test_each_source_is_a_line_and_each_kind_of_failure() -> None:
    start = usage.floor(clock.now(), 60)
    counts = Counts(
        calls=4, finished=4, tokens_asked=36, tokens_answered=27, latency_ms=100,
        worst_latency_ms=70, oldest_age_seconds=9, agreements=3, disagreements=1,
        errors={"TIMED_OUT": 1},
    )  # fmt: skip
    usage.add("dexscreener", start, 60, counts)
    text = said("--hours", "1")
    line = next(line for line in text.splitlines() if line.strip().startswith("dexscreener"))
    assert line.split() == [
        "dexscreener",
        "4",
        "23",
        "1",
        "27",
        "of",
        "36",
        "25",
        "ms",
        "70",
        "ms",
        "9",
        "s",
        "75",
        "%",
    ]
    assert "dexscreener failed 1 time: TIMED_OUT" in text
    assert "No source" not in said("--hours", "999999999999")


def test_what_is_older_than_the_period_is_left_out() -> None:
    usage.add("dexscreener", usage.floor(clock.now() - timedelta(hours=3), 60), 60, Counts(calls=1))
    assert "dexscreener" not in said("--hours", "2")
    assert "dexscreener" in said("--hours", "4")


def test_old_rows_are_tidied_on_demand() -> None:
    start = usage.floor(clock.now() - timedelta(days=3), 60)
    usage.add("dexscreener", start, 60, Counts(calls=1))
    assert "1 minute became part of hours, 0 old hours went." in said("--tidy")
    assert SourceUsage.objects.get().seconds == 3600
