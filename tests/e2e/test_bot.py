"""`dev.py bot` as a person runs it: alone, beside an `up`, interrupted, and with bad input."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.stack import (
    PATIENCE_SECONDS,
    command,
    database,
    environment,
    free_port,
    left_behind,
    rows,
    up,
    wait_for,
)

pytestmark = pytest.mark.stack
TICKS = (
    "SELECT t.number, t.trigger, t.status FROM paper_trading_tick t"
    " JOIN paper_trading_papertradingsession s ON s.id = t.session_id"
    " JOIN paper_trading_papertradingaccount a ON a.id = s.account_id"
    " WHERE a.name = 'MyBot' AND t.number IS NOT NULL ORDER BY t.number"
)


def start(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """Start the bot in a process group of its own, as a shell does."""
    return subprocess.Popen(
        command("bot", *options),
        env=environment(),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finished(bot: "subprocess.Popen[str]") -> str:
    said, _ = bot.communicate(timeout=PATIENCE_SECONDS)
    return said


def manage(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("manage", "--data", str(data), *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_alone_it_brings_its_servers_and_takes_them_away(record: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    options = f"--account-name MyBot --intel-level 10 --tick-interval 0.5 --data {data}"
    prices = f"--prices recorded:{os.path.relpath(record, tmp_path)} --max-ticks 4"
    bot = start(tmp_path, *options.split(), *prices.split())
    said = finished(bot)
    assert bot.returncode == 0, said
    log = (tmp_path / "paper_trading_bot.log").read_text(encoding="utf-8")
    for words in ("Account MyBot", "tick 4 of session 1 closed", "ledger_ok: True"):
        assert words in said
        assert words in log
    assert left_behind(data, free_port()) == []
    assert not (data / "run.json").exists()
    with database(data) as url:
        assert rows(url, TICKS) == [(number, "BOT", "CLOSED") for number in (1, 2, 3, 4)]


def test_ctrl_c_finishes_the_tick_and_stops(tmp_path: Path) -> None:
    data = tmp_path / "data"
    options = f"--account-name MyBot --tick-interval 0.2 --data {data} --log-level info"
    bot = start(tmp_path, *options.split())
    log = tmp_path / "paper_trading_bot.log"
    wait_for(lambda: log.exists() and "tick 2 of" in log.read_text(), "two ticks are closed")
    os.killpg(bot.pid, signal.SIGINT)
    said = finished(bot)
    assert bot.returncode == 0, said
    assert "SIGINT: the tick is finished, stopping" in said
    assert "Traceback" not in said
    assert left_behind(data, free_port()) == []
    with database(data) as url:
        assert {status for _, _, status in rows(url, TICKS)} == {"CLOSED"}


def test_beside_an_up_it_takes_turns_with_the_workers_and_the_doctor_is_content(
    tmp_path: Path,
) -> None:
    with up(tmp_path, "--prices", "simulated", "--interval", "1") as running:
        # Started at once: the bot waits until the database of the `up` is ready.
        wait_for(lambda: (running.data / "run.json").exists(), "the servers run")
        options = f"--account-name MyBot --tick-interval 1 --max-ticks 5 --data {running.data}"
        bot = start(tmp_path, *options.split())
        said = finished(bot)
        assert bot.returncode == 0, said
        running.wait_until_it_runs()
        executed = running.rows(TICKS)
        assert [number for number, _, _ in executed] == list(range(1, len(executed) + 1))
        assert [status for *_, status in executed].count("CLOSED") == 5
        doctor = manage(running.data, "doctor")
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert "broken" not in doctor.stdout
        assert running.interrupt() == 0, running.said
    assert " INFO " not in running.said
    assert "tick 1 of session" in (running.data / "logs" / "worker.log").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["--account-name"]),
        (["--account-name", "A", "--intel-level", "11"], ["11", "from 1 to 10"]),
        (["--account-name", "A", "--prices", "real"], ["allowed are live, simulated"]),
        (["--account-name", "A", "--prices", "recorded:gone.csv"], ["gone.csv", "no such file"]),
    ],
)
def test_bad_input_is_one_line_and_starts_nothing(
    options: list[str], words: list[str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    bot = start(tmp_path, *options, "--data", str(data))
    (line,) = finished(bot).splitlines()
    assert bot.returncode == 2
    assert line.startswith("dev.py: ")
    assert all(word in line for word in words), line
    assert list(tmp_path.iterdir()) == []
