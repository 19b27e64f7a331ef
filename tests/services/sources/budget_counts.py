"""Budgets of three sources that are not there, and what tests of them ask."""

from datetime import UTC, datetime, timedelta

from django.conf import settings as django_settings

from paper_trading.services.redis_client import client
from paper_trading.services.sources.budgets import Budgets, Granted, Refused
from paper_trading.services.sources.limits import Limit
from paper_trading.services.sources.usage import Outcome

START = datetime(2026, 7, 24, 13, 46, 30, tzinfo=UTC)
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


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def granted(budgets: Budgets, source: str, now: datetime, calls: int = 1) -> bool:
    return isinstance(budgets.take(source, calls, now), Granted)


def refusal(budgets: Budgets, source: str, now: datetime, calls: int = 1) -> Refused:
    answer = budgets.take(source, calls, now)
    assert isinstance(answer, Refused)
    return answer
