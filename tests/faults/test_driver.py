"""How a run's outcome is compared, and which kills a planted defect needs."""

import json
from pathlib import Path

from dexproject.embedded import options
from tests.faults.__main__ import differences
from tests.faults.driver import planted
from tests.faults.messages_log import count
from tests.faults.plan import DEPOSIT
from tests.faults.plants import PLANTS


def test_the_first_row_that_differs_is_named_with_both_values(tmp_path: Path) -> None:
    rows = [{"tick__number": 1, "cash_usd": "5"}, {"tick__number": 2, "cash_usd": "6"}]
    faulty, undisturbed = tmp_path / "faulty", tmp_path / "undisturbed"
    for folder, cash in ((faulty, "7"), (undisturbed, "6")):
        folder.mkdir()
        content = {"equity": [rows[0], {**rows[1], "cash_usd": cash}], "metrics": rows}
        (folder / "3.json").write_text(json.dumps(content))
    assert differences("3", faulty, undisturbed) == [
        "session 3 equity differ: {'tick__number': 2, 'cash_usd': '7'},"
        " undisturbed {'tick__number': 2, 'cash_usd': '6'}"
    ]


def test_a_row_too_many_is_a_difference(tmp_path: Path) -> None:
    faulty, undisturbed = tmp_path / "faulty", tmp_path / "undisturbed"
    for folder, number in ((faulty, 2), (undisturbed, 1)):
        folder.mkdir()
        (folder / "3.json").write_text(json.dumps({"trades": [{"sequence": 1}] * number}))
    assert differences("3", faulty, undisturbed) == [
        "session 3 trades differ: 2 rows, undisturbed 1"
    ]


def test_a_lost_update_needs_deposits_and_the_others_need_kills() -> None:
    assert {kill.target for kill in planted("lost-update", 2)} == {DEPOSIT}
    for plant in ("double-commit", "stale-cache"):
        kills = planted(plant, 3)
        assert len({kill.id for kill in kills}) == 3
        assert DEPOSIT not in {kill.target for kill in kills}


def test_every_plant_that_can_be_named_exists() -> None:
    assert tuple(PLANTS) == options.PLANTS


def test_faults_of_messages_are_counted_by_kind() -> None:
    log: list[dict[str, object]] = [
        {"fault": "doubled"},
        {"fault": "doubled"},
        {"fault": "dropped"},
    ]
    assert count(log) == {"doubled": 2, "dropped": 1, "delayed": 0, "reversed": 0}
