"""The stack is killed in earnest, as `python3 dev.py faults` does, only shorter."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import command, environment
from tests.faults.plan import CHILD, SERVERS

pytestmark = pytest.mark.stack
#: A run takes about a minute; a machine with other work on it may need many times that.
PATIENCE_SECONDS = 1200


def faults(folder: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Run the command to its end; return its status, its report, and what it told meanwhile."""
    ended = subprocess.run(
        command("faults", *options),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout.splitlines()[-1]), ended.stderr


def test_a_stack_that_is_killed_at_its_statements_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    log = tmp_path / "kills.jsonl"
    options = ("--kills", "10", "--levels", "7-10", "--interval", "12", "--log", str(log))
    code, report, told = faults(tmp_path, *options)
    assert (code, report["problems"], report["missing"]) == (0, [], []), told
    assert report["kills"] >= 10
    assert set(report["by_target"]) == {CHILD, *SERVERS}
    assert report["ticks"]["CLOSED"] >= report["compared"] > 0
    assert report["replayed"] == 4
    kills = [json.loads(line) for line in log.read_text().splitlines()]
    counted = {line["kill"] for line in kills if line.get("counts")}
    void = {line["void"] for line in kills if "void" in line}
    assert len(counted - void) == report["kills"]


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        ("double-commit", "double effect: 2 rows of"),
        ("lost-update", "ledger: account"),
        ("stale-cache", "decisions differ"),
    ],
)
def test_a_planted_defect_is_found_by_a_check_and_by_the_replay(
    tmp_path: Path, plant: str, finding: str
) -> None:
    options = ("--kills", "2", "--levels", "9-10", "--interval", "12", "--plant", plant)
    code, report, told = faults(tmp_path, *options)
    assert code == 1, told
    for words in (finding, "replay of session"):
        assert any(words in problem for problem in report["problems"]), report["problems"]
