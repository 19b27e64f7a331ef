import re
from pathlib import Path

import paper_trading.engine.gas_savings

FOLDER = Path(paper_trading.engine.gas_savings.__file__).parent


def test_every_module_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+\.py)`", (FOLDER / "README.md").read_text(), re.MULTILINE))
    assert listed == {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
