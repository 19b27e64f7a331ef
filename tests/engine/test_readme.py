import re
from pathlib import Path

import pytest

import paper_trading.engine

FOLDER = Path(paper_trading.engine.__file__).parent
README = (FOLDER / "README.md").read_text()


def test_the_usage_block_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "README.md", "exec"), {})  # noqa: S102 - our own text
    assert capsys.readouterr().out.startswith("FILLED 1000.0")


def test_every_module_is_listed() -> None:
    listed = set(re.findall(r"`(\w+\.py)`", README))
    assert listed == {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
