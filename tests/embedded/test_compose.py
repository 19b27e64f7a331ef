"""docker-compose.yml, worker.Dockerfile and .dockerignore fit the project and each other."""

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import get_commands

from dexproject.embedded.apps import QUEUES
from dexproject.embedded.options import ROOT

from .compose_file import read_compose_file

COMPOSE: dict[str, Any] = read_compose_file(ROOT / "docker-compose.yml")
SERVICES: dict[str, Any] = COMPOSE["services"]
APPS = ("migrate", "web", "worker", "beat", "flower")
DOCKERFILE = (ROOT / "worker.Dockerfile").read_text()
# The programs that the locked packages put into the image.
PROGRAMS = {"uvicorn": "uvicorn", "celery": "celery", "python": "sys", "sh": "sys"}
CELERY_APP = "dexproject"
ZERO_BY_DEFAULT = ("_PER_MINUTE", "_PER_MONTH", "_PRIVATE_SOURCES")


def test_the_services_are_the_pipeline() -> None:
    assert set(SERVICES) == {"postgres", "redis", *APPS}
    assert COMPOSE["volumes"] == {"postgres": None, "redis": None}


@pytest.mark.parametrize("name", APPS)
def test_an_app_service_runs_the_one_image_and_differs_by_its_command(name: str) -> None:
    app = COMPOSE["x-app"]
    service = SERVICES[name]
    assert service["build"] == app["build"]
    assert service["image"] == app["image"]
    assert service["environment"].items() >= COMPOSE["x-environment"].items()
    assert (ROOT / app["build"]["dockerfile"]).is_file()
    assert importlib.util.find_spec(PROGRAMS[service["command"][0]])


@pytest.mark.parametrize("name", ["worker", "beat", "flower"])
def test_a_celery_service_names_the_app_and_a_subcommand(name: str) -> None:
    command = SERVICES[name]["command"]
    assert command[:4] == ["celery", "--app", CELERY_APP, name]
    assert importlib.util.find_spec(f"{CELERY_APP}.celery")


def test_web_serves_the_application_that_the_settings_name() -> None:
    module, _, attribute = SERVICES["web"]["command"][1].partition(":")
    assert f"{module}.{attribute}" == settings.ASGI_APPLICATION
    assert importlib.util.find_spec(module)


def test_migrate_runs_commands_that_exist() -> None:
    line = SERVICES["migrate"]["command"][2]
    named = re.findall(r"python manage\.py (\w+)", line)
    assert named == ["migrate", "setup_schedule"]
    assert set(named) <= set(get_commands())
    assert SERVICES["migrate"]["restart"] == "no"


def test_the_worker_serves_every_queue() -> None:
    command = SERVICES["worker"]["command"]
    assert command[command.index("--queues") + 1].split(",") == list(QUEUES)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_every_lasting_service_has_a_health_check_and_is_restarted(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["web", "beat", "flower"])
def test_a_health_check_in_python_compiles(name: str) -> None:
    _, program, option, source = SERVICES[name]["healthcheck"]["test"]
    assert (program, option) == ("python", "-c")
    compile(source, name, "exec")


@pytest.mark.parametrize("name", APPS)
def test_an_app_waits_for_healthy_servers_and_finished_migrations(name: str) -> None:
    conditions = {
        other: wanted["condition"] for other, wanted in SERVICES[name]["depends_on"].items()
    }
    migrated = {} if name == "migrate" else {"migrate": "service_completed_successfully"}
    assert conditions == {"postgres": "service_healthy", "redis": "service_healthy"} | migrated


def test_ports_are_open_on_the_loopback_address_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"web", "flower"}
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_broker_keeps_every_message() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command
    assert "redis:/data" in SERVICES["redis"]["volumes"]


def test_text_is_ordered_as_in_the_embedded_server() -> None:
    from dexproject.embedded.cluster import _BUILTIN_LOCALE, _LOCALE

    options = SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert set(options) == {*_LOCALE, *_BUILTIN_LOCALE}


def test_every_secret_comes_from_the_environment_and_has_no_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("DEX_SECRET_KEY", "DEX_DATABASE_PASSWORD", "DEX_REDIS_PASSWORD"):
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text
    assert "${DEX_FLOWER_PASSWORD:?" in SERVICES["flower"]["environment"]["FLOWER_BASIC_AUTH"]
    for service in APPS:
        words = " ".join(SERVICES[service]["command"])
        assert "PASSWORD" not in words


def test_every_variable_of_the_app_is_read_by_the_settings() -> None:
    source = (ROOT / "dexproject" / "settings.py").read_text()
    # Read by their own functions.
    read = set(re.findall(r'"(DEX_\w+)"', source)) | {"DATABASE_URL", "REDIS_URL"}
    assert set(COMPOSE["x-environment"]) <= read


def test_every_variable_of_live_prices_is_passed_on() -> None:
    source = (ROOT / "dexproject" / "settings.py").read_text()
    part = source.partition("\n# Live prices.")[2].partition("\n# Celery.")[0]
    named = set(re.findall(r'"(DEX_\w+)"', part))
    assert {"DEX_ALCHEMY_URL", "DEX_RPC_URL_1", "DEX_ALLOW_PRIVATE_SOURCES"} < named
    passed = {name: COMPOSE["x-environment"].get(name) for name in named}
    default = {name: "0" if name.endswith(ZERO_BY_DEFAULT) else "" for name in named}
    assert passed == {name: f"${{{name}:-{default[name]}}}" for name in named}


def test_the_image_installs_the_lock_and_runs_as_nobody_of_importance() -> None:
    lines = DOCKERFILE.splitlines()
    floor = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} == {
        f"python:{floor.removeprefix('>=')}-slim"
    }
    assert "--require-hashes --only-binary=:all: -r /tmp/requirements.lock" in DOCKERFILE
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["dex"]
    assert re.search(r"useradd .*--uid \d+ .*\bdex\b", DOCKERFILE)
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|SECRET|KEY)", DOCKERFILE, re.MULTILINE)


def test_only_what_runs_goes_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    admitted = {rule[1:] for rule in rules if rule.startswith("!")}
    assert admitted == {"requirements.lock", "manage.py", "dexproject", "paper_trading", "tasks"}
    assert all((ROOT / name).exists() for name in admitted)
    assert "dexproject/embedded" in rules


def test_nothing_that_runs_in_the_image_needs_the_launcher() -> None:
    files = [*(ROOT / "paper_trading").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]
    files += [*(ROOT / "dexproject").glob("*.py"), ROOT / "manage.py"]
    assert not [file for file in files if "dexproject.embedded" in file.read_text()]


@pytest.mark.parametrize(
    "text", ["a: {b: c}\n", "a: 'b'\n", "a: |\n  b\n", "a:\n b: c\n  d: e\n", "a: b\na: c\n"]
)
def test_the_reader_refuses_what_it_does_not_know(text: str, tmp_path: Path) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"^line \d+: "):
        read_compose_file(file)


def test_the_reader_merges_anchors_below_own_keys(tmp_path: Path) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(
        '# note\nx-a: &a\n  one: first\n  two: ["x", "y"]\n'
        'b:\n  <<: *a\n  one: "1: #"\n  list:\n    - p:q\n    - "r"\n'
    )
    assert read_compose_file(file) == {
        "x-a": {"one": "first", "two": ["x", "y"]},
        "b": {"one": "1: #", "two": ["x", "y"], "list": ["p:q", "r"]},
    }
