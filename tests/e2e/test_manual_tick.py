"""A tick asked for in the admin goes through the same tasks as any other, and Flower shows it."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from paper_trading.engine.enums import Stage
from tasks.sending import TASKS
from tests.e2e.stack import Up, up, wait_for

pytestmark = pytest.mark.stack
SESSIONS = "admin/paper_trading/papertradingsession/"
TOKENS = 7
ANALYSIS = TASKS[Stage.ANALYSIS]
METRICS = TASKS[Stage.METRICS]
EVERY_TICK = [name for name in TASKS.values() if name not in (ANALYSIS, METRICS)]


@pytest.fixture(scope="module")
def running(record: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Run with slots an hour apart: every tick is one that somebody asked for."""
    options = f"--prices recorded:{record} --interval 3600"
    left = 3600 - time.time() % 3600
    if left < 120:
        time.sleep(left + 1)
    with up(tmp_path_factory.mktemp("manual"), *options.split()) as found:
        found.wait_until_it_runs()
        yield found


@pytest.fixture(scope="module")
def person(running: Up) -> requests.Session:
    """Log in to the admin with the password that was printed."""
    client = requests.Session()
    address = running.page + "admin/login/"
    answer = client.post(
        address,
        data={
            "username": "admin",
            "password": running.password,
            "csrfmiddlewaretoken": token(client.get(address, timeout=30)),
            "next": "/admin/",
        },
        timeout=30,
    )
    assert answer.status_code == 200
    assert answer.url == running.page + "admin/"
    return client


def token(answer: requests.Response) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.text)
    assert found, answer.text
    return found[1]


def ask_for_a_tick(running: Up, person: requests.Session) -> int:
    """Run the admin's action on the session and return the tick that came of it, closed."""
    address = running.page + SESSIONS
    form = {
        "action": "run_tick",
        "_selected_action": running.rows("SELECT id FROM paper_trading_papertradingsession")[0][0],
        "csrfmiddlewaretoken": token(person.get(address, timeout=30)),
    }
    before = manual_ticks(running)
    answer = person.post(address, data=form, headers={"Referer": address}, timeout=30)
    assert "tick asked for" in answer.text
    wait_for(lambda: manual_ticks(running) > before, "the tick is opened and in a final state")
    return max(manual_ticks(running) - before)


def manual_ticks(running: Up) -> set[int]:
    query = "SELECT id FROM paper_trading_tick WHERE trigger = 'MANUAL' AND status <> 'OPEN'"
    return {row[0] for row in running.rows(query)}


def flower(running: Up, path: str, *, login: bool = True) -> requests.Response:
    given = ("admin", running.password) if login else None
    return requests.get(running.flower + path, auth=given, timeout=30)


def shown(running: Up, tick: int) -> Counter[str]:
    """Return how often Flower shows each stage's task as done for a tick."""
    answer: dict[str, dict[str, Any]] = flower(running, "api/tasks?limit=5000").json()
    stages = [task for task in answer.values() if task["name"] in TASKS.values()]
    done = [task for task in stages if task["state"] == "SUCCESS"]
    return Counter(task["name"] for task in done if re.match(rf"[(\[]{tick}\b", task["args"]))


@pytest.fixture(scope="module")
def watched(running: Up) -> Up:
    """Wait until Flower hears the worker: what happened before is not shown."""

    def hears() -> bool:
        try:
            answer = flower(running, "workers?json=1")
        except requests.ConnectionError:
            return False
        return any(worker.get("status") for worker in answer.json()["data"])

    wait_for(hears, "Flower hears the worker")
    return running


def test_a_tick_from_the_admin_runs_through_all_stages_and_is_shown(
    watched: Up, person: requests.Session
) -> None:
    tick = ask_for_a_tick(watched, person)
    assert watched.rows(
        "SELECT slot, number, status FROM paper_trading_tick WHERE id = %s", tick
    ) == [(None, 1, "CLOSED")]
    stages = watched.rows(
        "SELECT stage, count(*) FROM paper_trading_tickstage WHERE tick_id = %s GROUP BY 1", tick
    )
    assert dict(stages) == {
        "open": 1, "prices": 1, "auto_close": 1, "analysis": TOKENS, "execution": 1, "close": 1,
    }  # fmt: skip
    wanted = Counter({**dict.fromkeys(EVERY_TICK, 1), ANALYSIS: TOKENS})
    wait_for(lambda: shown(watched, tick) == wanted, f"Flower shows {wanted}")
    page = flower(watched, "tasks")
    assert page.status_code == 200


def test_the_twentieth_tick_shows_the_metrics_too(watched: Up, person: requests.Session) -> None:
    tick = ask_for_a_tick(watched, person)
    query = "SELECT number FROM paper_trading_tick WHERE id = %s"
    while (watched.rows(query, tick)[0][0] or 0) < 20:
        assert METRICS not in shown(watched, tick)
        tick = ask_for_a_tick(watched, person)
    wait_for(lambda: shown(watched, tick)[METRICS] == 1, "Flower shows the metrics")
    assert watched.rows("SELECT tick_id FROM paper_trading_paperperformancemetrics") == [(tick,)]


def test_who_asked_is_kept(watched: Up, person: requests.Session) -> None:
    tick = ask_for_a_tick(watched, person)
    asked = watched.rows(
        "SELECT username FROM paper_trading_manualrequest r"
        " JOIN auth_user u ON u.id = r.requested_by_id WHERE r.tick_id = %s",
        tick,
    )
    assert asked == [("admin",)]


@pytest.mark.parametrize(
    "path", ["", "tasks", "api/tasks", "api/workers", "metrics", "workers?json=1"]
)
def test_flower_shows_nothing_without_a_login(running: Up, path: str) -> None:
    assert flower(running, path, login=False).status_code == 401


def test_the_admin_acts_for_nobody_who_is_not_logged_in(running: Up) -> None:
    before = running.rows("SELECT count(*) FROM paper_trading_manualrequest")
    form = {"action": "run_tick", "_selected_action": 1}
    answer = requests.post(running.page + SESSIONS, data=form, timeout=30)
    assert answer.status_code == 403
    page = requests.get(running.page + SESSIONS, timeout=30)
    assert "/login/" in page.url
    assert running.rows("SELECT count(*) FROM paper_trading_manualrequest") == before
