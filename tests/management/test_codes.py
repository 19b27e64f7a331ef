"""The page of codes is what the code says, and no code is written out anywhere else."""

import ast
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from paper_trading.engine.code_notes import CLEARED, EXITS, NOTES, STATES
from paper_trading.engine.codes import TEXTS, Code
from paper_trading.engine.enums import BreakerKind, ExitReason, TradingState

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/CODES.md"
#: Where the words are, and migrations, which Django writes.
HOMES = {"paper_trading/engine/codes.py", "paper_trading/engine/enums.py"}
#: Too common to be a code wherever they stand: a word of another vocabulary or of a protocol.
COMMON = {"OK", "MANUAL", "ACTIVE", "SIGNAL"}
#: Words of the doctor, of ticks and of failed sources that are spelt like a code.
OTHERS = {
    "paper_trading/bot/findings.py",
    "paper_trading/models/tick.py",
    "paper_trading/services/sources/live/base.py",
}


def test_the_page_is_what_the_code_says() -> None:
    call_command("codes", "--check", str(PAGE))


def test_the_page_names_every_word() -> None:
    text = PAGE.read_text(encoding="utf-8")
    words = [*Code, *ExitReason, *BreakerKind, *TradingState]
    assert [word for word in words if f"`{word}`" not in text] == []


def test_an_old_page_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "CODES.md"
    call_command("codes", "--write", str(old))
    old.write_text(old.read_text().replace("Every gate was met.", "Every gate was left."))
    with pytest.raises(CommandError, match="is not what the code says") as caught:
        call_command("codes", "--check", str(old))
    assert caught.value.returncode == 1


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="gone") as caught:
        call_command("codes", "--check", str(tmp_path / "gone.md"))
    assert caught.value.returncode == 2


def test_the_page_is_printed() -> None:
    out = StringIO()
    call_command("codes", stdout=out)
    assert out.getvalue() == PAGE.read_text(encoding="utf-8")


def test_every_word_has_its_note() -> None:
    assert set(NOTES) == set(TEXTS) == set(Code)
    assert set(EXITS) == set(ExitReason)
    assert set(CLEARED) == set(BreakerKind)
    assert set(STATES) == set(TradingState)


def written_out(source: str) -> set[str]:
    """Return the codes and reasons that a module writes as texts instead of naming them."""
    words = {str(word) for word in (*Code, *ExitReason)} - COMMON
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words
    }


def test_no_code_is_written_out_outside_of_the_enums() -> None:
    found = []
    for package in ("paper_trading", "tasks", "dexproject"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "migrations" not in path.parts and name not in HOMES | OTHERS:
                found += [f"{name}: {word}" for word in written_out(path.read_text("utf-8"))]
    assert found == []


def test_a_code_that_is_written_out_would_be_found() -> None:
    assert written_out('x = ("PRICE_STALE", "STOP_LOSS", "price")') == {"PRICE_STALE", "STOP_LOSS"}
