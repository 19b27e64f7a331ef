"""The bot's command line: what it refuses in one line, and its exit status."""

import logging
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from paper_trading.bot import (
    command_line,
    enhanced_bot,
    progress,
)
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    InternalError,
    PaperTradingAccount,
    PaperTradingSession,
)
from tests.bot.failing import fail_once

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give the process its signal handlers back."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def _own_logging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `main` write its log into a folder of the test, and take its handlers away again."""
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("paper_trading")
    handlers, propagate, level = list(logger.handlers), logger.propagate, logger.level
    yield
    for handler in [found for found in logger.handlers if found not in handlers]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate, logger.level = propagate, level


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command line and return its one line, having seen that nothing was begun."""
    assert enhanced_bot.main(arguments) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("paper_trading.bot: error: ")
    assert "Traceback" not in said.out
    assert not PaperTradingAccount.objects.exists()
    assert not PaperTradingSession.objects.exists()
    return line


@pytest.mark.usefixtures("db", "_own_logging")
def test_bad_arguments_are_one_line_and_begin_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["--account-name", "A", "--prices", "real"], capsys)
    assert line.endswith(f"prices 'real': allowed are {command_line.ALLOWED_PRICES}")
    assert not Path("paper_trading_bot.log").exists()


@pytest.mark.usefixtures("market", "_own_logging")
def test_what_the_database_refuses_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEX_ADMIN_PASSWORD", raising=False)
    assert "There is no administrator" in refused(["--account-name", "A"], capsys)


@pytest.mark.usefixtures("db", "_own_logging")
def test_a_log_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("paper_trading_bot.log").mkdir()
    assert "paper_trading_bot.log cannot be written" in refused(["--account-name", "A"], capsys)


@pytest.mark.usefixtures("market", "_own_logging")
def test_the_command_line_runs_a_recorded_file_and_makes_the_administrator(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEX_ADMIN_PASSWORD", "a-password-of-the-test")
    options = f"--account-name Mine --prices recorded:{record} --tick-interval 0.2 --max-ticks 2"
    assert enhanced_bot.main([*options.split(), "--log-level", "debug"]) == 0
    session = PaperTradingSession.objects.get(account__name="Mine")
    assert (session.ticks_closed, session.account.owner.username) == (2, "admin")
    log = Path("paper_trading_bot.log").read_text(encoding="utf-8")
    assert "Final statistics" in log
    assert "a-password-of-the-test" not in log


@pytest.mark.usefixtures("market", "_own_logging")
@pytest.mark.internal_errors
def test_a_failure_inside_is_the_exit_status(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEX_ADMIN_PASSWORD", "a-password-of-the-test")
    InternalError.objects.create(stage=Stage.OPEN, traceback="before the session began")
    options = f"--account-name Mine --prices recorded:{record} --tick-interval 0.2 --max-ticks 1"
    assert enhanced_bot.main(options.split()) == 0
    monkeypatch.setattr(progress, "LEASE", timedelta(0))
    fail_once(monkeypatch, ZeroDivisionError("nothing to divide by"))
    assert enhanced_bot.main(options.split()) == 1


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    import paper_trading.bot

    with pytest.raises(AttributeError, match="has no attribute 'NoSuchBot'"):
        _ = paper_trading.bot.NoSuchBot
