"""What a signal file declares is read from its text, and what is not allowed is named."""

import hashlib
from decimal import Decimal

import pytest

from paper_trading.engine.enums import Family
from paper_trading.intelligence.user_signals import UserSignal
from paper_trading.intelligence.user_source import LARGEST_FILE_BYTES, BadSignal, declaration

BODY = "def signal(bars):\n    return 0.0\n"


def declared(text: str, name: str = "mine") -> UserSignal:
    return declaration(name, text.encode())


def test_what_is_not_said_has_a_default() -> None:
    text = f'FAMILY = "momentum"\n{BODY}'
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    wanted = UserSignal("mine", Family.MOMENTUM, Decimal("0.05"), 48, sha256)
    assert declared(text) == wanted


def test_everything_can_be_said() -> None:
    found = declared(f'FAMILY: str = "FLOW"\nWEIGHT = "0.20"\nBARS = 500\n{BODY}')
    assert (found.family, str(found.weight), found.bars) == (Family.FLOW, "0.2", 500)


@pytest.mark.parametrize("weight", ["0.01", "0.2", '"0.0123"'])
def test_weights_at_the_ends_are_taken(weight: str) -> None:
    found = declared(f'FAMILY = "flow"\nWEIGHT = {weight}\n{BODY}')
    assert found.weight == Decimal(weight.strip('"'))


@pytest.mark.parametrize("family", [family.value for family in Family])
def test_every_family_is_known(family: str) -> None:
    assert declared(f'FAMILY = "{family}"\n{BODY}').family.value == family


@pytest.mark.parametrize(
    "module", ["math", "numpy", "numpy.linalg", "statistics", "collections.abc", "__future__"]
)
def test_pure_modules_can_be_imported(module: str) -> None:
    assert declared(f'from {module} import x\nFAMILY = "flow"\n{BODY}').name == "mine"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "FAMILY was not set; allowed are trend"),
        ('FAMILY = "luck"', "FAMILY was 'luck'; allowed are trend, momentum, mean_reversion"),
        ("FAMILY = 3", "FAMILY was 3"),
        ('FAMILY = "fl" + "ow"', "a plain value is needed"),
        ('FAMILY = "flow"\nWEIGHT = 0', "WEIGHT was 0; 0.01 to 0.2"),
        ('FAMILY = "flow"\nWEIGHT = "0.009"', "WEIGHT was '0.009'"),
        ('FAMILY = "flow"\nWEIGHT = "0.2001"', "WEIGHT was '0.2001'"),
        ('FAMILY = "flow"\nWEIGHT = "0.10001"', "at most 4 places"),
        ('FAMILY = "flow"\nWEIGHT = -0.1', "WEIGHT was '-0.1'"),
        ('FAMILY = "flow"\nWEIGHT = "NaN"', "WEIGHT was 'NaN'"),
        ('FAMILY = "flow"\nWEIGHT = "much"', "WEIGHT was 'much'"),
        ('FAMILY = "flow"\nWEIGHT = None', "WEIGHT was None"),
        ('FAMILY = "flow"\nWEIGHT = True', "WEIGHT was True"),
        ('FAMILY = "flow"\nBARS = 0', "BARS was 0; a whole number 1 to 500"),
        ('FAMILY = "flow"\nBARS = 501', "BARS was 501"),
        ('FAMILY = "flow"\nBARS = "48"', "BARS was '48'"),
        ('FAMILY = "flow"\nBARS = True', "BARS was True"),
        ('FAMILY = "flow"\nimport os', "import was 'os'; allowed are cmath"),
        ('FAMILY = "flow"\nfrom time import time', "import was 'time'"),
        ('FAMILY = "flow"\nfrom . import other', "import was '.'"),
        ('FAMILY = "flow"\ndef f():\n    import random', "import was 'random'"),
        ('FAMILY = "flow"\nx = open("x")', "line 2 names 'open'"),
        ('FAMILY = "flow"\nx = eval', "line 2 names 'eval'"),
        ("FAMILY = (", "line 1 is not Python"),
        ("\0", "is not Python"),
        ("x" + ".x" * 40_000, "text cannot be parsed: RecursionError"),
        ("x = " + "-" * 90_000 + "1", "text cannot be parsed: MemoryError"),
    ],
)
def test_what_is_not_allowed_is_named(line: str, words: str) -> None:
    with pytest.raises(BadSignal) as refused:
        declared(f"{line}\n{BODY}")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "signal = 3", "class A:\n    def signal(bars):\n        return 0"]
)
def test_a_file_without_the_function_is_refused(text: str) -> None:
    with pytest.raises(BadSignal, match="signal was not defined"):
        declared(f'FAMILY = "flow"\n{text}')


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-signal", "name was 'my-signal'; ASCII letters"),
        ("1st", "name was '1st'"),
        ("class", "name was 'class'"),
        ("größe", "name was 'größe'"),
        ("x" * 41, "at most 40 characters"),
        ("trend_fast", "that is a built-in signal"),
    ],
)
def test_a_name_must_be_a_name_of_its_own(name: str, words: str) -> None:
    with pytest.raises(BadSignal) as refused:
        declared(f'FAMILY = "flow"\n{BODY}', name)
    assert words in str(refused.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadSignal, match="text is not UTF-8"):
        declaration("mine", b"FAMILY = '\xff'")
    with pytest.raises(BadSignal, match="at most 100000 are allowed"):
        declaration("mine", b"#" * (LARGEST_FILE_BYTES + 1))
