"""The log says what was committed, at the level that its kind has, and nothing twice."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models import F

from paper_trading.bot import clock, logs, progress, stages
from paper_trading.bot.circuit_breakers import CircuitBreakerManager
from paper_trading.engine import track
from paper_trading.engine.enums import BreakerKind, Side, Stage, TradeStatus
from paper_trading.models import (
    Market,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    Tick,
)
from tests.bot import worlds

pytestmark = pytest.mark.django_db(transaction=True)
OURS = "paper_trading.bot"


@pytest.fixture
def session(committed_market: Market) -> PaperTradingSession:
    return worlds.running_session(committed_market)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG, OURS):
        yield caplog


def lines(log: pytest.LogCaptureFixture, level: int, *words: str) -> list[str]:
    """Return the messages of a level that hold all the words."""
    return [
        found.getMessage()
        for found in log.records
        if found.levelno == level and all(word in found.getMessage() for word in words)
    ]


def test_a_tick_is_told_by_kind_and_level(
    session: PaperTradingSession, log: pytest.LogCaptureFixture
) -> None:
    tick = worlds.run_tick(session)
    name = f"tick 1 of session {session.pk}"
    (summary,) = lines(log, logging.INFO, f"{name} closed: ACTIVE, equity ", "prices ")
    assert "execution " in summary
    fills = PaperTrade.objects.filter(tick=tick, status=TradeStatus.FILLED)
    assert fills.count() > 1
    for trade in fills:
        assert lines(log, logging.INFO, f"{name}: BUY {trade.token} for ")
        assert lines(log, logging.DEBUG, f"{name}: position {trade.token}: ")
    assert len(lines(log, logging.INFO, f"{name}: BUY ")) == fills.count()
    (prices,) = lines(log, logging.DEBUG, f"{name}: step 600 of ", "fetched in one call")
    assert prices.endswith("7 of 7 tokens")
    assert len(lines(log, logging.DEBUG, f"{name}: ", ", confidence ")) == 7


def test_exits_denials_and_missing_prices_are_told(
    session: PaperTradingSession, log: pytest.LogCaptureFixture
) -> None:
    worlds.run_ticks(session, 9)
    sold = session.trades.filter(side=Side.SELL, status=TradeStatus.FILLED)
    assert sold.exists()
    for trade in sold:
        number = f"tick {trade.tick.number} of"
        words = f"SELL {trade.token} for ", f"({trade.exit_reason})", "realized "
        assert lines(log, logging.INFO, number, *words)
        assert lines(log, logging.DEBUG, number, f"position {trade.token} closed")
    denied = session.trades.filter(status=TradeStatus.DENIED)
    assert denied.exists()
    for trade in denied:
        number = f"tick {trade.tick.number} of"
        assert lines(log, logging.WARNING, number, "denied ", f"BUY {trade.token} {trade.code}")
    told = [found for found in log.records if "denied" in found.getMessage()]
    assert {found.name for found in told} == {logs.routine.name}
    assert len(told) == len(set(denied.values_list("tick", "stage")))
    assert len(lines(log, logging.WARNING, "no price for NOISE")) == 2


def test_a_failed_swap_is_an_error(committed_market: Market, log: pytest.LogCaptureFixture) -> None:
    strict = worlds.running_session(committed_market, max_slippage_percent=Decimal("0.01"))
    tick = worlds.run_tick(strict)
    failed = tick.trades.filter(status=TradeStatus.FAILED)
    assert failed.exists()
    for trade in failed:
        assert lines(log, logging.ERROR, f"BUY {trade.token} failed: ", "minimum out", "gas ")


def test_an_exit_that_keeps_failing_is_a_warning(
    session: PaperTradingSession, log: pytest.LogCaptureFixture
) -> None:
    worlds.run_tick(session)
    held = PaperPosition.objects.filter(account=session.account, is_open=True).first()
    assert held is not None
    PaperPosition.objects.filter(pk=held.pk).update(failed_exits=2)
    # Another version: the cached state is not read.
    PaperTradingAccount.objects.filter(pk=session.account_id).update(
        state_version=F("state_version") + 1
    )
    worlds.run_tick(session)
    found = lines(log, logging.WARNING, f"the exit of {held.token} has failed 2 times in a row")
    assert found
    assert all("its tolerance rises" in one for one in found)


def test_performance_is_told_with_the_metrics(
    session: PaperTradingSession,
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    worlds.run_tick(session)
    (line,) = lines(log, logging.INFO, "performance: return ")
    assert "win rate undefined %" in line


def test_a_breaker_that_trips_is_a_warning_and_its_reset_is_not(
    session: PaperTradingSession, log: pytest.LogCaptureFixture
) -> None:
    tick = worlds.open_tick(session)
    Tick.objects.update(
        lease_until=clock.now() - timedelta(seconds=1), attempt=progress.MAX_ATTEMPTS
    )
    progress.sweep()
    (line,) = lines(log, logging.WARNING, "breaker INTERNAL_ERROR of account ", "tripped")
    assert "failed in stage prices after 5 attempts" in line
    assert lines(log, logging.ERROR, f"tick {tick.pk} stage prices: ")
    CircuitBreakerManager(session.account_id).reset(
        BreakerKind.INTERNAL_ERROR, session.account.owner, "Looked at."
    )
    assert lines(log, logging.INFO, "breaker INTERNAL_ERROR of account ", "cleared")


def test_what_is_rolled_back_is_not_told(
    session: PaperTradingSession, log: pytest.LogCaptureFixture
) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    log.clear()
    with transaction.atomic():
        stages.run(Stage.EXECUTION, tick.pk)
        transaction.set_rollback(True)
    assert log.messages == []
    stages.run(Stage.EXECUTION, tick.pk)
    assert log.messages


def test_a_stage_delivered_twice_is_told_once(
    session: PaperTradingSession, log: pytest.LogCaptureFixture
) -> None:
    tick = worlds.open_tick(session)
    for step in worlds.steps_of(tick):
        stages.run(step.stage, step.tick_id, step.chunk)
        once = len(log.records)
        stages.run(step.stage, step.tick_id, step.chunk)
        assert len(log.records) == once
