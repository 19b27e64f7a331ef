"""The engine has no binary fractions, no clock, no chance and no way out."""

import ast
import sys
from pathlib import Path

import pytest

import paper_trading.engine

PACKAGE = "paper_trading.engine"
SOURCES = sorted(Path(paper_trading.engine.__file__).parent.glob("**/*.py"))

#: Of the standard library, what would bring in a clock, chance, a log or the world outside.
FORBIDDEN_MODULES = {
    "asyncio",
    "http",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "threading",
    "time",
    "urllib",
    "uuid",
}
#: Clock readings, and methods that return binary fractions.
FORBIDDEN_ATTRIBUTES = {"now", "utcnow", "today", "total_seconds", "timestamp", "fromtimestamp"}
#: Integer functions of math.
ALLOWED_MATH = {"comb", "gcd", "isqrt", "lcm"}


def violations(source: str) -> list[str]:
    """Return what a module has that it must not have, with the lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Name) and node.id == "float":
            found.append(f"{line}: the name float")
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"{line}: the literal {node.value}")
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_ATTRIBUTES:
            found.append(f"{line}: the attribute {node.attr}")
        found += [f"{line}: the import of {name}" for name in forbidden_imports(node)]
    return found


def forbidden_imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if not allowed(alias.name)]
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if module == "math":
            return [name.name for name in node.names if name.name not in ALLOWED_MATH]
        return [] if not node.level and allowed(module) else [module or "."]
    return []


def allowed(module: str) -> bool:
    if module == PACKAGE or module.startswith(f"{PACKAGE}."):
        return True
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names and root not in FORBIDDEN_MODULES | {"math"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_module_of_the_engine_is_pure(path: Path) -> None:
    assert violations(path.read_text()) == []


def test_all_modules_are_looked_at() -> None:
    assert {"fills.py", "steps.py", "money.py"} <= {path.name for path in SOURCES}


@pytest.mark.parametrize(
    "source",
    [
        "x = float(1)",
        "def f(x: float) -> None: ...",
        "x = 0.5",
        "x = 2j",
        "import random",
        "from time import time",
        "import django.db",
        "from paper_trading.models import tick",
        "from . import money",
        "import math",
        "from math import sqrt",
        "x = datetime.now()",
        "x = age.total_seconds()",
    ],
)
def test_what_is_forbidden_is_found(source: str) -> None:
    assert violations(source)


@pytest.mark.parametrize(
    "source",
    [
        "from decimal import Decimal",
        "from math import isqrt",
        "from paper_trading.engine import gas",
        "from paper_trading.engine.money import usd",
        "x = 'float 0.5'",
    ],
)
def test_what_is_allowed_is_not(source: str) -> None:
    assert not violations(source)
