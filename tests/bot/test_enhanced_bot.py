"""The bot as one process: the same ticks in a loop, and a clean end."""

import logging
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from paper_trading.bot import EnhancedPaperTradingBot, clock, enhanced_bot, stages
from paper_trading.bot.accounts import ControlRefused
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    Market,
    PaperTradingSession,
    SessionStatus,
    StopReason,
    Tick,
    TickStatus,
    Trigger,
)
from tests import builders as make
from tests.bot import worlds

FAST = Decimal("0.2")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give the process its signal handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def bot(market: Market) -> EnhancedPaperTradingBot:
    make.make_user(is_superuser=True)
    return EnhancedPaperTradingBot("MyBot", 10, FAST, max_ticks=3, market=market)


def session_of(bot: EnhancedPaperTradingBot) -> PaperTradingSession:
    assert bot.session is not None
    bot.session.refresh_from_db()
    return bot.session


def test_it_runs_so_many_ticks_and_stops(
    bot: EnhancedPaperTradingBot, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        bot.initialize()
        bot.run()
    session = session_of(bot)
    assert (session.status, session.stop_reason) == (SessionStatus.STOPPED, StopReason.TICK_LIMIT)
    closed = session.ticks.filter(status=TickStatus.CLOSED).order_by("number")
    assert [(tick.number, tick.trigger) for tick in closed] == [
        (number, Trigger.BOT) for number in (1, 2, 3)
    ]
    for words in ("Account MyBot", "Intel level: 10 of 10", "Tick 3 ACTIVE", "ledger_ok: True"):
        assert words in caplog.text


def test_it_decides_and_trades_as_the_chain_does(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    bot.run()
    chain = worlds.running_session(market, confidence_threshold=None)
    worlds.run_ticks(chain, 3)
    assert worlds.outcome(session_of(bot)) == worlds.outcome(chain)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_tick_that_is_under_way(
    bot: EnhancedPaperTradingBot, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run_to_end = stages.run_to_end

    def signalled(tick_id: int) -> None:
        os.kill(os.getpid(), number)
        run_to_end(tick_id)

    monkeypatch.setattr(stages, "run_to_end", signalled)
    bot.initialize()
    bot.run()
    session = session_of(bot)
    assert (session.status, session.stop_reason) == (SessionStatus.STOPPED, StopReason.REQUESTED)
    tick = session.ticks.filter(number__isnull=False).get()
    assert tick.status == TickStatus.CLOSED


def test_it_finishes_a_tick_that_a_killed_bot_left_open(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    left = worlds.run_until(worlds.open_tick(session_of(bot)), Stage.EXECUTION)
    Tick.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    again = EnhancedPaperTradingBot("MyBot", 10, FAST, max_ticks=2, market=market)
    again.initialize()
    assert again.session == bot.session
    again.run()
    left.refresh_from_db()
    assert left.status == TickStatus.CLOSED
    assert session_of(again).ticks_closed == 2


def test_a_stopped_bot_s_account_goes_on_with_the_next_session(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    bot.run()
    again = EnhancedPaperTradingBot("MyBot", 3, FAST, max_ticks=1, market=market)
    again.initialize()
    first, second = session_of(bot), session_of(again)
    assert second.account == first.account
    assert second.pk != first.pk
    assert second.start_step == first.start_step + 3


def test_a_running_session_of_another_level_or_interval_is_not_taken_over(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    for level, interval in ((5, FAST), (10, Decimal(15))):
        other = EnhancedPaperTradingBot("MyBot", level, interval, market=market)
        with pytest.raises(ControlRefused, match="stop that session first"):
            other.initialize()


def test_an_account_of_another_market_is_refused(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    other = EnhancedPaperTradingBot("MyBot", 10, FAST, market=make.make_market())
    with pytest.raises(ControlRefused, match=f"MyBot trades on {market}"):
        other.initialize()


def test_without_an_administrator_nobody_owns_the_account(market: Market) -> None:
    with pytest.raises(ControlRefused, match="no administrator"):
        EnhancedPaperTradingBot("MyBot", market=market).initialize()


@pytest.mark.parametrize("level", [0, 11])
def test_a_level_that_does_not_exist_is_refused(market: Market, level: int) -> None:
    make.make_user(is_superuser=True)
    with pytest.raises(ValueError, match=f"intel level was {level}"):
        EnhancedPaperTradingBot("MyBot", level, market=market).initialize()
    assert not PaperTradingSession.objects.exists()


def test_running_before_initializing_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match=r"initialize\(\) comes first"):
        EnhancedPaperTradingBot("MyBot").run()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--account-name", "A", "--intel-level", "11"],
        ["--account-name", "A", "--tick-interval", "0"],
        ["--account-name", "A", "--tick-interval", "soon"],
        ["--account-name", "A", "--max-ticks", "0"],
        ["--account-name", "A", "--max-ticks", "-3"],
        ["--account-name", "A", "--tick-interval", "NaN"],
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        enhanced_bot.parser().parse_args(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("paper_trading.bot: error: ")


def test_the_log_goes_to_the_console_and_a_utf_8_file(tmp_path: Path) -> None:
    logger = logging.getLogger("paper_trading")
    handlers, propagate = list(logger.handlers), logger.propagate
    try:
        enhanced_bot.set_up_logging(tmp_path / "bot.log")
        logger.warning("Zürich ✓")
        added = [handler for handler in logger.handlers if handler not in handlers]
        assert len(added) == 2
    finally:
        for handler in [found for found in logger.handlers if found not in handlers]:
            logger.removeHandler(handler)
            handler.close()
        logger.propagate = propagate
    assert "Zürich ✓" in (tmp_path / "bot.log").read_text(encoding="utf-8")


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    import paper_trading.bot

    with pytest.raises(AttributeError, match="has no attribute 'NoSuchBot'"):
        _ = paper_trading.bot.NoSuchBot
