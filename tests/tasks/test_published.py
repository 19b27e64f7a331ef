"""What lies on the wire: messages of beat expire, messages of stages carry ids only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import kombu
import pytest
from django.conf import settings
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from dexproject.celery import app
from paper_trading.bot.progress import Step
from paper_trading.engine.enums import Stage
from tasks import open_tick, sending
from tasks.schedule import EXPIRE_SECONDS, entries, synchronise
from tests.tasks.broker import Published, emptied, taken

#: The scheduler of beat closes connections, as it may outside of a test's transaction alone.
beats = pytest.mark.django_db(transaction=True)
MOMENT = timedelta(seconds=5)


@pytest.fixture
def broker() -> Iterator[kombu.Connection]:
    with emptied() as connection:
        yield connection


@pytest.fixture
def without_expiry_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the tasks' own expiry away: what is left on a message comes from beat's row."""
    for entry in entries(None):
        task = app.tasks[entry.task]
        monkeypatch.setattr(task, "expires", None)
        monkeypatch.setattr(task, "_exec_options", None)


def one_beat(broker: kombu.Connection) -> dict[str, Published]:
    """Let a real scheduler send all entries that are due."""
    scheduler = DatabaseScheduler(app=app, lazy=False)
    for entry in scheduler.schedule.values():
        entry.last_run_at = datetime.now(UTC) - timedelta(hours=1)
    for _ in scheduler.schedule:
        scheduler.tick()
    scheduler.close()
    return {message.task: message for message in taken(broker)}


@beats
@pytest.mark.usefixtures("without_expiry_of_their_own")
def test_a_message_of_beat_expires_by_its_row(broker: kombu.Connection) -> None:
    synchronise(1_000)
    before = datetime.now(UTC)
    sent = one_beat(broker)
    assert sent.keys() == {entry.task for entry in entries(None)}
    for message in sent.values():
        assert message.expires is not None
        left = message.expires - before
        assert timedelta() < left <= timedelta(seconds=EXPIRE_SECONDS) + MOMENT


@beats
@pytest.mark.usefixtures("without_expiry_of_their_own")
def test_a_row_without_expiry_would_be_noticed(broker: kombu.Connection) -> None:
    synchronise(1_000)
    PeriodicTask.objects.update(expire_seconds=None)
    assert [message.expires for message in one_beat(broker).values()] == [None] * 4


@beats
def test_a_message_of_beat_expires_by_its_task_too(broker: kombu.Connection) -> None:
    synchronise(1_000)
    PeriodicTask.objects.update(expire_seconds=None)
    assert all(message.expires is not None for message in one_beat(broker).values())


@beats
def test_a_message_of_beat_goes_to_the_queue_of_its_row(broker: kombu.Connection) -> None:
    synchronise(1_000)
    queues = {task: message.queue for task, message in one_beat(broker).items()}
    assert queues == {entry.task: entry.queue for entry in entries(1_000)}


@pytest.mark.parametrize("stage", sending.TASKS)
def test_a_stage_is_asked_for_by_ids_alone(stage: Stage, broker: kombu.Connection) -> None:
    before = datetime.now(UTC)
    sending.send([Step(stage, 2**62, 63)])
    (message,) = taken(broker)
    assert message.task == sending.TASKS[stage]
    assert message.args == ([2**62, 63] if stage is Stage.ANALYSIS else [2**62])
    assert message.kwargs == {}
    assert message.queue == settings.CELERY_TASK_ROUTES[message.task]["queue"]
    assert message.content_type == "application/json"
    assert message.size < 1_200
    assert message.expires is not None
    assert before < message.expires <= before + timedelta(seconds=sending.EXPIRES_SECONDS) + MOMENT


def test_a_fan_out_is_one_message_a_chunk(broker: kombu.Connection) -> None:
    sending.send([Step(Stage.ANALYSIS, 7, chunk) for chunk in range(9)])
    sent = taken(broker)
    assert [message.args for message in sent] == [[7, chunk] for chunk in range(9)]
    assert {message.queue for message in sent} == {"analysis"}


def test_a_manual_tick_is_asked_for_by_the_id_of_its_session(broker: kombu.Connection) -> None:
    open_tick.send_manual(5)
    (message,) = taken(broker)
    assert (message.task, message.args, message.kwargs) == ("tasks.open_manual_tick", [5], {})
    assert message.expires is not None
    assert message.size < 1_200


def test_the_broker_takes_nothing_but_json() -> None:
    assert app.conf.task_serializer == "json"
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.result_backend is None
