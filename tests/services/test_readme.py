"""The usage block of the package's README runs, and its list of files is whole."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

import paper_trading.services
from paper_trading.services import signal_folder
from tests.services.signal_files import use

FOLDER = Path(paper_trading.services.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_usage_block_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "README.md", "exec"), {})  # noqa: S102 - our own text


def test_the_worked_example_is_a_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (FOLDER.parent.parent / "docs" / "SIGNALS.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    use(tmp_path, monkeypatch).write("breakout", example)
    (found,) = signal_folder.examine()
    assert found.reason == ""
    assert found.signal is not None
    assert (found.signal.weight, found.signal.bars) == (Decimal("0.1"), 49)


def test_every_module_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+\.py)`", README, re.MULTILINE))
    assert listed == {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}


def test_every_named_function_exists() -> None:
    for name, functions in re.findall(r"^\| `(\w+\.py)` \| (.*?) \|", README, re.MULTILINE):
        source = (FOLDER / name).read_text(encoding="utf-8")
        for function in re.findall(r"`(\w+)\([^`]*\)`", functions):
            assert f"def {function}(" in source, f"{name} has no {function}"
