"""The beat rows: right for the shortest interval, written again only when they are wrong."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from paper_trading.models import SessionStatus, StopReason
from tasks.schedule import EXPIRE_SECONDS, entries, synchronise
from tests.builders import START, make_session

DISPATCH = "Open due ticks"


@pytest.mark.parametrize(
    ("shortest", "every"),
    [(None, 500), (3_600_000, 500), (15_000, 500), (1_000, 500), (998, 499), (500, 250),
     (200, 100), (60, 50)],
)  # fmt: skip
def test_dispatch_comes_at_least_twice_an_interval(shortest: int | None, every: int) -> None:
    dispatch, sweep, *_ = entries(shortest)
    assert dispatch.every_ms == every
    assert sweep.every_ms == 1_000


@pytest.mark.django_db
def test_a_row_expires_and_fires_as_its_entry_says() -> None:
    for entry in synchronise(400):
        row = PeriodicTask.objects.get(name=entry.name)
        assert row.expire_seconds == EXPIRE_SECONDS
        assert row.enabled
        assert row.interval.schedule.run_every.total_seconds() * 1000 == entry.every_ms


@pytest.mark.django_db
def test_writing_twice_changes_nothing_and_makes_beat_reload_nothing() -> None:
    synchronise(1_000)
    rows, changed = list(PeriodicTask.objects.values()), PeriodicTasks.last_change()
    synchronise(1_000)
    assert list(PeriodicTask.objects.values()) == rows
    assert PeriodicTasks.last_change() == changed


@pytest.mark.django_db
def test_the_shortest_running_interval_counts() -> None:
    make_session(interval_ms=800)
    make_session(interval_ms=5_000)
    make_session(
        interval_ms=200,
        status=SessionStatus.STOPPED,
        stop_reason=StopReason.REQUESTED,
        stopped_at=START,
    )
    assert synchronise()[0].every_ms == 400
    assert synchronise(300)[0].every_ms == 150
    assert synchronise(60_000)[0].every_ms == 400


@pytest.mark.django_db
def test_a_new_interval_is_written_to_the_row_that_is_there() -> None:
    synchronise(1_000)
    before = PeriodicTask.objects.get(name=DISPATCH)
    synchronise(400)
    after = PeriodicTask.objects.get(name=DISPATCH)
    assert after.pk == before.pk
    assert (before.interval.every, after.interval.every) == (500_000, 200_000)
    assert after.interval.period == IntervalSchedule.MICROSECONDS


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "wrong"),
    [("expire_seconds", None), ("task", "tasks.gone"), ("queue", "other"), ("enabled", False)],
)
def test_a_row_that_was_bent_is_put_right(column: str, wrong: object) -> None:
    synchronise()
    row = PeriodicTask.objects.get(name=DISPATCH)
    right = getattr(row, column)
    setattr(row, column, wrong)
    row.save()
    synchronise()
    row.refresh_from_db()
    assert getattr(row, column) == right
