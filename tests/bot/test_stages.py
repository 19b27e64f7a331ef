"""Stages through the real pipeline: once, in order, by rule and never by arrival."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from paper_trading.bot import (
    endings,
    position_manager,
    progress,
    stages,
    trade_executor,
)
from paper_trading.bot.market_analyzer import MarketAnalyzer
from paper_trading.bot.statistics import report
from paper_trading.engine import track
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Action, Side, Stage, TradeStatus
from paper_trading.models import (
    EquityPoint,
    InternalError,
    LedgerEntry,
    Market,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrade,
    PaperTradingSession,
    PriceBatch,
    SessionStatus,
    SimulatedTransaction,
    StopReason,
    Tick,
    TickReason,
    TickStage,
    TickStatus,
)
from paper_trading.services.market_view import Listed
from tests.bot import worlds

LATE = timedelta(seconds=-1)


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    return worlds.running_session(market)


def raise_attempt(tick: Tick) -> None:
    Tick.objects.filter(pk=tick.pk).update(attempt=tick.attempt + 1)


def test_a_tick_runs_every_stage_in_order_and_leaves_its_rows(
    session: PaperTradingSession, settings: Settings
) -> None:
    settings.ANALYSIS_WIDTH = 3
    tick = worlds.run_tick(session)
    assert (tick.status, tick.stage, tick.reason) == (TickStatus.CLOSED, Stage.CLOSE, "")
    assert worlds.stage_names(tick) == [
        (Stage.OPEN, 0),
        (Stage.PRICES, 0),
        (Stage.AUTO_CLOSE, 0),
        (Stage.ANALYSIS, 0),
        (Stage.ANALYSIS, 1),
        (Stage.ANALYSIS, 2),
        (Stage.EXECUTION, 0),
        (Stage.CLOSE, 0),
    ]
    assert (tick.chunks_total, tick.chunks_done) == (3, 3)
    batch = PriceBatch.objects.get()
    assert (tick.batch, tick.market_time) == (batch, batch.market_time)
    assert tick.thoughts.count() == len(worlds.SCRIPTS)
    assert EquityPoint.objects.get(tick=tick).market_time == tick.market_time
    session.refresh_from_db()
    assert session.ticks_closed == 1


def test_entries_are_filled_from_decisions_and_booked(session: PaperTradingSession) -> None:
    tick = worlds.run_tick(session)
    bought = set(tick.trades.filter(status="FILLED").values_list("token__symbol", flat=True))
    wanted = set(tick.thoughts.filter(action=Action.BUY).values_list("token__symbol", flat=True))
    assert bought
    assert bought <= wanted
    for trade in tick.trades.filter(status=TradeStatus.FILLED):
        assert trade.stage == Stage.EXECUTION
        assert sum(entry.amount_usd for entry in trade.ledger.all()) == 0
        assert trade.transactions.count() >= 1
        assert trade.shortfall_usd == (
            trade.fee_usd + trade.impact_usd + trade.drift_usd + trade.mev_usd
        )
    held = PaperPosition.objects.filter(account=session.account, is_open=True)
    assert set(held.values_list("token__symbol", flat=True)) == bought


def test_one_task_a_token_while_they_fit_into_the_width(
    session: PaperTradingSession, settings: Settings
) -> None:
    settings.ANALYSIS_WIDTH = 16
    tick = worlds.run_tick(session)
    chunks = TickStage.objects.filter(tick=tick, stage=Stage.ANALYSIS).order_by("chunk")
    assert [chunk.detail["tokens"] for chunk in chunks] == [
        [name] for name in sorted(worlds.SCRIPTS)
    ]


def test_each_stage_delivered_twice_has_its_effect_once(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 2)
    worlds.run_tick(session)
    tick = worlds.open_tick(session)
    delivered: list[Stage] = []
    for step in worlds.steps_of(tick):
        stages.run(step.stage, step.tick_id, step.chunk)
        once = worlds.tables()
        assert stages.run(step.stage, step.tick_id, step.chunk) == []
        assert worlds.tables() == once, step
        delivered.append(step.stage)
    assert set(delivered) == set(Stage) - {Stage.OPEN}
    tick.refresh_from_db()
    assert tick.status == TickStatus.CLOSED


def test_a_stage_out_of_order_does_nothing(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    tick = worlds.open_tick(session)
    tried = 0
    for step in worlds.steps_of(tick):
        before = worlds.tables()
        for stage in set(Stage) - {Stage.OPEN, step.stage}:
            assert stages.run(stage, tick.pk) == []
            tried += 1
        assert worlds.tables() == before, step
        stages.run(step.stage, step.tick_id, step.chunk)
    assert tried >= 30
    before = worlds.tables()
    for stage in set(Stage) - {Stage.OPEN}:
        assert stages.run(stage, tick.pk) == []
    assert worlds.tables() == before


#: Something that each stage does inside its transaction, before it steps on.
INSIDE: dict[Stage, tuple[Any, str]] = {
    Stage.PRICES: (progress, "complete"),
    Stage.AUTO_CLOSE: (position_manager, "save_breakers"),
    Stage.ANALYSIS: (progress, "complete_chunk"),
    Stage.EXECUTION: (trade_executor, "save_breakers"),
    Stage.METRICS: (progress, "complete"),
}


@pytest.mark.parametrize("stage", INSIDE)
def test_a_stage_that_was_taken_over_meanwhile_is_rolled_back(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    tick = worlds.run_until(worlds.open_tick(session), stage)
    home, name = INSIDE[stage]
    act = getattr(home, name)

    def taken_over(*args: Any, **kwargs: Any) -> Any:
        raise_attempt(tick)
        return act(*args, **kwargs)

    before = worlds.tables()
    with monkeypatch.context() as patch:
        patch.setattr(home, name, taken_over)
        assert stages.run(stage, tick.pk) == []
    after = worlds.tables()
    if stage is Stage.PRICES:  # What belongs to the market stays for whoever comes next.
        for shared in (
            *("market", "markettoken", "tokenlist", "bar", "pricebatch", "quote"),
            *("setupbook", "setup", "frozenexperience"),
        ):
            del before[f"paper_trading_{shared}"], after[f"paper_trading_{shared}"]
    assert after == before


def test_a_money_stage_of_an_older_attempt_trades_nothing(session: PaperTradingSession) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    stale = progress.current(tick.pk, Stage.EXECUTION)
    assert stale is not None
    raise_attempt(tick)
    manager = position_manager.PositionManager(session.account_id)
    assert trade_executor.TradeExecutor(manager).execute_trade(stale) is None
    assert not PaperTrade.objects.exists()
    assert not LedgerEntry.objects.exclude(trade=None).exists()
    assert not SimulatedTransaction.objects.exists()
    tick.refresh_from_db()
    assert tick.stage == Stage.EXECUTION


@pytest.mark.parametrize("stage", [Stage.PRICES, Stage.AUTO_CLOSE, Stage.ANALYSIS, Stage.EXECUTION])
def test_past_its_deadline_a_tick_expires_and_trades_nothing(
    session: PaperTradingSession, stage: Stage
) -> None:
    tick = worlds.run_until(worlds.open_tick(session), stage)
    Tick.objects.update(deadline_at=tick.opened_at + LATE)
    trades = PaperTrade.objects.count()
    assert stages.run(stage, tick.pk) == []
    tick.refresh_from_db()
    assert (tick.status, tick.reason) == (TickStatus.EXPIRED, TickReason.DEADLINE)
    assert tick.closed_at is not None
    assert PaperTrade.objects.count() == trades == 0
    assert progress.next_steps(tick.pk) == []
    assert worlds.run_tick(session).status == TickStatus.CLOSED


def test_past_its_deadline_a_tick_that_has_traded_still_closes(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    tick = worlds.run_until(worlds.open_tick(session), Stage.METRICS)
    Tick.objects.update(deadline_at=tick.opened_at + LATE)
    stages.run_to_end(tick.pk)
    tick.refresh_from_db()
    assert tick.status == TickStatus.CLOSED
    assert PaperPerformanceMetrics.objects.filter(tick=tick).count() == 1


def test_the_order_of_the_chunks_changes_nothing(market: Market, settings: Settings) -> None:
    settings.ANALYSIS_WIDTH = 16
    luck = random.Random(3)
    in_order, shuffled = worlds.running_session(market), worlds.running_session(market)
    for _ in range(7):
        worlds.run_tick(in_order)
        _run_shuffled(worlds.open_tick(shuffled), luck)
    found = worlds.outcome(in_order)
    assert found == worlds.outcome(shuffled)
    assert Counter(row["side"] for row in found["trades"] if row["status"] == "FILLED").keys() == {
        Side.BUY,
        Side.SELL,
    }


def _run_shuffled(tick: Tick, luck: random.Random) -> None:
    while waiting := progress.next_steps(tick.pk):
        luck.shuffle(waiting)
        for step in waiting:
            stages.run(step.stage, step.tick_id, step.chunk)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_width_of_the_fan_out_changes_no_decision(
    market: Market, settings: Settings, width: int
) -> None:
    wide, narrow = worlds.running_session(market), worlds.running_session(market)
    settings.ANALYSIS_WIDTH = 16
    worlds.run_ticks(wide, 2)
    settings.ANALYSIS_WIDTH = width
    worlds.run_ticks(narrow, 2)
    assert worlds.outcome(wide) == worlds.outcome(narrow)


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the analysis of one token fail."""

    def break_token(symbol: str) -> None:
        analyze = MarketAnalyzer._analyze_token

        def failing(self: MarketAnalyzer, listed: Listed, *rest: Any) -> Any:
            if listed.token.symbol == symbol:
                raise ZeroDivisionError(f"no luck with {symbol}")
            return analyze(self, listed, *rest)

        monkeypatch.setattr(MarketAnalyzer, "_analyze_token", failing)

    return break_token


@pytest.mark.internal_errors
def test_a_token_whose_analysis_fails_is_skipped_and_the_tick_closes(
    session: PaperTradingSession,
    breaking: Callable[[str], None],
    settings: Settings,
) -> None:
    settings.ANALYSIS_WIDTH = 2
    breaking("FLAT")
    tick = worlds.run_tick(session)
    assert tick.status == TickStatus.CLOSED
    failed = tick.thoughts.get(token__symbol="FLAT")
    assert (failed.action, failed.code) == (Action.SKIP, Code.INTERNAL_ERROR)
    error = InternalError.objects.get()
    assert (error.tick, error.stage, error.token) == (tick, Stage.ANALYSIS, failed.token)
    assert "ZeroDivisionError: no luck with FLAT" in error.traceback
    assert tick.thoughts.filter(action=Action.BUY).exists()
    assert report([session.pk])["internal_errors"] == 1


def test_the_end_of_the_record_stops_the_session_with_that_reason(
    session: PaperTradingSession,
) -> None:
    worlds.skip_to(session, worlds.TAIL)
    assert worlds.run_tick(session).status == TickStatus.CLOSED
    over = worlds.run_tick(session)
    assert (over.status, over.reason, over.number) == (
        TickStatus.SKIPPED,
        TickReason.RECORD_ENDED,
        None,
    )
    session.refresh_from_db()
    assert (session.status, session.stop_reason) == (
        SessionStatus.STOPPED,
        StopReason.RECORD_ENDED,
    )
    assert session.stopped_at is not None


def test_the_tick_limit_stops_the_session_after_that_many_closed_ticks(market: Market) -> None:
    session = worlds.running_session(market, tick_limit=2)
    expired = worlds.open_tick(session)
    endings.expire([expired.pk])
    worlds.run_tick(session)
    session.refresh_from_db()
    assert session.status == SessionStatus.RUNNING
    worlds.run_tick(session)
    session.refresh_from_db()
    assert (session.status, session.stop_reason) == (SessionStatus.STOPPED, StopReason.TICK_LIMIT)
    assert session.ticks_closed == 2


def test_metrics_are_measured_on_ticks_20_and_40_only(market: Market, settings: Settings) -> None:
    settings.ANALYSIS_WIDTH = 1
    session = worlds.running_session(market, blocked_tokens=list(worlds.SCRIPTS))
    worlds.run_ticks(session, 41)
    rows = PaperPerformanceMetrics.objects.order_by("pk")
    assert [row.tick.number for row in rows] == [20, 40]
    measured = TickStage.objects.filter(stage=Stage.METRICS).order_by("pk")
    assert list(measured.values_list("tick__number", flat=True)) == [20, 40]
    for row in rows:
        # Nothing was traded: a rate or a ratio of nothing is unknown, not zero.
        assert row.win_rate_percent is row.profit_factor is row.expectancy_usd is None
        assert row.sharpe_ratio is row.sortino_ratio is None
        assert row.total_return_percent == 0
        assert (row.realized_usd, row.unrealized_usd, row.gas_usd) == (0, 0, 0)


def test_metrics_measure_what_was_traded(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 7)
    tick = worlds.run_ticks(session, 7)
    row = PaperPerformanceMetrics.objects.get()
    session.account.refresh_from_db()
    sells = PaperTrade.objects.filter(side=Side.SELL, status=TradeStatus.FILLED)
    assert row.realized_usd == session.account.realized_usd != 0
    assert row.gas_usd == session.account.gas_usd > 0
    assert row.winning_trades + row.losing_trades == sells.count() > 0
    counted = session.account.winning_trades, session.account.losing_trades
    assert counted == (row.winning_trades, row.losing_trades)
    assert row.win_rate_percent is not None
    assert row.equity_usd == tick.equity.equity_usd


def test_a_tick_skips_tokens_that_have_no_price_at_its_step(session: PaperTradingSession) -> None:
    worlds.skip_to(session, 8)
    tick = worlds.run_tick(session)
    assert tick.batch is not None
    assert tick.batch.missing == ["NOISE"]
    missing = tick.thoughts.get(token__symbol="NOISE")
    assert (missing.action, missing.code) == (Action.SKIP, Code.PRICE_MISSING)
    assert not tick.trades.filter(token__symbol="NOISE").exists()
    assert tick.status == TickStatus.CLOSED
