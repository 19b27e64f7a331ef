"""Every name by which a message is sent is the name of a task, on a queue that is served."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest
from django.conf import settings
from django_celery_beat.models import PeriodicTask
from kombu import Queue

import tasks
from dexproject.celery import app
from dexproject.embedded.apps import QUEUES
from paper_trading.engine.enums import Stage
from tasks import sending
from tasks.schedule import entries, synchronise

MODULES = sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))
OURS = sorted(name for name in app.tasks if name.startswith("tasks."))
#: The join is rows in Postgres; nothing may depend on a result that Celery keeps.
WORKFLOWS = {"chain", "chord", "chunks", "group", "signature", "xmap", "starmap"}


def route(task: str) -> str:
    """Return the queue to which a message without one goes."""
    queue = app.amqp.router.route({}, task)["queue"]
    assert isinstance(queue, Queue)
    return str(queue.name)


def served() -> set[str]:
    return {queue.name for queue in settings.CELERY_TASK_QUEUES}


@pytest.mark.django_db
@pytest.mark.parametrize("interval_ms", [None, 200, 15_000])
def test_every_beat_entry_names_a_task_and_a_served_queue(interval_ms: int | None) -> None:
    written = synchronise(interval_ms)
    rows = list(PeriodicTask.objects.order_by("pk"))
    assert {row.name for row in rows} == {entry.name for entry in written}
    for row in rows:
        assert row.task in app.tasks, f"{row.name} names no task: {row.task}"
        assert row.queue in served()
        assert row.queue == route(row.task)


@pytest.mark.parametrize("name", [entry.task for entry in entries(None)])
def test_beat_sends_tasks_of_ours_alone(name: str) -> None:
    assert name in OURS


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.OPEN])
def test_every_stage_is_sent_as_a_task_of_its_own(stage: Stage) -> None:
    name = sending.TASKS[stage]
    assert name in app.tasks
    assert name == f"tasks.{stage}"
    assert list(sending.TASKS.values()).count(name) == 1


def test_every_task_belongs_to_a_stage_or_to_the_opening_or_to_upkeep() -> None:
    opening = {"tasks.open_due_ticks", "tasks.open_manual_tick"}
    assert set(OURS) == set(sending.TASKS.values()) | opening | {
        "tasks.sweep",
        "tasks.review_pairs",
        "tasks.tend_live_markets",
    }
    assert Stage.OPEN not in sending.TASKS


@pytest.mark.parametrize("name", settings.CELERY_TASK_ROUTES)
def test_a_route_names_a_task_and_a_served_queue(name: str) -> None:
    assert name in app.tasks
    assert route(name) == settings.CELERY_TASK_ROUTES[name]["queue"]
    assert route(name) in served()


@pytest.mark.parametrize("name", OURS)
def test_a_task_has_a_route_and_keeps_no_result(name: str) -> None:
    assert name in settings.CELERY_TASK_ROUTES
    task = app.tasks[name]
    assert task.ignore_result is True
    assert task.acks_late
    assert task.reject_on_worker_lost


def test_the_launcher_serves_every_queue() -> None:
    assert set(QUEUES) == served()
    assert app.conf.task_create_missing_queues is False


@pytest.mark.parametrize("module", MODULES)
def test_a_task_is_declared_with_its_name_and_without_a_result(module: str) -> None:
    source = Path(importlib.import_module(f"tasks.{module}").__file__ or "").read_text()
    for call in shared_tasks(ast.parse(source)):
        given = {word.arg: word.value for word in call.keywords}
        assert {"name", "ignore_result"} <= given.keys()
        # Celery is to drop this option: routes are settings.
        assert "queue" not in given
        assert isinstance(given["name"], ast.Constant)
        assert given["name"].value in app.tasks


@pytest.mark.parametrize("module", MODULES)
def test_no_module_uses_a_workflow_of_celery(module: str) -> None:
    source = Path(importlib.import_module(f"tasks.{module}").__file__ or "").read_text()
    assert workflows(source) == set()


@pytest.mark.parametrize(
    "source",
    [
        "from celery import chain",
        "from celery.canvas import chord as c",
        "import celery\ncelery.group()",
        "run.signature((1,))",
        "run.chunks([], 2)",
    ],
)
def test_a_workflow_would_be_found(source: str) -> None:
    assert workflows(source)


@pytest.mark.parametrize("module", [name for name in MODULES if name in [*Stage, "sweep"]])
def test_a_module_of_a_stage_holds_one_task(module: str) -> None:
    source = Path(importlib.import_module(f"tasks.{module}").__file__ or "").read_text()
    assert len(shared_tasks(ast.parse(source))) == 1


def shared_tasks(tree: ast.AST) -> list[ast.Call]:
    """Return the decorators that make tasks; a bare one, which takes no options, is refused."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            assert not (isinstance(decorator, ast.Name) and decorator.id == "shared_task")
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "shared_task":
                found.append(decorator)
    return found


def workflows(source: str) -> set[str]:
    """Return the names of Celery's workflows that a module imports or calls."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("celery"):
            found |= {alias.name for alias in node.names} & WORKFLOWS
        if isinstance(node, ast.Attribute) and node.attr in WORKFLOWS | {"s", "si"}:
            found.add(node.attr)
    return found
