"""The usage block of the package's README runs as it stands, and its table is complete."""

import re
from pathlib import Path

import pytest

import paper_trading.bot.replay

FOLDER = Path(paper_trading.bot.replay.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_usage_block_runs(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(record.parent)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "README.md", "exec"), {})  # noqa: S102 - our own text


def test_every_module_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+\.py)`", README, re.MULTILINE))
    assert listed == {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}


def test_every_named_function_exists() -> None:
    for name, functions in re.findall(r"^\| `(\w+\.py)` \| (.*?) \|", README, re.MULTILINE):
        source = (FOLDER / name).read_text(encoding="utf-8")
        for function in re.findall(r"`(\w+)\(\)`", functions):
            assert f"def {function}(" in source, f"{name} has no {function}"
