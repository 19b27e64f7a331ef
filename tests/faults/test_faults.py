"""The stack is killed in earnest, as `python3 dev.py faults` does, only shorter."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import PATIENCE_SECONDS, command, environment
from tests.faults.plan import CHILD, SERVERS

pytestmark = pytest.mark.stack


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
    code, report, told = faults(tmp_path, "--kills", "10", "--levels", "7-10", "--log", str(log))
    assert (code, report["problems"]) == (0, []), told
    assert report["kills"] >= 10
    assert set(report["by_target"]) == {CHILD, *SERVERS}
    assert report["ticks"]["CLOSED"] > 0
    assert report["compared"] >= 1
    kills = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(line["stage"] and line["sql"] is not None for line in kills if "kill" in line)


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        ("double-commit", "double effect"),
        ("lost-update", "ledger: "),
        ("stale-cache", "decisions differ"),
    ],
)
def test_a_planted_defect_is_found_and_named(tmp_path: Path, plant: str, finding: str) -> None:
    code, report, told = faults(tmp_path, "--kills", "2", "--levels", "9-10", "--plant", plant)
    assert code == 1, told
    assert any(finding in problem for problem in report["problems"]), report["problems"]
