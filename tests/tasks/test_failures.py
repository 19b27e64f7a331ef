"""An exception that no stage handles is kept with its tick; a server that is away is not ours."""

import pytest
import redis
from billiard.einfo import ExceptionInfo
from celery import Task
from django.db import IntegrityError, InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError

from dexproject.celery import app
from paper_trading.bot import stages
from paper_trading.engine.enums import Stage
from paper_trading.models import InternalError, Tick
from tasks import failures, sending
from tests.builders import make_session, make_tick

pytestmark = [pytest.mark.django_db, pytest.mark.internal_errors]
#: All stages of a tick; the two of opening count as stage open.
STAGE_OF = {name: stage for stage, name in sending.TASKS.items()} | {
    "tasks.open_due_ticks": Stage.OPEN,
    "tasks.open_manual_tick": Stage.OPEN,
    "tasks.sweep": Stage.OPEN,
}


@pytest.fixture
def tick() -> Tick:
    return make_tick(make_session())


def fail(task: "Task[..., None]", args: tuple[int, ...], error: Exception) -> None:
    """Tell of a failure as a worker does."""
    try:
        raise error
    except type(error):
        failures.keep(sender=task, args=args, exception=error, einfo=ExceptionInfo())


@pytest.mark.parametrize("name", STAGE_OF)
def test_the_traceback_is_kept_with_tick_and_stage(name: str, tick: Tick) -> None:
    fail(app.tasks[name], (tick.pk,), ZeroDivisionError("division of nothing"))
    kept = InternalError.objects.get()
    assert kept.stage == STAGE_OF[name]
    # The argument of the tasks that open ticks is no tick.
    assert kept.tick == (tick if name in sending.TASKS.values() else None)
    assert "ZeroDivisionError: division of nothing" in kept.traceback
    assert "test_failures.py" in kept.traceback


def test_a_failure_is_kept_when_its_tick_is_unknown() -> None:
    fail(app.tasks["tasks.prices"], (987_654,), ValueError("no such thing"))
    kept = InternalError.objects.get()
    assert (kept.tick, kept.stage) == (None, Stage.PRICES)


def test_a_broken_rule_of_the_database_is_ours(tick: Tick) -> None:
    fail(app.tasks["tasks.execution"], (tick.pk,), IntegrityError("account_money_not_negative"))
    assert InternalError.objects.get().tick == tick


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("server closed the connection"),
        InterfaceError("connection already closed"),
        BrokerError("connection refused"),
        redis.ConnectionError("connection refused"),
        redis.TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__module__ + "." + type(error).__name__,
)
def test_a_server_that_is_away_is_not_kept(error: Exception, tick: Tick) -> None:
    fail(app.tasks["tasks.auto_close"], (tick.pk,), error)
    assert not InternalError.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_task_that_fails_in_a_worker_is_kept(tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(stage: Stage, tick_id: int, chunk: int = 0) -> None:
        raise LookupError(f"{stage} {tick_id} {chunk}")

    monkeypatch.setattr(stages, "run", broken)
    app.tasks["tasks.analysis"].apply((tick.pk, 3))
    kept = InternalError.objects.get()
    assert (kept.tick, kept.stage) == (tick, Stage.ANALYSIS)
    assert f"LookupError: analysis {tick.pk} 3" in kept.traceback
