"""The house keeps its own rules: tools, sizes, layers, boundaries, locks."""

import ast
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dexproject", "paper_trading", "tasks")
LONGEST_MODULE = 400
P95_FUNCTION = 25
LOCKS = ("requirements.lock", "dexproject/embedded/requirements.lock", "tests/requirements.lock")

#: Where an exception of any kind may be caught, and why.
BOUNDARIES = {
    # One token's analysis: kept as an InternalError, and the tick goes on.
    ("paper_trading/bot/market_analyzer.py", "_decide", "Exception"),
    # One venue call: kept as an InternalError, and the order is denied.
    ("paper_trading/engine/orders.py", "_ask", "Exception"),
    # One source fetch: kept as an InternalError, and the next source serves.
    ("paper_trading/services/sources/live/caller.py", "isolated", "Exception"),
    # One tick of the inline bot: kept as a task's failure is, and tried again.
    ("paper_trading/bot/enhanced_bot.py", "_run_tick", "Exception"),
    # One reading of a user's signal: what the file raises is why it is switched off.
    ("paper_trading/services/signal_host.py", "answer", "Exception"),
    # Servers that were started are stopped before the exception goes on.
    ("dexproject/embedded/servers.py", "start", "BaseException"),
}

#: Our own wish: HTTPS is up to whoever serves the site, and so are its subdomains.
DEPLOY_WARNINGS = {"security.W005", "security.W008", "security.W021"}


def tool(*command: str) -> str:
    """Run a tool in the project's root and return what it found, empty when it is content."""
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def sources() -> list[Path]:
    """Return the modules that are not tests, migrations left out: Django writes those."""
    found = [ROOT / "dev.py", ROOT / "manage.py"]
    for package in (*PACKAGES, "benchmarks"):
        found += (ROOT / package).rglob("*.py")
    return sorted(path for path in found if "migrations" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def kept_files() -> list[Path]:
    """Return the text files that are in version control or would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_ruff_finds_nothing() -> None:
    assert tool("ruff", "check", "--output-format", "concise", ".") == ""


def test_everything_is_formatted() -> None:
    assert tool("ruff", "format", "--check", ".") == ""


def test_the_types_hold() -> None:
    assert tool("mypy") == ""


def test_the_layers_hold() -> None:
    command = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"
    ended = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_a_module_can_be_read_at_once(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def test_functions_are_short() -> None:
    lengths = sorted(
        (found.end_lineno or 0) - found.lineno + 1
        for path in sources()
        for found in functions(ast.parse(path.read_text(encoding="utf-8")))
    )
    assert len(lengths) > 500
    assert lengths[len(lengths) * 95 // 100] <= P95_FUNCTION


def unannotated(tree: ast.AST) -> list[str]:
    """Return the functions of a module that leave an argument or the result without a type."""
    found = []
    for function in functions(tree):
        given = function.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        named = [one for one in arguments if one is not None and one.arg not in ("self", "cls")]
        if function.returns is None or any(one.annotation is None for one in named):
            found.append(function.name)
    return found


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_every_function_says_its_types(path: Path) -> None:
    assert unannotated(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source", ["def f(x): pass", "def f(x) -> None: ...", "def f(): ...", "def f(*a) -> int: ..."]
)
def test_a_missing_type_would_be_found(source: str) -> None:
    assert unannotated(ast.parse(source)) == ["f"]


def broad_excepts(tree: ast.AST) -> set[tuple[str, str]]:
    """Return the handlers of a module that catch everything, each with its function."""
    found = set()
    for function in functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler):
                caught = "BaseException" if node.type is None else ast.unparse(node.type)
                for kind in re.findall(r"\b(?:Base)?Exception\b", caught):
                    found.add((function.name, kind))
    return found


def test_everything_is_caught_at_named_boundaries_only() -> None:
    found = {
        (name_of(path), function, kind)
        for path in sources()
        for function, kind in broad_excepts(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == BOUNDARIES


@pytest.mark.parametrize("clause", ["except:", "except Exception:", "except (OSError, Exception):"])
def test_a_broad_except_would_be_found(clause: str) -> None:
    tree = ast.parse(f"def f():\n try:\n  pass\n {clause}\n  pass")
    assert [function for function, _ in broad_excepts(tree)] == ["f"]


PINNED = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==[\w.!+-]+( ; [^\\]+)? \\")
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_place(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert lines
    wrong = [line for line in lines if not (PINNED.fullmatch(line) or HASH.fullmatch(line))]
    assert wrong == []
    assert not any("://" in line or "file:" in line for line in lines)


def test_the_locks_agree() -> None:
    pins = [
        set(re.findall(r"^\S+==\S+", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS
    ]
    assert pins[0] < pins[1] < pins[2]


#: Written so that this text does not match itself.
FOREIGN = re.compile(
    r"(?<![\w./}])/(?:root|home|Users|work)/\w"
    r"|pypi[.]org|pythonhosted[.]org|npmjs[.]org|index[-]url|deb[.]debian"
)


def test_no_file_names_a_place_of_one_machine() -> None:
    found = []
    for path in kept_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name_of(path)}: {match[0]}" for match in FOREIGN.finditer(text)]
    assert found == []


def test_nothing_is_left_to_be_done() -> None:
    marker = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b:?")
    found = [name_of(path) for path in sources() if marker.search(path.read_text())]
    assert found == []


@pytest.mark.django_db
def test_the_migrations_are_in_step_with_the_models() -> None:
    out = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=out)
    except SystemExit:
        pytest.fail(out.getvalue())


def test_a_deployment_is_checked() -> None:
    """Ask Django's own checks about the settings as they are behind HTTPS."""
    script = (
        "import django; django.setup()\n"
        "from django.core.checks import run_checks\n"
        "print(*(found.id for found in run_checks(include_deployment_checks=True)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={
            "DJANGO_SETTINGS_MODULE": "dexproject.settings",
            "DEX_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "DEX_HTTPS": "1",
            "DATABASE_URL": "postgresql://dex:pw@127.0.0.1:1/dex",
            "REDIS_URL": "redis://127.0.0.1:1",
        },
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.split()) == DEPLOY_WARNINGS


def test_every_model_has_an_admin() -> None:
    from django.contrib import admin

    ours = set(apps.get_app_config("paper_trading").get_models())
    assert {model.__name__ for model in ours if not admin.site.is_registered(model)} == set()
