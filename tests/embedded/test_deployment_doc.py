"""docs/DEPLOYMENT.md names what the code reads, and nothing that it does not."""

import re

from dexproject.embedded.options import ROOT

DOC = (ROOT / "docs" / "DEPLOYMENT.md").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
VARIABLE = re.compile(r"\b(?:DEX_[A-Z_]+[A-Z](?:_[0-9]+)?|DATABASE_URL|REDIS_URL)\b")


def read_by_the_code() -> set[str]:
    """Return the variables that settings, commands, launcher and compose file name."""
    folders = ("dexproject", "paper_trading", "tasks")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    texts = [file.read_text() for file in files] + [COMPOSE]
    found = {name for text in texts for name in VARIABLE.findall(text)}
    return {name.removesuffix("_FILE") for name in found}


def test_every_variable_stands_in_a_table_and_every_table_row_is_read() -> None:
    rows = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", DOC, re.MULTILINE))
    assert rows == read_by_the_code()


def test_the_defaults_of_the_compose_file_are_told() -> None:
    defaults = dict(re.findall(r"\$\{(DEX_[A-Z_]+):-([^}]+)\}", COMPOSE))
    plain = ("DEX_PORT", "DEX_FLOWER_PORT", "DEX_ANALYSIS_WIDTH", "DEX_LOG_LEVEL", "DEX_HTTPS")
    for name in (*plain, "DEX_ALLOW_PRIVATE_SOURCES"):
        row = re.search(rf"^\| `{name}` .*\| ([^|]+) \|$", DOC, re.MULTILINE)
        assert row is not None
        assert row[1] == f"`{defaults[name]}`"


def test_the_public_hosts_of_sources_are_told() -> None:
    """An empty variable of the compose file stands for these."""
    settings = (ROOT / "dexproject" / "settings.py").read_text()
    hosts = dict(re.findall(r'"(DEX_[A-Z]+_URL)", "(https://[^"]+)"', settings))
    assert len(hosts) == 4
    for name, host in hosts.items():
        assert re.search(rf"^\| `{name}` .*\| `{host}` \|$", DOC, re.MULTILINE)


def test_every_service_has_its_row() -> None:
    services = COMPOSE.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    rows = set(re.findall(r"^\| `([a-z]+)` \|", DOC, re.MULTILINE))
    assert rows == set(re.findall(r"^  ([a-z]+):$", services, re.MULTILINE))


def test_every_management_command_in_the_text_exists() -> None:
    from django.core.management import get_commands

    named = set(re.findall(r"manage\.py (\w+)", DOC))
    assert {"migrate", "check_ledger", "seed"} < named <= set(get_commands())
