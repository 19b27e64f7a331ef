"""Calls are made again when that is of use, and not for longer than there is time."""

import pytest

from paper_trading.services import patience
from paper_trading.services.patience import Patience
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure
from tests.services.token_bodies import NOW

REQUEST = Request("https://a.example", "a call", ())
ANSWER = Answer({}, NOW)


class Scripted:
    """Fails as told, one failure a call, and answers then."""

    def __init__(self, *failures: tuple[Reason, float | None]) -> None:
        self.failures = [SourceFailure(reason, "no", after) for reason, after in failures]
        self.waits: list[float] = []
        self.calls = 0
        self.patience = Patience(self.ask, self.waits.append)

    def ask(self, source: str, request: Request) -> Answer:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return ANSWER


@pytest.mark.parametrize("reason", [Reason.COOLING, Reason.NO_BUDGET, Reason.THROTTLED])
def test_a_call_is_made_again_when_the_time_has_come_that_was_said(reason: Reason) -> None:
    made = Scripted((reason, 12.5), (reason, 0), (reason, -1), (reason, 80))
    assert made.patience.asked("a", REQUEST) is ANSWER
    assert made.waits == [13, 0.5, 0.5, 80.5]


def test_it_is_made_again_four_times() -> None:
    made = Scripted(*[(Reason.NO_BUDGET, 1.0)] * 9)
    with pytest.raises(SourceFailure):
        made.patience.asked("a", REQUEST)
    assert (made.calls, made.waits) == (5, [1.5] * 4)


@pytest.mark.parametrize("after", [None, 81, 3600])
def test_what_is_not_soon_is_not_waited_for(after: float | None) -> None:
    made = Scripted((Reason.NO_BUDGET, after))
    with pytest.raises(SourceFailure, match="NO_BUDGET"):
        made.patience.asked("a", REQUEST)
    assert (made.calls, made.waits) == (1, [])


def test_all_waits_together_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ALL_WAITS_SECONDS", 100.0)
    made = Scripted((Reason.COOLING, 60), (Reason.COOLING, 60))
    with pytest.raises(SourceFailure):
        made.patience.asked("a", REQUEST)
    assert made.waits == [60.5]


def test_a_failure_of_the_moment_is_tried_once_more() -> None:
    made = Scripted((Reason.TIMED_OUT, None))
    assert made.patience.asked_twice("a", REQUEST) is ANSWER
    assert made.waits == [9]
    final = Scripted((Reason.REQUEST_REFUSED, None))
    with pytest.raises(SourceFailure):
        final.patience.asked_twice("a", REQUEST)
    assert (final.calls, final.waits) == (1, [])


def test_a_source_that_is_away_is_not_waited_for_until_it_is_tried_again() -> None:
    made = Scripted((Reason.UNREACHABLE, None), (Reason.COOLING, 8.0), (Reason.UNREACHABLE, None))
    for _ in range(2):
        with pytest.raises(SourceFailure, match="UNREACHABLE"):
            made.patience.asked("a", REQUEST)
    made.failures = [SourceFailure(Reason.COOLING, "cools", 8.0) for _ in range(2)]
    with pytest.raises(SourceFailure, match="COOLING"):
        made.patience.asked("a", REQUEST)
    assert made.patience.again()
    assert made.patience.asked("a", REQUEST) is ANSWER
    assert made.waits == [8.5, 9, 8.5]
