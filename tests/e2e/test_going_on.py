"""Ctrl+C, and `up` again: the session goes on where it was, and nothing is double."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Up, database, left_behind, rows, up, wait_for

pytestmark = pytest.mark.stack
MORE = 5

TICKS = "SELECT session_id, number, slot, step, status FROM paper_trading_tick ORDER BY id"
DOUBLES = {
    "a slot": "SELECT slot FROM paper_trading_tick WHERE slot IS NOT NULL"
    " GROUP BY session_id, slot HAVING count(*) > 1",
    "a number": "SELECT number FROM paper_trading_tick WHERE number IS NOT NULL"
    " GROUP BY session_id, number HAVING count(*) > 1",
    "a stage": "SELECT stage FROM paper_trading_tickstage"
    " GROUP BY tick_id, stage, chunk HAVING count(*) > 1",
    "a trade": "SELECT sequence FROM paper_trading_papertrade"
    " GROUP BY tick_id, stage, sequence HAVING count(*) > 1",
    "a buy of a token on one tick": "SELECT token_id FROM paper_trading_papertrade"
    " WHERE side = 'BUY' AND status = 'FILLED' GROUP BY tick_id, token_id HAVING count(*) > 1",
    "a batch": "SELECT step FROM paper_trading_pricebatch"
    " GROUP BY market_id, step HAVING count(*) > 1",
    "an equity point": "SELECT tick_id FROM paper_trading_equitypoint"
    " GROUP BY account_id, tick_id HAVING count(*) > 1",
}


def closed(running: Up) -> int:
    query = "SELECT count(*) FROM paper_trading_tick WHERE status = 'CLOSED'"
    count: int = running.rows(query)[0][0]
    return count


def test_a_second_start_goes_on_where_the_first_was_interrupted(
    record: Path, tmp_path: Path
) -> None:
    options = f"--prices recorded:{record} --interval 0.5 --levels 10".split()
    with up(tmp_path, *options) as first:
        first.wait_until_it_runs()
        wait_for(lambda: closed(first) >= 6, "six ticks are closed")
        assert first.interrupt() == 0, first.said
    assert left_behind(first.data, first.port) == []
    with database(first.data) as url:
        before = rows(url, TICKS)
    with up(tmp_path, *options, "--ticks", str(MORE), data=first.data) as second:
        assert second.end() == 0, second.said
    assert left_behind(second.data, second.port) == []
    assert second.password == first.password
    report = second.report()
    assert report["ledger_ok"] is True
    assert report["internal_errors"] == 0
    with database(first.data) as url:
        went_on(before, rows(url, TICKS), report)
        assert [what for what, query in DOUBLES.items() if rows(url, query)] == []


def went_on(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], report: dict[str, Any]
) -> None:
    (session,) = {row[0] for row in before}
    assert {row[0] for row in after} == {session}
    (found,) = report["sessions"]
    assert found["session"] == session
    was_closed = sum(row[4] == "CLOSED" for row in before)
    # A tick that was open at Ctrl+C may be finished by the second start.
    was_open = sum(row[4] == "OPEN" for row in before)
    assert was_closed + MORE <= found["closed"] <= was_closed + was_open + MORE
    executed = [row for row in after if row[1] is not None]
    assert [row[1] for row in executed] == list(range(1, len(executed) + 1))
    assert {row[3] - row[1] for row in executed} == {executed[0][3] - 1}
    slots = [row[2] for row in after if row[2] is not None]
    assert sorted(slots) == list(range(min(slots), max(slots) + 1)), "a due slot has no row"
    assert all(row[4] != "OPEN" for row in after)
