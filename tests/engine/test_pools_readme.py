import re
from pathlib import Path

import pytest

import paper_trading.engine.pools

FOLDER = Path(paper_trading.engine.pools.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_usage_block_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "README.md", "exec"), {})  # noqa: S102 - our own text
    printed = capsys.readouterr().out.splitlines()
    # The chain's quoter said 1862.676031 USDC for one WETH.
    assert printed[0] == "1863.64 1862676031 None"
    assert printed[1].startswith("('0xd0b5',) OK ")


def test_every_module_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+\.py)`", README, re.MULTILINE))
    assert listed == {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
