"""Everything is killed at once, servers too; the next `up` goes on and nothing is double."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Up, database, kill_everything, left_behind, rows, up, wait_for
from tests.e2e.test_going_on import DOUBLES, TICKS, closed

pytestmark = pytest.mark.stack


def newest_closed(running: Up) -> int:
    """Return the id of the newest closed tick, 0 before the first."""
    query = "SELECT coalesce(max(id), 0) FROM paper_trading_tick WHERE status = 'CLOSED'"
    newest: int = running.rows(query)[0][0]
    return newest


@pytest.mark.parametrize("interval", ["1", "15"])
def test_after_a_power_cut_the_sessions_go_on(interval: str, record: Path, tmp_path: Path) -> None:
    options = f"--prices recorded:{record} --interval {interval} --levels 5,10".split()
    with up(tmp_path, *options) as first:
        first.wait_until_it_runs()
        wait_for(lambda: closed(first) >= 2, "two ticks are closed")
        before = newest_closed(first)
        kill_everything(first)
        assert first.process.wait() == -9
    assert left_behind(first.data, first.port) == []
    with up(tmp_path, *options, data=first.data) as second:
        second.wait_until_it_runs()
        wait_for(lambda: newest_closed(second) > before, "a tick is closed again")
        assert second.interrupt() == 0, second.said
    with database(first.data) as url:
        went_on(rows(url, TICKS))
        assert [what for what, query in DOUBLES.items() if rows(url, query)] == []
        assert rows(url, "SELECT traceback FROM paper_trading_internalerror") == []


def went_on(ticks: list[tuple[Any, ...]]) -> None:
    """Each session is the one of the first start, without a gap in numbers or slots."""
    sessions = {row[0] for row in ticks}
    assert len(sessions) == 2
    for session in sessions:
        own = [row for row in ticks if row[0] == session]
        numbers = [row[1] for row in own if row[1] is not None]
        assert numbers == list(range(1, len(numbers) + 1))
        slots = [row[2] for row in own if row[2] is not None]
        assert sorted(slots) == list(range(min(slots), max(slots) + 1)), "a due slot has no row"
