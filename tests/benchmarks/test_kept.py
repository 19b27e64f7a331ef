"""Results of seeds that are kept: a study goes on where it was interrupted."""

from pathlib import Path

import pytest

from benchmarks.honesty.__main__ import main
from benchmarks.honesty.cadence import Outcome
from benchmarks.honesty.kept import OtherStudy, Shelf
from benchmarks.honesty.planted import Outcome as Planted

STUDY = {"name": "cadence", "program": "engine 1", "levels": [3]}


def test_a_seed_is_run_once(tmp_path: Path) -> None:
    ran: list[int] = []

    def run(seed: int) -> list[Outcome]:
        ran.append(seed)
        return [Outcome(3, 15, seed), Outcome(3, 60, seed + 1)]

    shelf = Shelf(tmp_path / "deep" / "out", STUDY)
    first = [shelf.outcomes(Outcome, run, seed) for seed in (1, 2)]
    assert [shelf.outcomes(Outcome, run, seed) for seed in (1, 2, 3)][:2] == first
    assert ran == [1, 2, 3]
    assert first[0] == [Outcome(3, 15, 1), Outcome(3, 60, 2)]


def test_what_was_cut_short_is_run_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, STUDY)

    def broken(seed: int) -> list[Outcome]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.outcomes(Outcome, broken, 1)
    (tmp_path / "cadence-000001.part").write_text('{"study"', encoding="utf-8")
    assert shelf.outcomes(Outcome, lambda seed: [Outcome(3, 15, seed)], 1) == [Outcome(3, 15, 1)]


def test_figures_come_back_to_the_last_digit(tmp_path: Path) -> None:
    made = Planted(1, 0.1 + 0.2, 1e-17, -1 / 3, 2.0**70, 4, True, 0.5, 0.0, None, 7)
    shelf = Shelf(tmp_path, STUDY)
    shelf.outcomes(Planted, lambda _: [made], 1)
    assert shelf.outcomes(Planted, lambda _: [], 1) == [made]


def test_another_study_is_refused(tmp_path: Path) -> None:
    Shelf(tmp_path, STUDY).outcomes(Outcome, lambda seed: [Outcome(3, 15, seed)], 1)
    other = Shelf(tmp_path, {**STUDY, "levels": [4]})
    with pytest.raises(OtherStudy, match="needs another folder"):
        other.outcomes(Outcome, lambda seed: [Outcome(4, 15, seed)], 1)


def test_the_command_refuses_a_folder_of_another_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Shelf(tmp_path, STUDY).outcomes(Outcome, lambda seed: [Outcome(3, 15, seed)], 1)
    arguments = ["cadence", "--seeds", "1", "--jobs", "1", "--levels", "3", "--out", str(tmp_path)]
    assert main(arguments) == 2
    assert "needs another folder" in capsys.readouterr().err
