"""A message that is not sent costs nothing: rows say what is next, and the sweeper reads them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import kombu
import pytest
from celery import current_app
from django.utils import timezone

from paper_trading.bot import progress
from paper_trading.engine.enums import Stage
from paper_trading.models import ManualRequest, RequestKind, Tick, TickStatus
from tasks import open_tick, sending, sweep
from tests.builders import make_request, make_session, make_stage, make_tick
from tests.tasks.broker import emptied, taken

pytestmark = pytest.mark.django_db
PAST = timedelta(seconds=-1)
ASK_IN_VAIN = """
import django
django.setup()
from paper_trading.bot.progress import Step
from paper_trading.engine.enums import Stage
from tasks import open_tick, sending
sending.send([Step(Stage.ANALYSIS, 7, chunk) for chunk in range(3)])
open_tick.send_manual(5)
"""


@pytest.fixture
def broker() -> Iterator[kombu.Connection]:
    with emptied() as connection:
        yield connection


def open_at(stage: Stage, lease: timedelta, **fields: Any) -> Tick:
    """Make an open tick that waits for a stage; its lease ends at a distance from now."""
    now = timezone.now()
    return make_tick(
        make_session(),
        status=TickStatus.OPEN,
        stage=stage,
        closed_at=None,
        opened_at=now,
        lease_until=now + lease,
        deadline_at=now + timedelta(minutes=5),
        **fields,
    )


def test_a_broker_that_is_away_fails_nobody() -> None:
    """In a process of its own: Celery keeps its connections for as long as one lives."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"redis://127.0.0.1:{unused.getsockname()[1]}"
        told = subprocess.run(
            [sys.executable, "-c", ASK_IN_VAIN],
            env={**os.environ, "REDIS_URL": away},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stderr.splitlines()
    assert len(told) == 2
    assert "not sent, the sweeper will: tick 7 stage analysis" in told[0]
    assert "not sent, the sweeper will: manual tick of 5" in told[1]


@pytest.mark.parametrize("stage", sending.TASKS)
def test_the_sweeper_sends_what_was_never_sent(stage: Stage, broker: kombu.Connection) -> None:
    tick = open_at(stage, PAST, chunks_total=3)
    sweep.run()
    sent = taken(broker)
    chunks = range(3) if stage is Stage.ANALYSIS else [None]
    assert [message.task for message in sent] == [sending.TASKS[stage] for _ in chunks]
    assert [message.args for message in sent] == [
        [tick.pk] if chunk is None else [tick.pk, chunk] for chunk in chunks
    ]
    tick.refresh_from_db()
    assert tick.attempt == 2


def test_the_sweeper_sends_the_chunks_that_are_missing(broker: kombu.Connection) -> None:
    tick = open_at(Stage.ANALYSIS, PAST, chunks_total=4)
    make_stage(tick, Stage.ANALYSIS, chunk=0)
    make_stage(tick, Stage.ANALYSIS, chunk=2)
    sweep.run()
    assert [message.args for message in taken(broker)] == [[tick.pk, 1], [tick.pk, 3]]


def test_the_sweeper_leaves_a_tick_alone_that_is_at_work(broker: kombu.Connection) -> None:
    tick = open_at(Stage.PRICES, progress.LEASE)
    sweep.run()
    assert taken(broker) == []
    tick.refresh_from_db()
    assert tick.attempt == 1


def test_a_swept_tick_is_not_swept_again_at_once(broker: kombu.Connection) -> None:
    open_at(Stage.PRICES, PAST)
    sweep.run()
    sweep.run()
    assert len(taken(broker)) == 1


def test_the_sweeper_opens_a_manual_tick_whose_message_was_lost(broker: kombu.Connection) -> None:
    request = make_request(make_session())
    sweep.run()
    assert taken(broker) == []
    waited = timezone.now() - sweep.MANUAL_WAIT - timedelta(seconds=1)
    ManualRequest.objects.filter(kind=RequestKind.TICK).update(requested_at=waited)
    sweep.run()
    request.refresh_from_db()
    assert request.tick is not None
    assert [message.args for message in taken(broker)] == [[request.tick.pk]]
    assert request.tick.status == TickStatus.OPEN


def closed_meanwhile() -> None:
    """Do what kombu does when the broker dies while a message is on its way."""
    connection: Any = None
    connection.client()


def programming_error() -> None:
    message: Any = object()
    message.client()


def test_a_broker_that_dies_under_a_message_fails_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("tasks.close", "tasks.open_manual_tick"):
        task = current_app.tasks[name]
        monkeypatch.setattr(task, "apply_async", lambda *_, **__: closed_meanwhile())
    sending.send([progress.Step(Stage.CLOSE, 7)])
    open_tick.send_manual(5)
    assert "not sent, the sweeper will: tick 7 stage close" in caplog.text
    assert "not sent, the sweeper will: manual tick of 5" in caplog.text


def test_an_error_of_ours_is_not_taken_for_the_brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    task = current_app.tasks["tasks.close"]
    monkeypatch.setattr(task, "apply_async", lambda *_, **__: programming_error())
    with pytest.raises(AttributeError):
        sending.send([progress.Step(Stage.CLOSE, 7)])
