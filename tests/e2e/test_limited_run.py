"""`up --ticks`: everything starts, so many ticks close, one line of JSON tells, all stops."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Up, left_behind, up

pytestmark = pytest.mark.stack
TICKS = 25
LEVELS = (1, 5, 10)


@pytest.fixture(scope="module")
def run(record: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    options = f"--prices recorded:{record} --interval 0.5 --ticks {TICKS} --levels 1,5,10"
    with up(tmp_path_factory.mktemp("limited"), *options.split()) as running:
        running.end()
        yield running


@pytest.fixture(scope="module")
def sessions(run: Up) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run.report()["sessions"]
    return found


def test_it_ends_well_and_leaves_nothing_running(run: Up) -> None:
    assert run.process.returncode == 0, run.said
    assert left_behind(run.data, run.port) == []
    assert not (run.data / "run.json").exists()


def test_standard_output_is_the_report_alone(run: Up) -> None:
    assert len(run.stdout.read_text().splitlines()) == 1
    assert run.report().keys() == {
        "sessions", "price_batches", "ledger_ok", "ledger_problems", "internal_errors", "tick_ms",
    }  # fmt: skip


def test_every_session_closed_as_many_ticks_as_asked(sessions: list[dict[str, Any]]) -> None:
    assert [found["level"] for found in sessions] == list(LEVELS)
    for found in sessions:
        assert found["closed"] == TICKS
        assert found["stop_reason"] == "TICK_LIMIT"
        assert found["failed_ticks"] == 0
        assert found["metrics_rows"] == 1


def test_every_token_with_a_price_has_a_decision_on_every_tick(
    sessions: list[dict[str, Any]], symbols_by_step: Sequence[set[str]]
) -> None:
    for found in sessions:
        executed = TICKS + found["expired"]
        if found["expired"]:
            continue  # An expired tick may have ended before its analysis.
        priced = sum(len(symbols) for symbols in symbols_by_step[:executed])
        made = sum(found["codes"].values())
        assert made - found["codes"].get("PRICE_MISSING", 0) == priced
        assert sum(found["decisions"].values()) == made


def test_one_batch_a_step_serves_all_sessions(run: Up, sessions: list[dict[str, Any]]) -> None:
    steps = {found["closed"] + found["expired"] for found in sessions}
    assert run.report()["price_batches"] == max(steps)


def test_levels_trade_and_the_books_hold(run: Up, sessions: list[dict[str, Any]]) -> None:
    assert run.report()["ledger_ok"] is True
    assert run.report()["ledger_problems"] == []
    assert run.report()["internal_errors"] == 0
    assert sum(found["trades"] for found in sessions) > 0


def test_the_time_of_a_tick_is_told(run: Up) -> None:
    times = run.report()["tick_ms"]
    assert 0 < times["p50"] <= times["p95"]
