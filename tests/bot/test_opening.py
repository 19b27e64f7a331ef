"""Stage open: each due slot leaves one row, whoever and how many look for it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from pytest_django import Settings

from paper_trading.bot import clock, controls, endings, opening, progress, stages
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    ManualRequest,
    Market,
    PaperTradingSession,
    RequestKind,
    Tick,
    TickReason,
    TickStatus,
    Trigger,
)
from tests import builders as make
from tests.bot import worlds
from tests.bot.threads import at_once


def due_session(
    slots_missed: int = 0, interval_ms: int = 3_600_000, market: Market | None = None
) -> PaperTradingSession:
    """Return a session whose current slot is due, behind some that nobody served."""
    now = opening.slot_of(clock.now(), interval_ms)
    account = make.make_account(market=market)
    return make.make_session(account, interval_ms=interval_ms, last_slot=now - 1 - slots_missed)


@pytest.mark.parametrize("interval_ms", [200, 250, 1_000, 15_000, 3_600_000])
def test_a_slot_is_the_clock_over_the_interval_rounded_down(interval_ms: int) -> None:
    moment = datetime(2026, 11, 22, 13, 0, 0, 123_000, tzinfo=UTC)
    milliseconds = 1_795_352_400_123
    slot = opening.slot_of(moment, interval_ms)
    assert slot == milliseconds // interval_ms
    start = opening.slot_start(slot, interval_ms)
    assert start <= moment < start + timedelta(milliseconds=interval_ms)
    assert opening.slot_of(start, interval_ms) == slot
    assert opening.slot_of(start - timedelta(milliseconds=1), interval_ms) == slot - 1


@pytest.mark.django_db
def test_a_due_slot_becomes_an_open_tick_with_its_journal() -> None:
    session = due_session()
    session.entries_paused = session.halted = True
    session.start_step, session.intel_level = 600, 7
    session.save()
    [tick_id] = opening.open_due_ticks()
    tick = Tick.objects.get(pk=tick_id)
    assert tick.slot == opening.slot_of(tick.opened_at, session.interval_ms)
    assert (tick.number, tick.step, tick.status) == (1, 600, TickStatus.OPEN)
    assert (tick.stage, tick.attempt, tick.trigger) == (Stage.PRICES, 1, Trigger.BEAT)
    assert (tick.intel_level, tick.entries_paused, tick.halted) == (7, True, True)
    assert tick.strategy_version == session.strategy.current_version()
    assert worlds.stage_names(tick) == [(Stage.OPEN, 0)]
    assert progress.next_steps(tick.pk) == [progress.Step(Stage.PRICES, tick.pk)]
    session.refresh_from_db()
    assert (session.last_slot, session.last_number) == (tick.slot, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(("interval_ms", "seconds"), [(200, 5), (3_600_000, 3_600)])
def test_the_deadline_is_slot_and_interval_but_at_least_five_seconds(
    interval_ms: int, seconds: int
) -> None:
    due_session(interval_ms=interval_ms)
    tick = Tick.objects.get(pk__in=opening.open_due_ticks())
    assert tick.slot is not None
    assert tick.deadline_at == opening.slot_start(tick.slot, interval_ms) + timedelta(
        seconds=seconds
    )
    assert tick.lease_until == tick.opened_at + progress.LEASE


@pytest.mark.django_db
def test_a_slot_with_a_row_is_not_due_again() -> None:
    due_session()
    assert len(opening.open_due_ticks()) == 1
    assert opening.open_due_ticks() == []
    assert Tick.objects.count() == 1


@pytest.mark.django_db
def test_a_stopped_session_has_no_due_slot() -> None:
    session = due_session()
    controls.stop(session)
    assert opening.open_due_ticks() == []
    assert not Tick.objects.exists()


@pytest.mark.django_db
def test_every_missed_slot_becomes_a_row_of_its_own() -> None:
    session = due_session(slots_missed=3)
    [tick_id] = opening.open_due_ticks()
    current = Tick.objects.get(pk=tick_id)
    assert current.slot is not None
    skipped = Tick.objects.exclude(pk=tick_id).order_by("slot")
    assert [tick.slot for tick in skipped] == [current.slot - 3, current.slot - 2, current.slot - 1]
    assert {(tick.status, tick.reason) for tick in skipped} == {
        (TickStatus.SKIPPED, TickReason.NOT_SERVED)
    }
    assert {tick.number for tick in skipped} == {None}
    session.refresh_from_db()
    assert session.last_number == current.number == 1


@pytest.mark.django_db
def test_a_long_gap_takes_several_passes_and_loses_no_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "GAP_ROWS", 4)
    session = due_session(slots_missed=10)
    opened = [opening.open_due_ticks() for _ in range(3)]
    assert [len(found) for found in opened] == [0, 0, 1]
    slots = [tick.slot or 0 for tick in session.ticks.order_by("slot")]
    assert slots == list(range(slots[0], slots[0] + 11))
    assert session.ticks.filter(reason=TickReason.NOT_SERVED).count() == 10


@pytest.mark.django_db
def test_a_slot_that_comes_while_a_tick_is_open_is_skipped_as_overlap() -> None:
    session = due_session()
    [first] = opening.open_due_ticks()
    PaperTradingSession.objects.update(last_slot=session.last_slot - 1)
    Tick.objects.update(slot=session.last_slot - 5)
    assert opening.open_due_ticks() == []
    skipped = Tick.objects.exclude(pk=first).order_by("slot")
    assert [(tick.status, tick.reason) for tick in skipped] == [
        (TickStatus.SKIPPED, TickReason.NOT_SERVED),
        (TickStatus.SKIPPED, TickReason.OVERLAP),
    ]
    assert Tick.objects.get(pk=first).status == TickStatus.OPEN


@pytest.mark.django_db
def test_only_the_sessions_asked_for_are_opened() -> None:
    mine, other = due_session(), due_session()
    [tick_id] = opening.open_due_ticks(Trigger.BOT, [mine.pk])
    assert Tick.objects.get(pk=tick_id).session == mine
    assert Tick.objects.get(pk=tick_id).trigger == Trigger.BOT
    assert not other.ticks.exists()


@pytest.mark.django_db
def test_a_change_of_the_strategy_is_read_by_the_next_tick_only() -> None:
    session = due_session(interval_ms=200)
    [first] = opening.open_due_ticks()
    session.strategy.stop_loss_percent = Decimal(9)
    session.strategy.save()
    Tick.objects.filter(pk=first).update(status=TickStatus.CLOSED, closed_at=clock.now())
    second = worlds.open_tick(session)
    versions = [Tick.objects.get(pk=pk).strategy_version for pk in (first, second.pk)]
    assert [version.number for version in versions if version] == [1, 2]


@pytest.mark.django_db
def test_a_manual_tick_has_no_slot_and_the_next_number() -> None:
    session = due_session()
    request = controls.request_tick(session, session.account.owner)
    tick_id = opening.open_manual_tick(session.pk)
    assert tick_id is not None
    tick = Tick.objects.get(pk=tick_id)
    assert (tick.slot, tick.number, tick.trigger) == (None, 1, Trigger.MANUAL)
    assert tick.deadline_at is not None
    assert tick.deadline_at - tick.opened_at == timedelta(hours=1)
    request.refresh_from_db()
    assert request.tick == tick
    assert opening.open_manual_tick(session.pk) is None


@pytest.mark.django_db
def test_a_manual_tick_is_skipped_while_one_is_open() -> None:
    session = due_session()
    [open_id] = opening.open_due_ticks()
    request = controls.request_tick(session, session.account.owner)
    assert opening.open_manual_tick(session.pk) is None
    request.refresh_from_db()
    assert request.tick is not None
    assert request.tick.pk != open_id
    assert (request.tick.status, request.tick.reason) == (TickStatus.SKIPPED, TickReason.OVERLAP)
    session.refresh_from_db()
    assert session.last_number == 1


@pytest.mark.django_db
def test_a_manual_tick_of_a_session_that_stopped_meanwhile_is_skipped() -> None:
    session = due_session()
    request = controls.request_tick(session, session.account.owner)
    controls.stop(session)
    assert opening.open_manual_tick(session.pk) is None
    request.refresh_from_db()
    assert request.tick is not None
    assert request.tick.reason == TickReason.SESSION_STOPPED


@pytest.mark.django_db
def test_each_request_is_answered_by_one_row_the_oldest_first() -> None:
    session = due_session()
    requests = [controls.request_tick(session, session.account.owner) for _ in range(2)]
    opening.open_manual_tick(session.pk)
    opening.open_manual_tick(session.pk)
    ticks = [ManualRequest.objects.get(pk=request.pk).tick for request in requests]
    assert [tick.status for tick in ticks if tick] == [TickStatus.OPEN, TickStatus.SKIPPED]


@pytest.mark.django_db
def test_a_request_to_close_is_no_request_of_a_tick() -> None:
    session = due_session()
    make.make_request(session, kind=RequestKind.CLOSE_POSITION, token=make.make_token())
    assert opening.open_manual_tick(session.pk) is None
    assert opening.waiting_manual_sessions(timedelta(0)) == []


@pytest.mark.django_db
def test_a_request_that_nobody_took_up_is_found_after_its_wait() -> None:
    session = due_session()
    request = controls.request_tick(session, session.account.owner)
    assert opening.waiting_manual_sessions(timedelta(seconds=60)) == []
    ManualRequest.objects.update(requested_at=request.requested_at - timedelta(seconds=61))
    assert opening.waiting_manual_sessions(timedelta(seconds=60)) == [session.pk]
    opening.open_manual_tick(session.pk)
    assert opening.waiting_manual_sessions(timedelta(seconds=60)) == []


@pytest.mark.django_db
def test_the_number_counts_executed_ticks_and_the_step_follows_it(market: Market) -> None:
    session = worlds.running_session(market)
    first = worlds.open_tick(session)
    controls.request_tick(session, session.account.owner)
    assert opening.open_manual_tick(session.pk) is None
    stages.run_to_end(first.pk)
    second = worlds.run_tick(session)
    assert (second.number, second.step) == (2, session.start_step + 1)
    assert session.ticks.filter(number=None, status=TickStatus.SKIPPED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_at_once_open_one_tick_a_session() -> None:
    sessions = [due_session(slots_missed=2) for _ in range(3)]
    opened = at_once([opening.open_due_ticks for _ in range(4)])
    assert sum(len(found) for found in opened) == 3
    for session in sessions:
        assert session.ticks.filter(status=TickStatus.OPEN).count() == 1
        assert session.ticks.count() == 3


@pytest.mark.django_db(transaction=True)
def test_one_request_taken_up_twice_at_once_opens_one_tick() -> None:
    session = due_session()
    controls.request_tick(session, session.account.owner)
    opened = at_once([partial(opening.open_manual_tick, session.pk)] * 3)
    assert [found for found in opened if found is not None] == [
        session.ticks.values_list("pk", flat=True).get()
    ]


@pytest.mark.django_db(transaction=True)
def test_a_manual_tick_and_the_dispatcher_at_once_open_one_tick() -> None:
    session = due_session()
    controls.request_tick(session, session.account.owner)
    dispatch: list[Callable[[], object]] = [
        opening.open_due_ticks,
        partial(opening.open_manual_tick, session.pk),
    ]
    at_once(dispatch)
    opening.open_due_ticks()
    assert session.ticks.filter(status=TickStatus.OPEN).count() == 1
    assert session.ticks.filter(number=1).count() == 1
    assert session.ticks.filter(reason=TickReason.OVERLAP).count() == 1


@pytest.mark.django_db(transaction=True)
def test_sessions_that_share_a_new_strategy_can_be_opened_at_once() -> None:
    first = due_session()
    second = make.make_session(
        make.make_account(first.account.owner), strategy=first.strategy, interval_ms=3_600_000
    )
    for session in (first, second):
        controls.request_tick(session, session.account.owner)
    opened = at_once([partial(opening.open_manual_tick, row.pk) for row in (first, second)])
    assert None not in opened
    assert first.strategy.versions.count() == 1


@pytest.mark.django_db
def test_no_more_ticks_open_than_the_workers_can_carry_and_the_least_served_come_first(
    settings: Settings,
) -> None:
    settings.OPEN_TICKS = 2
    first, second, third = (due_session() for _ in range(3))
    PaperTradingSession.objects.filter(pk=first.pk).update(ticks_closed=5)
    opened = opening.open_due_ticks()
    sessions = Tick.objects.filter(pk__in=opened).values_list("session_id", flat=True)
    assert set(sessions) == {second.pk, third.pk}
    assert not first.ticks.exists()
    assert opening.open_due_ticks() == []
    endings.fail(Tick.objects.select_related("session__account").get(pk=opened[0]))
    (later,) = opening.open_due_ticks()
    assert Tick.objects.get(pk=later).session_id == first.pk
