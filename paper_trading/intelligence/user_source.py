"""What a user's signal file says of itself, read from its text: nothing of it is run here."""

import ast
import hashlib
from decimal import Decimal, InvalidOperation
from keyword import iskeyword

from paper_trading.engine.enums import Family
from paper_trading.intelligence.signals import SIGNALS
from paper_trading.intelligence.user_signals import UserSignal

DEFAULT_WEIGHT, LEAST_WEIGHT, MOST_WEIGHT = Decimal("0.05"), Decimal("0.01"), Decimal("0.2")
WEIGHT_PLACES = 4
DEFAULT_BARS, MOST_BARS = 48, 500
LONGEST_NAME = 40
LARGEST_FILE_BYTES = 100_000

#: Modules that compute and do nothing else.
PURE_MODULES = frozenset(
    {
        "__future__",
        "cmath",
        "collections",
        "dataclasses",
        "decimal",
        "fractions",
        "functools",
        "itertools",
        "math",
        "numpy",
        "operator",
        "statistics",
        "typing",
    }
)
#: What reaches out of a signal, or lets it hide what it does.
FORBIDDEN = frozenset(
    {
        "__builtins__",
        "__import__",
        "breakpoint",
        "compile",
        "eval",
        "exec",
        "exit",
        "globals",
        "input",
        "open",
        "quit",
    }
)
_NAMES = {signal.name for signal in SIGNALS}


class BadSignal(ValueError):
    """A file that is no signal; the message says why, and what is allowed."""


def declaration(name: str, content: bytes) -> UserSignal:
    """Return what a file declares; `name` is its stem.

    Imports are held against a list and some built-in functions are refused. That guards
    against mistakes (a file read in passing, a call to the network), not against malice: the
    file is the user's own.

    :raises BadSignal: when the name, the syntax or a declared value is not allowed.
    """
    _check_name(name)
    if len(content) > LARGEST_FILE_BYTES:
        raise BadSignal(f"file was {len(content)} bytes; at most {LARGEST_FILE_BYTES} are allowed")
    tree = _parsed(content)
    _check_purity(tree)
    values = _constants(tree)
    if "signal" not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
        raise BadSignal("signal was not defined; def signal(bars) is needed at the top level")
    return UserSignal(
        name=name,
        family=_family(values.get("FAMILY")),
        weight=_weight(values.get("WEIGHT", str(DEFAULT_WEIGHT))),
        bars=_bars(values.get("BARS", DEFAULT_BARS)),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _check_name(name: str) -> None:
    if not name.isascii() or not name.isidentifier() or iskeyword(name):
        raise BadSignal(f"name was {name!r}; ASCII letters, digits and _ are allowed")
    if len(name) > LONGEST_NAME:
        raise BadSignal(f"name was {name!r}; at most {LONGEST_NAME} characters are allowed")
    if name in _NAMES:
        raise BadSignal(f"name was {name!r}; that is a built-in signal")


def _parsed(content: bytes) -> ast.Module:
    try:
        return ast.parse(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadSignal(f"text is not UTF-8: {error.reason} at byte {error.start}") from error
    except SyntaxError as error:
        raise BadSignal(f"line {error.lineno} is not Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadSignal(f"text cannot be parsed: {type(error).__name__}") from error


def _check_purity(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        for module in _imported(node):
            if module.partition(".")[0] not in PURE_MODULES:
                allowed = ", ".join(sorted(PURE_MODULES - {"__future__"}))
                raise BadSignal(f"import was {module!r}; allowed are {allowed}")
        if isinstance(node, ast.Name) and node.id in FORBIDDEN:
            raise BadSignal(
                f"line {node.lineno} names {node.id!r}; a signal reads nothing but its bars"
            )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []


def _constants(tree: ast.Module) -> dict[str, object]:
    """Return the plain values that are assigned at the top level to one of the known names."""
    found: dict[str, object] = {}
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in ("FAMILY", "WEIGHT", "BARS"):
                found[target.id] = _literal(target.id, node)
    return found


def _literal(name: str, node: ast.stmt) -> object:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Constant):
        return value.value
    if isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant):
        return ast.unparse(value)
    raise BadSignal(f"{name} was {ast.unparse(node)!r}; a plain value is needed")


def _family(value: object) -> Family:
    known = {family.value.lower(): family for family in Family}
    if not isinstance(value, str) or value.lower() not in known:
        shown = "not set" if value is None else repr(value)
        raise BadSignal(f"FAMILY was {shown}; allowed are {', '.join(known)}")
    return known[value.lower()]


def _weight(value: object) -> Decimal:
    allowed = f"{LEAST_WEIGHT} to {MOST_WEIGHT} with at most {WEIGHT_PLACES} places is allowed"
    refused = BadSignal(f"WEIGHT was {value!r}; {allowed}")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refused
    try:
        weight = Decimal(str(value))
    except InvalidOperation:
        raise refused from None
    if not weight.is_finite() or not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise refused
    places = weight.normalize().as_tuple().exponent
    if not isinstance(places, int) or -places > WEIGHT_PLACES:
        raise refused
    return weight.normalize()


def _bars(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_BARS:
        raise BadSignal(f"BARS was {value!r}; a whole number 1 to {MOST_BARS} is allowed")
    return value
