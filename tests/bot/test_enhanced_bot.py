"""The bot as one process: the same ticks in a loop, and a clean end."""

import logging
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from paper_trading.bot import (
    EnhancedPaperTradingBot,
    clock,
    controls,
    enhanced_bot,
    progress,
    stages,
)
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.managers import Managers
from paper_trading.bot.trade_executor import TradeExecutor
from paper_trading.engine.enums import BreakerKind, Stage
from paper_trading.engine.steps import StepResult
from paper_trading.models import (
    InternalError,
    Market,
    PaperTradingSession,
    SessionStatus,
    StopReason,
    Tick,
    TickStatus,
    Trigger,
)
from paper_trading.services.price_feed_service import PriceFeedService
from paper_trading.services.token_registry import CHAINS
from tests import builders as make
from tests.bot import worlds
from tests.bot.failing import fail_once

FAST = Decimal("0.2")
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give the process its signal handlers back."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def bot(market: Market) -> EnhancedPaperTradingBot:
    make.make_user(is_superuser=True)
    return EnhancedPaperTradingBot("MyBot", 10, tick_interval=FAST, max_ticks=3, market=market)


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
    for words in (
        "Account MyBot",
        "Chain: 8453 (Base)",
        "Tick every 0.2 s, limit: 3 closed ticks",
        "Intel level: 10 of 10",
        "stop loss percent: 5",
        "confidence threshold: the level's",
        "Session ended: Tick limit",
        "closed: 3",
        "ledger_ok: True",
    ):
        assert words in caplog.text, words


def test_it_decides_and_trades_as_the_chain_does(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    bot.run()
    chain = worlds.running_session(market, confidence_threshold=None, use_transaction_manager=True)
    worlds.run_ticks(chain, 3)
    assert worlds.outcome(session_of(bot)) == worlds.outcome(chain)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_or_two_finish_the_tick_that_is_under_way(
    bot: EnhancedPaperTradingBot, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run_to_end = stages.run_to_end

    def signalled(tick_id: int, managers: Managers) -> None:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        run_to_end(tick_id, managers)

    monkeypatch.setattr(stages, "run_to_end", signalled)
    bot.initialize()
    bot.run()
    session = session_of(bot)
    assert (session.status, session.stop_reason) == (SessionStatus.STOPPED, StopReason.REQUESTED)
    tick = session.ticks.filter(number__isnull=False).get()
    assert tick.status == TickStatus.CLOSED


def test_a_signal_opens_no_other_tick_that_is_due(
    bot: EnhancedPaperTradingBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a tick be asked for while one that was left open is finished."""
    run_to_end = stages.run_to_end

    def signalled(tick_id: int, managers: Managers) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        run_to_end(tick_id, managers)

    monkeypatch.setattr(stages, "run_to_end", signalled)
    bot.initialize()
    session = session_of(bot)
    worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    Tick.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    controls.request_tick(session, session.account.owner)
    bot.run()
    assert session.ticks.filter(number__isnull=False).get().status == TickStatus.CLOSED


def test_it_finishes_a_tick_that_a_killed_bot_left_open(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    left = worlds.run_until(worlds.open_tick(session_of(bot)), Stage.EXECUTION)
    Tick.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    again = EnhancedPaperTradingBot("MyBot", 10, tick_interval=FAST, max_ticks=2, market=market)
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
    again = EnhancedPaperTradingBot("MyBot", 3, tick_interval=FAST, max_ticks=1, market=market)
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
        other = EnhancedPaperTradingBot("MyBot", level, tick_interval=interval, market=market)
        with pytest.raises(ControlRefused, match="stop that session first"):
            other.initialize()


def test_an_account_of_another_market_is_refused(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    other = EnhancedPaperTradingBot("MyBot", 10, tick_interval=FAST, market=make.make_market())
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


@pytest.mark.internal_errors
def test_a_stage_that_fails_is_kept_and_tried_again(
    bot: EnhancedPaperTradingBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LEASE", timedelta(0))
    fail_once(monkeypatch, ZeroDivisionError("nothing to divide by"))
    bot.initialize()
    bot.run()
    kept = InternalError.objects.get()
    assert (kept.stage, kept.tick) == (Stage.EXECUTION, session_of(bot).ticks.get(number=1))
    assert "nothing to divide by" in kept.traceback
    first = session_of(bot).ticks.get(number=1)
    assert (first.status, first.attempt) == (TickStatus.CLOSED, 2)


@pytest.mark.internal_errors
def test_a_stage_that_keeps_failing_stops_entries_and_the_bot_goes_on(
    bot: EnhancedPaperTradingBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LEASE", timedelta(0))

    def failing(self: TradeExecutor, tick: Tick) -> StepResult | None:
        if tick.number == 1:
            raise ZeroDivisionError("nothing to divide by")
        return execute(self, tick)

    execute = TradeExecutor.execute_trade
    monkeypatch.setattr(TradeExecutor, "execute_trade", failing)
    bot.initialize()
    bot.run()
    session = session_of(bot)
    assert session.ticks.get(number=1).status == TickStatus.FAILED
    assert session.account.breakers.get(tripped=True).kind == BreakerKind.INTERNAL_ERROR
    assert InternalError.objects.count() == progress.MAX_ATTEMPTS
    assert session.ticks_closed == 3


@pytest.mark.internal_errors
@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_in_mid_tick_is_no_internal_error(
    committed_market: Market,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(progress, "LEASE", timedelta(0))
    monkeypatch.setattr(enhanced_bot, "_LONGEST_PAUSE", 0.01)
    execute, lost = TradeExecutor.execute_trade, list[Tick]()

    def losing(self: TradeExecutor, tick: Tick) -> StepResult | None:
        result = execute(self, tick)
        if not lost:
            lost.append(tick)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return result

    monkeypatch.setattr(TradeExecutor, "execute_trade", losing)
    make.make_user(is_superuser=True)
    bot = EnhancedPaperTradingBot(
        "MyBot", 10, tick_interval=FAST, max_ticks=2, market=committed_market
    )
    bot.initialize()
    bot.run()
    assert session_of(bot).ticks_closed == 2
    assert lost
    assert not InternalError.objects.exists()
    assert {found.levelno for found in caplog.records if "does not answer" in found.message} == {
        logging.ERROR
    }


@pytest.mark.internal_errors
@pytest.mark.django_db(transaction=True)
def test_a_server_that_stays_away_ends_the_bot(
    committed_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.make_user(is_superuser=True)
    bot = EnhancedPaperTradingBot("MyBot", tick_interval=FAST, market=committed_market)
    monkeypatch.setattr(enhanced_bot, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(enhanced_bot, "_PATIENCE_SECONDS", 0.05)
    bot.initialize()

    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(progress, "sweep", away)
    with pytest.raises(OperationalError, match="connection refused"):
        bot.run()


def test_it_serves_a_tick_that_was_asked_for_by_hand(market: Market) -> None:
    owner = make.make_user(is_superuser=True)
    bot = EnhancedPaperTradingBot("MyBot", 10, tick_interval=3600, max_ticks=1, market=market)
    bot.initialize()
    controls.request_tick(session_of(bot), owner)
    bot.run()
    (tick,) = session_of(bot).ticks.filter(status=TickStatus.CLOSED)
    assert tick.trigger == Trigger.MANUAL


def test_a_tick_left_open_on_a_stopped_session_is_finished_before_the_next(
    bot: EnhancedPaperTradingBot, market: Market
) -> None:
    bot.initialize()
    left = worlds.run_until(worlds.open_tick(session_of(bot)), Stage.EXECUTION)
    controls.stop(session_of(bot))
    again = EnhancedPaperTradingBot("MyBot", 3, tick_interval=FAST, market=market)
    with pytest.raises(ControlRefused, match="still open; try again in a moment"):
        again.initialize()
    Tick.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    again.initialize()
    left.refresh_from_db()
    assert left.status == TickStatus.CLOSED
    assert session_of(again).start_step == (left.step or 0) + 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"use_real_prices": True, "prices": "simulated"}, "means live prices, not simulated"),
        ({"chain_id": 2}, "chain id 2: allowed are 1 \\(Ethereum\\), 8453 \\(Base\\)"),
        ({"tick_interval": 0}, "interval was '0'; allowed is 0.2 to 3600 seconds"),
        ({"max_ticks": 0}, "max_ticks was 0; allowed is 1 to"),
        ({"account_name": " "}, "account name ' ': allowed are 1 to 120 printable signs"),
        ({"account_name": "a\nb"}, "allowed are 1 to 120 printable signs"),
        ({"prices": "real"}, "prices 'real': allowed are live, simulated and recorded:FILE"),
        ({"prices": "recorded:gone.csv"}, "prices: gone.csv: no such file"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    fields: dict[str, Any], words: str, db: None
) -> None:
    make.make_user(is_superuser=True)
    before = worlds.tables()
    with pytest.raises((ControlRefused, ValueError), match=words):
        EnhancedPaperTradingBot(**{"account_name": "A", **fields}).initialize()
    assert worlds.tables() == before


def test_a_recorded_file_is_not_traded_on_another_chain(market: Market, record: Path) -> None:
    make.make_user(is_superuser=True)
    prices = f"recorded:{record}"
    with pytest.raises(ControlRefused, match="traded on Base, not on chain 1"):
        EnhancedPaperTradingBot("A", prices=prices, chain_id=1).initialize()
    bot = EnhancedPaperTradingBot("A", prices=prices, chain_id=84532)
    bot.initialize()
    assert session_of(bot).account.market == market
    with pytest.raises(ControlRefused, match=f"A trades on {market}, not on simulated prices"):
        EnhancedPaperTradingBot("A", prices="simulated").initialize()


def test_simulated_prices_of_any_chain_of_the_registry_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr(PriceFeedService, "backfill", lambda _: 0)
    make.make_user(is_superuser=True)
    for chain_id in CHAINS:
        bot = EnhancedPaperTradingBot(f"On {chain_id}", chain_id=chain_id)
        bot.initialize()
        assert session_of(bot).account.market.chain_id == chain_id
        again = EnhancedPaperTradingBot(f"On {chain_id}", chain_id=chain_id, prices="simulated")
        again.initialize()
        assert again.session == bot.session
    with pytest.raises(ControlRefused, match="On 1 trades on Simulated Ethereum, seed 1, not on"):
        EnhancedPaperTradingBot("On 1", chain_id=8453).initialize()


def test_a_name_that_two_users_gave_is_refused(market: Market) -> None:
    for user in ("ada", "bob"):
        worlds.open_account(market, make.make_user(user), "Same")
    with pytest.raises(ControlRefused, match="2 accounts 'Same': of ada, bob"):
        EnhancedPaperTradingBot("Same").initialize()
