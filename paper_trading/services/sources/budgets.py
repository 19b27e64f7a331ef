"""Budgets of live sources, shared by all processes and kept across restarts.

Redis counts calls, since many processes take at once; Postgres keeps them, and says which source
cools down. A call is in Postgres before it is granted. Whatever cannot be asked refuses: no
call is made that is not counted.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import uuid4

import redis
from django.db import transaction
from django.db.models import Q

from paper_trading.models import SourceState
from paper_trading.models.source import MINUTE
from paper_trading.services.sources import budget_windows, usage
from paper_trading.services.sources.budget_windows import Full, Noted, Unprimed
from paper_trading.services.sources.cool_downs import NOT_ASKED, cooling_until, next_month
from paper_trading.services.sources.limits import Limit
from paper_trading.services.sources.live.base import Reason, SourceFailure
from paper_trading.services.sources.usage import Counts, Outcome

logger = logging.getLogger(__name__)

#: Redis may be emptied again while rows are read; after so many times something is wrong.
_PRIMINGS = 3


@dataclass(frozen=True, slots=True)
class Granted:
    """The calls are counted: make them now."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The calls must not be made. `until` is None when nobody can say how long."""

    reason: Reason
    until: datetime | None
    #: A sentence for people.
    why: str


class Budgets:
    """Grants calls within `limits`, which are by source. Every `now` is an aware time.

    Use it outside of a transaction: what is counted must be seen by others at once.
    """

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        self._limits = limits

    def take(self, source: str, calls: int, now: datetime) -> Granted | Refused:
        """Count calls against every limit of a source, or say why they must not be made.

        All of them are granted or none. ValueError when they can never fit.
        """
        limit = self._limits[source]
        _check_calls(limit, calls)
        refused = self.standing(source, now)
        if refused is not None:
            return refused
        try:
            noted = _note(limit, calls, now)
            if isinstance(noted, Full):
                return _full(limit, noted, now)
            with transaction.atomic(durable=True):
                usage.add(limit.budget, usage.floor(now, MINUTE), MINUTE, Counts(calls=calls))
            if budget_windows.lives(limit, noted.life):
                return Granted()
        except redis.RedisError as error:
            logger.warning("budget of %s not taken: %s", source, error)
            return Refused(Reason.NO_BUDGET, None, f"Redis does not answer: {error}")
        # Whoever primed the new log may have read rows before ours was there.
        return Refused(Reason.NO_BUDGET, None, "Redis lost the count of calls meanwhile.")

    def standing(self, source: str, now: datetime) -> Refused | None:
        """Return what keeps a source from being asked, apart from its counts; None: nothing."""
        state = SourceState.objects.filter(source=self._limits[source].budget).first()
        if state is None:
            return None
        spent, cooling = state.month_spent_until, state.cooling_until
        if spent is not None and now < spent:
            return Refused(Reason.MONTH_SPENT, spent, f"{source} says that its month is spent.")
        if cooling is not None and now < cooling:
            return Refused(Reason.COOLING, cooling, f"{source} cools down after {state.reason}.")
        return None

    def cool(self, source: str, until: datetime, reason: Reason) -> None:
        """Leave a source alone until a time; a longer pause that is there already stays."""
        with transaction.atomic(durable=True):
            _lengthen(self._state(source), until, reason).save()

    def month_spent(self, source: str, now: datetime) -> datetime:
        """Leave a source alone until the next calendar month in UTC, and return its start."""
        until = next_month(now)
        with transaction.atomic(durable=True):
            state = self._state(source)
            state.reason = Reason.MONTH_SPENT
            state.month_spent_until = max(until, state.month_spent_until or until)
            state.save()
        return until

    def worked(self, source: str, now: datetime, outcome: Outcome) -> None:
        """Keep how a call went that was answered; the next failure is a first one again.

        `now` is when the call was granted. A source that cools down meanwhile goes on to.
        """
        self._keep(source, now, outcome)
        idle = Q(cooling_until=None) | Q(cooling_until__lte=now)
        states = SourceState.objects.filter(idle, source=self._limits[source].budget)
        states.exclude(failures=0).update(failures=0)

    def failed(
        self, source: str, now: datetime, failure: SourceFailure, outcome: Outcome, luck: Random
    ) -> datetime:
        """Keep how a call failed, leave the source alone for a while, and return until when.

        :raises ValueError: the failure is that the source was not asked.
        """
        reason = failure.reason
        if reason in NOT_ASKED:
            raise ValueError(f"{reason} is no failure of {source}")
        self._keep(source, now, outcome)
        if reason is Reason.MONTH_SPENT:
            return self.month_spent(source, now)
        with transaction.atomic(durable=True):
            state = self._state(source)
            # Calls in flight together fail together: that is one failure.
            if state.cooling_until is None or state.cooling_until <= now:
                state.failures += 1
            until = cooling_until(reason, state.failures, failure.retry_after_seconds, now, luck)
            _lengthen(state, until, reason).save()
        return until

    def compared(self, source: str, now: datetime, agreements: int, disagreements: int) -> None:
        """Keep how many prices of a source others confirmed, and how many they did not."""
        counts = Counts(agreements=agreements, disagreements=disagreements)
        usage.add(self._limits[source].budget, usage.floor(now, MINUTE), MINUTE, counts)

    def _keep(self, source: str, now: datetime, outcome: Outcome) -> None:
        start = usage.floor(now, MINUTE)
        usage.add(self._limits[source].budget, start, MINUTE, usage.counts_of(outcome))

    def _state(self, source: str) -> SourceState:
        """Return the row of a source, locked."""
        budget = self._limits[source].budget
        SourceState.objects.bulk_create([SourceState(source=budget)], ignore_conflicts=True)
        return SourceState.objects.select_for_update().get(source=budget)


def _check_calls(limit: Limit, calls: int) -> None:
    bounds = [most for _, most in limit.windows()]
    if limit.month_calls is not None:
        bounds.append(limit.month_calls)
    most = min(bounds, default=calls)
    if not 1 <= calls <= most:
        raise ValueError(f"{calls} calls of {limit.source} at once; allowed are 1 to {most}")


def _note(limit: Limit, calls: int, now: datetime) -> Noted | Full:
    """Note calls in Redis; when it has lost its own, rows are read first."""
    for _ in range(_PRIMINGS):
        try:
            return budget_windows.note(limit, calls, now)
        except Unprimed:
            _prime(limit, now)
    raise redis.RedisError(f"it lost the count of {limit.source} {_PRIMINGS} times")


def _prime(limit: Limit, now: datetime) -> None:
    life = uuid4().hex
    budget_windows.claim(limit, life)
    span = timedelta(seconds=max((seconds for seconds, _ in limit.windows()), default=0))
    budget_windows.prime(limit, life, usage.past(limit.budget, now, span))


def _full(limit: Limit, full: Full, now: datetime) -> Refused:
    if full.until is None:
        why = f"The month's {limit.month_calls} calls of {limit.source} are used up."
        return Refused(Reason.MONTH_SPENT, next_month(now), why)
    why = f"As many calls of {limit.source} were made as its limits allow."
    return Refused(Reason.NO_BUDGET, full.until, why)


def _lengthen(state: SourceState, until: datetime, reason: Reason) -> SourceState:
    if state.cooling_until is None or until >= state.cooling_until:
        state.cooling_until, state.reason = until, reason.value
    return state
