"""The usage block of the package's README runs as it stands."""

import re
import runpy
from pathlib import Path

import paper_trading.intelligence

README = Path(paper_trading.intelligence.__file__).with_name("README.md")


def test_the_usage_block_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        script = tmp_path / "usage.py"
        script.write_text(block, encoding="utf-8")
        runpy.run_path(str(script))


def test_every_module_is_listed() -> None:
    text = README.read_text(encoding="utf-8")
    modules = {path.name for path in README.parent.glob("*.py")} - {"__init__.py"}
    assert {name for name in modules if f"`{name}`" not in text} == set()
