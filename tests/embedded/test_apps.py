"""The processes of the application: what they run exists, and no secret is on a command line."""

import importlib.util
from pathlib import Path

import pytest
from django.conf import settings

from dexproject.embedded.apps import QUEUES, Apps, concurrency
from dexproject.embedded.environment import app_environment
from dexproject.embedded.errors import Refused
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.process import ProcessSpec

SECRETS = ("database-secret", "redis-secret", "key-secret", "flower-secret", "admin-secret")


@pytest.fixture
def apps() -> Apps:
    environment = app_environment(
        "postgresql://dex:database-secret@127.0.0.1:1/dex",
        "redis://:redis-secret@127.0.0.1:2",
        "key-secret",
    )
    return Apps(DataDirectory(Path("data")), environment, 8000, 8001, "flower-secret")


def modules(spec: ProcessSpec) -> list[str]:
    """Return the modules that a command line names."""
    words = spec.argv[1:]
    return [word.partition(":")[0] for word in words if word.startswith("dexproject")]


def test_every_service_names_modules_that_exist(apps: Apps) -> None:
    services = apps.services()
    assert [spec.name for spec in services] == ["web", "worker", "beat", "flower"]
    for spec in services:
        assert modules(spec)
        for module in modules(spec):
            assert importlib.util.find_spec(module) is not None
        assert importlib.util.find_spec(spec.argv[2]) is not None


def test_no_secret_is_on_a_command_line(apps: Apps) -> None:
    step = apps.step("seed", "--levels", "5", DEX_ADMIN_PASSWORD="admin-secret")
    lines = [" ".join(spec.argv) for spec in [*apps.services(), step]]
    assert not [secret for secret in SECRETS for line in lines if secret in line]
    assert step.environment["DEX_ADMIN_PASSWORD"] == "admin-secret"


def test_only_flower_knows_its_login_and_only_the_seed_the_administrator(apps: Apps) -> None:
    assert apps.flower().environment["FLOWER_BASIC_AUTH"] == "admin:flower-secret"
    for spec in (apps.web(), apps.worker(), apps.beat()):
        assert "FLOWER_BASIC_AUTH" not in spec.environment
        assert "DEX_ADMIN_PASSWORD" not in spec.environment


def test_the_worker_ends_after_those_that_give_it_work(apps: Apps) -> None:
    ranks = {spec.name: spec.rank for spec in apps.services()}
    assert ranks["worker"] > max(ranks["web"], ranks["beat"], ranks["flower"])


def test_the_worker_serves_every_queue_of_the_settings() -> None:
    assert {queue.name for queue in settings.CELERY_TASK_QUEUES} == set(QUEUES)


def test_the_shell_decides_neither_where_data_goes_nor_who_may_come_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "DEX_DEBUG", "DEX_ADMIN_PASSWORD"):
        monkeypatch.setenv(name, "from the shell")
    monkeypatch.setenv("DEX_LOG_LEVEL", "DEBUG")
    environment = app_environment("postgresql://x/y", "redis://x", "key")
    assert "from the shell" not in environment.values()
    assert environment["DEX_LOG_LEVEL"] == "DEBUG"
    assert "DEX_SIGNALS_DIR" not in environment


def test_the_signal_folder_is_named_from_where_the_user_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEX_SIGNALS_DIR", "mine")
    environment = app_environment("postgresql://x/y", "redis://x", "key")
    assert environment["DEX_SIGNALS_DIR"] == str(tmp_path / "mine")


def test_the_number_of_tasks_at_once_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEX_WORKER_CONCURRENCY", raising=False)
    assert concurrency() >= 3
    monkeypatch.setenv("DEX_WORKER_CONCURRENCY", "7")
    assert concurrency() == 7
    for text in ("0", "65", "many", "-1"):
        monkeypatch.setenv("DEX_WORKER_CONCURRENCY", text)
        with pytest.raises(Refused) as refusal:
            concurrency()
        line = f"DEX_WORKER_CONCURRENCY {text}: allowed is a whole number from 1 to 64"
        assert str(refusal.value) == line
