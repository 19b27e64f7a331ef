"""What the documents tell a reader to type can be typed."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from dexproject.embedded.errors import Refused
from dexproject.embedded.options import (
    BotOptions,
    FaultsOptions,
    ManageOptions,
    PytestOptions,
    UpOptions,
    parse,
)
from paper_trading.bot import command_line

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("dexproject", "paper_trading", "tasks", "tests", "benchmarks", "docs")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).rglob("*.md"))]
)
#: Programs of the operating system, and of the test environment.
PROGRAMS = {
    "cat",
    "cd",
    "cp",
    "curl",
    "docker",
    "git",
    "lint-imports",
    "mypy",
    "openssl",
    "ruff",
    "umask",
}
#: The lines of a file that a command writes.
HERE_DOCUMENT = re.compile(r"(?<=<<)(\w+)\n.*?^\1$", re.DOTALL | re.MULTILINE)
#: The test that runs the Python blocks of a document.
RUN_BY = {
    "docs/SIGNALS.md": "tests/services/test_readme.py",
    "paper_trading/bot/README.md": "tests/bot/test_readme.py",
    "paper_trading/bot/replay/README.md": "tests/bot/replay/test_readme.py",
    "paper_trading/engine/README.md": "tests/engine/test_readme.py",
    "paper_trading/engine/pools/README.md": "tests/engine/test_pools_readme.py",
    "paper_trading/intelligence/README.md": "tests/intelligence/test_readme.py",
    "paper_trading/services/README.md": "tests/services/test_readme.py",
    "paper_trading/services/sources/README.md": "tests/test_documents.py",
    "paper_trading/services/sources/live/README.md": "tests/services/sources/test_readme.py",
    "tests/upstream/README.md": "tests/services/sources/test_readme.py",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"```(?:{language})\n(.*?)```", text, re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    """Yield every command line of the documents, continued lines joined."""
    for path in DOCUMENTS:
        for block in blocks(path, "sh|bash|console|shell"):
            for line in HERE_DOCUMENT.sub("", block).replace("\\\n", " ").splitlines():
                for command in line.partition(" #")[0].removeprefix("$ ").split("&&"):
                    if command.strip() and not command.lstrip().startswith("#"):
                        yield name_of(path), command.strip()


@pytest.mark.parametrize(("document", "command"), list(commands()))
def test_a_command_of_a_document_exists(document: str, command: str) -> None:
    assert complaint(shlex.split(command)) is None, f"{document}: {command}"


def complaint(words: list[str]) -> str | None:
    """Return what is wrong with a command line, or None."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if not words:
        return None
    program = Path(words[0]).name
    if program.startswith("python"):
        return _python(words[1:])
    if program == "manage.py":
        return _manage(words[1:])
    if program == "celery":
        return None if importlib.util.find_spec("celery") else "celery is not there"
    return None if program in PROGRAMS else f"{program} is not known"


def _python(words: list[str]) -> str | None:
    if words[:2] == ["-m", "paper_trading.bot"]:
        return _bot(words[2:])
    if words[:1] == ["-m"]:
        return None if importlib.util.find_spec(words[1]) else f"no module {words[1]}"
    if words[:1] == ["dev.py"]:
        return _launcher(words[1:])
    if words[:1] == ["manage.py"]:
        return _manage(words[1:])
    return None if words and (ROOT / words[0]).is_file() else f"no file in {words}"


def _launcher(words: list[str]) -> str | None:
    try:
        command = parse(words)
    except Refused as error:
        return str(error)
    if isinstance(command, ManageOptions):
        return _manage(list(command.arguments))
    if isinstance(command, PytestOptions):
        return _paths(command.arguments)
    if isinstance(command, BotOptions):
        return _bot(list(command.arguments))
    assert isinstance(command, UpOptions | FaultsOptions | str)
    return None


def _bot(words: list[str]) -> str | None:
    try:
        command_line.parse(words)
    except command_line.BadArguments as error:
        return str(error)
    return None


def _paths(arguments: tuple[str, ...]) -> str | None:
    named = [word.partition("::")[0] for word in arguments if word.startswith("tests/")]
    return next((f"no file {name}" for name in named if not (ROOT / name).exists()), None)


def _manage(words: list[str]) -> str | None:
    """Let a management command read its own options; what is in brackets or capitals is free."""
    if not words or words[0] == "help":
        return None
    known = get_commands()
    if words[0] not in known:
        return f"no command {words[0]}"
    found = load_command_class(known[words[0]], words[0]).create_parser("manage.py", words[0])
    options = {option for action in found._actions for option in action.option_strings}
    unknown = [word for word in words[1:] if word.startswith("--") and
               word.partition("=")[0] not in options]  # fmt: skip
    return f"{words[0]} has no {unknown}" if unknown else None


@pytest.mark.parametrize(
    "command",
    [
        "python3 dev.py fly",
        "python3 dev.py up --speed 3",
        "python3 dev.py test tests/gone",
        "python3 dev.py bot --account-name MyBot --speed 3",
        "python -m paper_trading.bot --intel-level 5",
        "python3 dev.py manage fly",
        "python3 dev.py manage seed --speed 3",
        "python -m paper_trading.gone",
        "make",
    ],
)
def test_a_command_that_does_not_exist_would_be_found(command: str) -> None:
    assert complaint(shlex.split(command)) is not None


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if blocks(path, "python")], ids=name_of
)
def test_the_python_of_a_document_is_run_by_a_test(path: Path) -> None:
    test = (ROOT / RUN_BY[name_of(path)]).read_text(encoding="utf-8")
    assert "README" in test
    assert "exec(" in test or "runpy" in test


def test_the_python_of_the_sources_runs() -> None:
    path = ROOT / "paper_trading/services/sources/README.md"
    for block in blocks(path, "python"):
        exec(compile(block, path.name, "exec"), {})  # noqa: S102 - our own text


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_a_link_of_a_document_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []
