"""Budgets as calls meet them: asked before each call, told what came of it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random

import redis
from django.conf import settings

from paper_trading.engine.enums import Stage
from paper_trading.engine.trust import Check
from paper_trading.intelligence.live_step import Seen
from paper_trading.services import internal_errors, redis_client
from paper_trading.services.sources.budgets import Budgets, Refused
from paper_trading.services.sources.live.base import SourceFailure
from paper_trading.services.sources.live.caller import Call
from paper_trading.services.sources.usage import Outcome

#: A step comes a little sooner or later than the one before.
_EARLY = timedelta(seconds=2)


def keep_apart(text: str) -> None:
    """Keep the traceback of what failed inside a source that no tick asked."""
    internal_errors.keep(None, Stage.PRICES, text)


class BudgetGate:
    """Grants calls from the budgets that all processes share, and keeps how they went."""

    def __init__(
        self, budgets: Budgets, luck: Random, keep: Callable[[str], None] = keep_apart
    ) -> None:
        """`keep` is given the traceback of what fails inside a source."""
        self._budgets = budgets
        self._luck = luck
        self._keep = keep

    def admit(self, source: str, now: datetime) -> None:
        """Take one call from the budget; SourceFailure says why it must not be made."""
        taken = self._budgets.take(source, 1, now)
        if isinstance(taken, Refused):
            raise _failure(taken, now)

    def rests(self, source: str, now: datetime) -> SourceFailure | None:
        """Return why a source is left alone, apart from its counts; None when it is not."""
        refused = self._budgets.standing(source, now)
        return None if refused is None else _failure(refused, now)

    def note(self, calls: Iterable[Call], now: datetime) -> None:
        """Keep how calls went that were made; a failure makes the source cool down."""
        for call in calls:
            if not call.made:
                continue
            self._count_retries(call, now)
            if call.failure is None:
                self._budgets.worked(call.source, now, _outcome(call))
            else:
                self._budgets.failed(call.source, now, call.failure, _outcome(call), self._luck)

    def broke(self, text: str) -> None:
        """Keep the traceback of what failed inside a source."""
        self._keep(text)

    def _count_retries(self, call: Call, now: datetime) -> None:
        """Count what a broken connection cost besides: it was made, whatever the budget says."""
        ended = call.answer or call.failure
        for _ in range(0 if ended is None else ended.tries - 1):
            self._budgets.take(call.source, 1, now)


class MarketChecks:
    """When a market was last checked by a source, in Redis; lost, a check comes early."""

    def __init__(self, market_id: int, budgets: Budgets) -> None:
        self._market_id = market_id
        self._budgets = budgets

    def is_due(self, source: str, every: timedelta, now: datetime) -> bool:
        """Say whether a check is due, and take it as asked. One process at a time asks."""
        key = f"dex:checked:{self._market_id}:{source}"
        client = redis_client.client(settings.CACHE_DB)
        try:
            before = client.get(key)
            if before is not None and _seconds(before) > now.timestamp() - _due(every):
                return False
            client.set(key, f"{now.timestamp():.3f}", ex=2 * int(every.total_seconds()) + 60)
        except redis.RedisError:
            # Its budget is there too, so that the call would be refused.
            return False
        return True

    def agreed(self, source: str, agreed: int, disagreed: int, now: datetime) -> None:
        """Count how many checks were near the pool's price, and how many were not."""
        if agreed or disagreed:
            self._budgets.compared(source, now, agreed, disagreed)


def _failure(refused: Refused, now: datetime) -> SourceFailure:
    wait = None if refused.until is None else (refused.until - now).total_seconds()
    return SourceFailure(refused.reason, refused.why, wait)


def _due(every: timedelta) -> float:
    return (every - _EARLY).total_seconds()


def _seconds(text: object) -> float:
    """Return a stored time; one that is none of ours counts as long ago."""
    try:
        return float(text.decode() if isinstance(text, bytes) else str(text))
    except ValueError:
        return 0.0


def _outcome(call: Call) -> Outcome:
    said = [one for one in call.said.values() if isinstance(one, Seen | Check)]
    return Outcome(
        tokens_asked=len(call.request.tokens),
        tokens_answered=len(said),
        latency_ms=round(call.seconds * 1000),
        oldest_age_seconds=_oldest(call, said),
        reason=None if call.failure is None else call.failure.reason,
    )


def _oldest(call: Call, said: list[Seen | Check]) -> int:
    if call.answer is None or not said:
        return 0
    times = [one.reading.observed_at if isinstance(one, Seen) else one.observed_at for one in said]
    return max(0, round((call.answer.received_at - min(times)).total_seconds()))
