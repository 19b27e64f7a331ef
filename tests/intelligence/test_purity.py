"""The judgement imports the core, itself and plain mathematics, and reads no clock."""

import ast
import sys
from pathlib import Path

import pytest

import paper_trading.intelligence
from tests.engine.test_purity import FORBIDDEN_MODULES

SOURCES = sorted(Path(paper_trading.intelligence.__file__).parent.glob("**/*.py"))
OWN = ("paper_trading.engine", "paper_trading.intelligence")
CLOCKS = {"now", "utcnow", "today"}


def violations(source: str) -> list[str]:
    """Return what a module imports or reads that it must not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if not allowed(alias.name)]
        if isinstance(node, ast.ImportFrom) and (node.level or not allowed(node.module or "")):
            found.append(node.module or ".")
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            found.append(node.attr)
    return found


def allowed(module: str) -> bool:
    root = module.partition(".")[0]
    return module.startswith(OWN) or (
        root in sys.stdlib_module_names and root not in FORBIDDEN_MODULES
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_module_of_the_judgement_is_pure(path: Path) -> None:
    assert violations(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["import random", "import django.db", "from . import gates", "x = datetime.now()",
     "from paper_trading.models import tick"],
)  # fmt: skip
def test_what_is_forbidden_is_found(source: str) -> None:
    assert violations(source)
