"""How long a source is left alone after a failure: pure; luck is an argument.

A provider that says when to come back is obeyed. One that throttles without saying so is left
alone for twice as long with each failure in a row. Pauses are spread a little, so that processes
and installations do not come back together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType

from paper_trading.services.sources.live.base import Reason

#: A pause is lengthened by up to this part of it, never shortened.
SPREAD = 0.25
#: Of what a provider says: a wrong header must not end a source for good.
LONGEST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Pause:
    """The pause after a first failure, and the longest one."""

    first_seconds: float
    longest_seconds: float


#: A source that is down is asked again at the next tick, so that its return costs none: at
#: that pace asking harms nobody.
_UNWELL = Pause(8, 8)
PAUSES: Mapping[Reason, Pause] = MappingProxyType(
    {
        Reason.THROTTLED: Pause(60, 3600),
        Reason.KEY_REFUSED: Pause(3600, 3600),
        Reason.SERVER_ERROR: _UNWELL,
        Reason.TIMED_OUT: _UNWELL,
        Reason.UNREACHABLE: _UNWELL,
        Reason.NOT_TLS: _UNWELL,
        Reason.TOO_LARGE: _UNWELL,
        Reason.BAD_BODY: _UNWELL,
        # A defect of ours stays until it is mended, and each time leaves a traceback.
        Reason.INTERNAL_ERROR: Pause(60, 3600),
        # What was asked was wrong, not the source: others may ask it something else.
        Reason.REQUEST_REFUSED: Pause(0, 0),
    }
)
#: We did not ask: that is no failure of the source.
NOT_ASKED = frozenset({Reason.NO_BUDGET, Reason.COOLING})


def next_month(now: datetime) -> datetime:
    """Return the start of the next calendar month in UTC."""
    first = month_start(now)
    return (first + timedelta(days=32)).replace(day=1)


def month_start(now: datetime) -> datetime:
    """Return the start of the calendar month in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def cooling_until(
    reason: Reason, failures: int, retry_after_seconds: float | None, now: datetime, luck: Random
) -> datetime:
    """Return when a source may be asked again after `failures` failures in a row, from 1.

    A month that is spent is over at the start of the next one; see `next_month`.

    :raises ValueError: the reason is that it was not asked at all.
    """
    if reason in NOT_ASKED:
        raise ValueError(f"{reason} is no failure of the source")
    if reason is Reason.MONTH_SPENT:
        return next_month(now)
    pause = PAUSES[reason]
    # Thirty doublings are years: no pause is longer, and no float overflows.
    doubled = pause.first_seconds * 2 ** min(max(failures, 1) - 1, 30)
    seconds = min(doubled, pause.longest_seconds) * (1 + SPREAD * luck.random())
    if retry_after_seconds is not None:
        # Said by the provider: not sooner, and no longer than that for our own reasons.
        seconds = min(max(retry_after_seconds, 1.0), LONGEST_SECONDS) * (1 + 0.05 * luck.random())
    return now + timedelta(seconds=seconds)
