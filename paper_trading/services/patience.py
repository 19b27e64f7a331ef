"""Calls that are made again when that is of use: outside of ticks, where there is time to wait."""

import time
from collections import Counter
from collections.abc import Callable

from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure

#: The longest that is waited for at a time: budgets of calls are by the minute, and a source that
#: throttles is first left alone for up to 75 s.
LONGEST_WAIT_SECONDS = 80.0
#: Beyond the time that was said: clocks and pauses are not exact.
SPARE_SECONDS = 0.5
#: How often a call is made again.
TRIES = 4
#: Sources that failed are left alone for 8 to 10 s: then they are asked once more.
SECOND_PASS_SECONDS = 9.0
#: All waits together: the task that fetches a market's past must end in time.
ALL_WAITS_SECONDS = 200.0
#: So many failures in a row say that a source is away: what is left of a pass is not waited for.
AWAY = 2
#: A source that is not well, whatever it is asked.
_UNWELL = frozenset({Reason.SERVER_ERROR, Reason.TIMED_OUT, Reason.UNREACHABLE})
_MAY_PASS = _UNWELL | {Reason.THROTTLED, Reason.COOLING}

#: Asks a source by its name; it keeps to the budgets. SourceFailure when there is no answer.
Ask = Callable[[str, Request], Answer]


def may_pass(failure: SourceFailure) -> bool:
    """Say whether a failure is of the moment: neither of what was asked, nor for long."""
    pause = failure.retry_after_seconds
    is_long = pause is not None and pause > LONGEST_WAIT_SECONDS
    return failure.reason in _MAY_PASS and not is_long


class Patience:
    """Asks sources, and waits when that is said to be of use, as long as there is time."""

    def __init__(self, ask: Ask, wait: Callable[[float], object] = time.sleep) -> None:
        self._ask = ask
        self._wait = wait
        self._left = ALL_WAITS_SECONDS
        #: Failures in a row, by source, of a source that is not well.
        self._away: Counter[str] = Counter()

    def asked(self, source: str, request: Request) -> Answer:
        """Return the answer to a call, made again when the time has come that was said.

        :raises SourceFailure: no time was said, it is too far away, or it did not help.
        """
        for _ in range(TRIES):
            try:
                return self._once(source, request)
            except SourceFailure as failure:
                if not self._waited(source, failure):
                    raise
        return self._once(source, request)

    def asked_twice(self, source: str, request: Request) -> Answer:
        """Return the answer to a call, made once more after a failure that may pass.

        :raises SourceFailure: that did not help, or could not.
        """
        try:
            return self.asked(source, request)
        except SourceFailure as failure:
            if not may_pass(failure) or not self.again():
                raise
        return self.asked(source, request)

    def again(self) -> bool:
        """Wait for sources that failed, and say whether there was time to."""
        self._away.clear()
        return self._pause(SECOND_PASS_SECONDS)

    def _once(self, source: str, request: Request) -> Answer:
        try:
            answer = self._ask(source, request)
        except SourceFailure as failure:
            if failure.reason in _UNWELL:
                self._away[source] += 1
            raise
        self._away.pop(source, None)
        return answer

    def _waited(self, source: str, failure: SourceFailure) -> bool:
        pause = failure.retry_after_seconds
        is_away = failure.reason is Reason.COOLING and self._away[source] >= AWAY
        if pause is None or pause > LONGEST_WAIT_SECONDS or is_away:
            return False
        return self._pause(max(pause, 0.0) + SPARE_SECONDS)

    def _pause(self, seconds: float) -> bool:
        if seconds > self._left:
            return False
        self._left -= seconds
        self._wait(seconds)
        return True
