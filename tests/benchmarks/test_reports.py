import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks.honesty
from benchmarks.honesty.__main__ import main
from benchmarks.honesty.reports import Report

FOLDER = Path(benchmarks.honesty.__file__).parent
REPORT = Report("A title", "A method.", ("level", "net"), ((1, "2.50"),), {"seeds": 3})


def test_a_report_is_a_table_with_a_verdict() -> None:
    assert REPORT.markdown().splitlines() == [
        "## A title", "", "A method.", "", "| level | net |", "| ---: | ---: |", "| 1 | 2.50 |",
        "", "The claim holds.",
    ]  # fmt: skip
    failed = replace(REPORT, failures=("level 1: no",))
    assert failed.markdown().endswith("- Does not hold: level 1: no")


def test_a_report_is_written_as_json(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["table"] == [{"level": "1", "net": "2.50"}]
    assert found["data"] == {"seeds": 3}
    assert found["failures"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["flatter"],
        ["cadence", "--seeds", "0"],
        ["driftless", "--levels", "11"],
        ["levels"],
        ["levels", "--prices", "x.csv", "--set", "max_losing_exits"],
        ["reliability", "--prices", "x.csv", "--seeds", "3"],
    ],
)
def test_bad_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2


def test_every_module_is_listed() -> None:
    listed = set(re.findall(r"`(\w+\.py)`", (FOLDER / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
