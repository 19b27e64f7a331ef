"""The READMEs of the live sources and of the fake upstream run, and list every file."""

import re
from pathlib import Path

import pytest

import paper_trading.services.sources.live
import tests.upstream

FOLDERS = [Path(one.__path__[0]) for one in (paper_trading.services.sources.live, tests.upstream)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_the_usage_block_runs(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own text


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_every_module_is_listed(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+\.py)`", text, re.MULTILINE))
    assert listed == {path.name for path in folder.glob("*.py")} - {"__init__.py"}
