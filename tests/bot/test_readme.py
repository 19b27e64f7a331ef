"""The usage blocks of the package's README run as they stand, one after the other."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import paper_trading.bot
from paper_trading.models import Market, PaperTradingAccount, TickStatus

FOLDER = Path(paper_trading.bot.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def _signals() -> Iterator[None]:
    """Put the handlers back that the bot's loop replaces."""
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in ending}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals")
def test_the_usage_blocks_run(
    market: Market, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(record.parent)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own text
    account = PaperTradingAccount.objects.get(name="MyBot", market=market)
    session = account.sessions.get()
    assert session.ticks_closed >= 2
    assert session.last_number >= 3
    assert not session.ticks.filter(status=TickStatus.OPEN).exists()


def test_every_module_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+\.py)`", README, re.MULTILINE))
    modules = {path.name for path in FOLDER.glob("*.py")}
    assert listed == modules - {"__init__.py", "__main__.py"}


def test_every_named_function_exists() -> None:
    for name, functions in re.findall(r"^\| `(\w+\.py)` \| (.*?) \|", README, re.MULTILINE):
        source = (FOLDER / name).read_text(encoding="utf-8")
        for function in re.findall(r"`(\w+)\(\)`", functions):
            assert f"def {function}(" in source, f"{name} has no {function}"
