"""What people may ask of a session, and every way in which it is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from paper_trading.bot import clock, controls, opening
from paper_trading.bot.controls import ControlRefused
from paper_trading.models import (
    PaperTradingAccount,
    PaperTradingSession,
    RequestKind,
    SessionStatus,
    StopReason,
)
from paper_trading.services.websocket_service import WebSocketService
from tests import builders as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> PaperTradingSession:
    now = opening.slot_of(clock.now(), 15_000)
    return make.make_session(last_slot=now)


@pytest.fixture
def stopped(session: PaperTradingSession) -> PaperTradingSession:
    controls.stop(session)
    session.refresh_from_db()
    return session


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Any]]:
    sent: list[tuple[int, Any]] = []
    monkeypatch.setattr(
        WebSocketService, "publish", lambda _, owner, event: sent.append((owner, event))
    )
    return sent


def test_stop_ends_a_session_with_its_reason_and_time(session: PaperTradingSession) -> None:
    controls.stop(session)
    session.refresh_from_db()
    assert (session.status, session.stop_reason) == (SessionStatus.STOPPED, StopReason.REQUESTED)
    assert session.stopped_at is not None


def test_start_goes_on_without_the_slots_it_missed_while_stopped(
    stopped: PaperTradingSession,
) -> None:
    PaperTradingSession.objects.update(last_slot=5)
    controls.start(stopped)
    stopped.refresh_from_db()
    assert (stopped.status, stopped.stop_reason, stopped.stopped_at) == (
        SessionStatus.RUNNING,
        "",
        None,
    )
    assert stopped.last_slot >= opening.slot_of(clock.now(), stopped.interval_ms) - 1
    opening.open_due_ticks()
    assert not stopped.ticks.filter(status="SKIPPED").exists()


def test_start_takes_a_reached_limit_away_and_keeps_one_that_is_not(
    stopped: PaperTradingSession,
) -> None:
    for limit, left in ((3, None), (4, 4)):
        PaperTradingSession.objects.update(tick_limit=limit, ticks_closed=3)
        controls.start(stopped)
        stopped.refresh_from_db()
        assert stopped.tick_limit == left
        controls.stop(stopped)


@pytest.mark.parametrize(
    ("act", "undo", "flag"),
    [
        (controls.pause, controls.resume, "entries_paused"),
        (controls.halt, controls.unhalt, "halted"),
    ],
)
def test_a_flag_is_set_released_and_never_set_twice(
    session: PaperTradingSession,
    act: Callable[[PaperTradingSession], None],
    undo: Callable[[PaperTradingSession], None],
    flag: str,
) -> None:
    act(session)
    session.refresh_from_db()
    assert getattr(session, flag) is True
    with pytest.raises(ControlRefused, match="already"):
        act(session)
    undo(session)
    session.refresh_from_db()
    assert getattr(session, flag) is False
    with pytest.raises(ControlRefused, match="already"):
        undo(session)


@pytest.mark.parametrize(
    "act",
    [
        controls.stop,
        controls.pause,
        controls.resume,
        controls.halt,
        controls.unhalt,
        lambda row: controls.request_tick(row, row.account.owner),
        lambda row: controls.request_close(row, make.make_token(), row.account.owner),
    ],
)
def test_a_stopped_session_takes_no_orders(
    stopped: PaperTradingSession, act: Callable[[PaperTradingSession], Any]
) -> None:
    with pytest.raises(ControlRefused, match=rf"Session {stopped.pk} is stopped\."):
        act(stopped)


def test_a_running_session_is_not_started(session: PaperTradingSession) -> None:
    with pytest.raises(ControlRefused, match="is running already"):
        controls.start(session)


def test_a_session_beside_a_running_one_is_not_started(stopped: PaperTradingSession) -> None:
    first = make.make_session(make.make_account(), last_slot=0)
    controls.stop(first)
    PaperTradingSession.objects.filter(pk=first.pk).update(account=stopped.account)
    PaperTradingSession.objects.filter(pk=stopped.pk).update(
        status=SessionStatus.RUNNING, stop_reason="", stopped_at=None
    )
    first.refresh_from_db()
    with pytest.raises(ControlRefused, match="already has a running session"):
        controls.start(first)


def test_a_session_with_a_successor_is_not_started(stopped: PaperTradingSession) -> None:
    make.make_session(stopped.account, strategy=stopped.strategy)
    with pytest.raises(ControlRefused, match="has a successor"):
        controls.start(stopped)


def test_a_session_of_an_archived_account_is_not_started(stopped: PaperTradingSession) -> None:
    PaperTradingAccount.objects.update(archived_at=make.START)
    with pytest.raises(ControlRefused, match="is archived"):
        controls.start(stopped)


@pytest.mark.parametrize("reason", [StopReason.RECORD_ENDED, StopReason.RECORD_CHANGED])
def test_a_session_whose_record_is_over_is_not_started(
    stopped: PaperTradingSession, reason: StopReason
) -> None:
    PaperTradingSession.objects.update(stop_reason=reason)
    with pytest.raises(ControlRefused, match="no more prices"):
        controls.start(stopped)


def test_a_request_names_who_asked(session: PaperTradingSession) -> None:
    person, token = make.make_user(), make.make_token()
    make.make_position(session, token)
    tick = controls.request_tick(session, person)
    close = controls.request_close(session, token, person)
    assert (tick.kind, tick.token, tick.requested_by) == (RequestKind.TICK, None, person)
    assert (close.kind, close.token, close.tick) == (RequestKind.CLOSE_POSITION, token, None)


def test_only_what_is_held_can_be_closed_and_only_once(session: PaperTradingSession) -> None:
    person, token = session.account.owner, make.make_token("LINK")
    make.make_closed_position(session, token)
    with pytest.raises(ControlRefused, match=r"There is no open position in LINK\."):
        controls.request_close(session, token, person)
    make.make_position(session, token)
    controls.request_close(session, token, person)
    with pytest.raises(ControlRefused, match="LINK is already marked to be closed"):
        controls.request_close(session, token, person)


def test_the_owner_hears_of_it_after_the_commit(
    session: PaperTradingSession,
    published: list[tuple[int, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    make.make_position(session, make.make_token())
    with django_capture_on_commit_callbacks(execute=True):
        controls.pause(session)
        controls.stop(session)
        controls.start(session)
        assert published == []
    assert [(owner, event["status"]) for owner, event in published] == [
        (session.account.owner_id, word) for word in ("paused", "stopped", "started")
    ]
    assert published[1][1]["text"] == "Session stopped. 1 open position is no longer managed."
