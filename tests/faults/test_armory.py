"""The folder of a run: what is taken once is taken by nobody else."""

from pathlib import Path

import pytest

from tests.faults.armory import Armory, append, lines
from tests.faults.plan import CHILD, Kill


@pytest.fixture
def armory(tmp_path: Path) -> Armory:
    made = Armory(tmp_path / "faults")
    made.make()
    return made


def test_an_armed_kill_is_taken_once(armory: Armory) -> None:
    kill = Kill("c001", CHILD, "execution", "COMMIT #1", covers=True)
    armory.arm(kill)
    assert armory.armed() == [kill]
    assert armory.take(kill)
    assert not armory.take(kill)
    assert armory.armed() == []


def test_a_tick_has_one_fault_until_it_is_given_back(armory: Armory) -> None:
    assert armory.mark("7", "c001")
    assert not armory.mark("7", "message")
    armory.unmark("7")
    assert armory.mark("7", "message")


def test_what_nobody_met_is_taken_back(armory: Armory) -> None:
    armory.arm(Kill("c001", CHILD, "execution", "COMMIT #1"))
    assert not armory.is_quiet()
    armory.disarm()
    assert armory.is_quiet()
    assert armory.armed() == []


def test_the_last_ids_are_told(armory: Armory) -> None:
    armory.publish_pids({"beat": 11, "postgres": 12})
    armory.publish_pids({"beat": 13, "postgres": 12})
    assert (armory.pid("beat"), armory.pid("postgres")) == (13, 12)


def test_a_line_that_is_still_written_is_not_read(tmp_path: Path) -> None:
    log = tmp_path / "kills.jsonl"
    assert lines(log) == []
    append(log, {"kill": "c001"})
    with log.open("a") as file:
        file.write('{"kill": "c0')
    assert lines(log) == [{"kill": "c001"}]
