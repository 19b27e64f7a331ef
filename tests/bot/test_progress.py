"""Recovery: the sweeper goes on where a lease ran out, fences the slow, and gives up in time."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from paper_trading.bot import clock, events, progress, stages
from paper_trading.bot.position_manager import PositionManager
from paper_trading.bot.progress import LEASE, MAX_ATTEMPTS, Fenced, Step
from paper_trading.bot.trade_executor import TradeExecutor
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import BreakerKind, Stage, TradingState
from paper_trading.models import (
    BreakerState,
    Market,
    PaperTrade,
    PaperTradingSession,
    Tick,
    TickReason,
    TickStage,
    TickStatus,
)
from paper_trading.services import set_ups
from tests import builders as make
from tests.bot import worlds
from tests.bot.threads import at_once


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    return worlds.running_session(market)


def let_lease_run_out(tick: Tick) -> None:
    Tick.objects.filter(pk=tick.pk).update(lease_until=clock.now() - timedelta(seconds=1))


def sweep_and_run() -> list[Step]:
    steps = progress.sweep()
    for step in steps:
        stages.run(step.stage, step.tick_id, step.chunk)
    return steps


def test_a_tick_within_its_lease_is_left_alone(session: PaperTradingSession) -> None:
    tick = worlds.open_tick(session)
    before = worlds.tables()
    assert progress.sweep() == []
    assert worlds.tables() == before
    assert tick.attempt == 1


def test_every_stage_renews_the_lease(session: PaperTradingSession) -> None:
    tick = worlds.open_tick(session)
    for step in worlds.steps_of(tick):
        let_lease_run_out(tick)
        stages.run(step.stage, step.tick_id, step.chunk)
        tick.refresh_from_db()
        if tick.status == TickStatus.OPEN:
            assert tick.lease_until is not None
            assert tick.lease_until > clock.now()
    assert tick.status == TickStatus.CLOSED


def test_long_work_renews_the_lease_after_each_part(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a session with a bracket of its own come late: all bars so far are to be folded."""
    worlds.run_ticks(session, 4)
    monkeypatch.setattr(set_ups, "PORTION", 7)
    late = worlds.running_session(session.account.market, stop_loss_percent=3)
    PaperTradingSession.objects.filter(pk=late.pk).update(start_step=session.start_step + 3)
    tick = worlds.open_tick(late)
    held: list[Tick] = []
    monkeypatch.setattr(progress, "hold", held.append)
    stages.run(Stage.PRICES, tick.pk)
    assert held == []
    stages.run(Stage.AUTO_CLOSE, tick.pk)
    assert [one.pk for one in held] == [tick.pk] * 3
    tick.refresh_from_db()
    assert tick.stage == Stage.ANALYSIS


def test_a_lease_is_renewed_by_its_holder_only(session: PaperTradingSession) -> None:
    tick = worlds.open_tick(session)
    let_lease_run_out(tick)
    progress.hold(tick)
    assert progress.sweep() == []
    Tick.objects.filter(pk=tick.pk).update(attempt=2)
    with pytest.raises(Fenced, match="left stage prices at attempt 1"):
        progress.hold(tick)


@pytest.mark.parametrize(
    "stage", [Stage.PRICES, Stage.AUTO_CLOSE, Stage.ANALYSIS, Stage.EXECUTION, Stage.CLOSE]
)
def test_the_sweeper_takes_over_after_the_lease_and_the_tick_finishes(
    session: PaperTradingSession, market: Market, stage: Stage
) -> None:
    undisturbed = worlds.running_session(market)
    worlds.run_tick(undisturbed)
    tick = worlds.run_until(worlds.open_tick(session), stage)
    let_lease_run_out(tick)
    assert {step.stage for step in progress.sweep()} == {stage}
    tick.refresh_from_db()
    assert tick.attempt == 2
    assert tick.lease_until is not None
    assert tick.lease_until > clock.now()
    stages.run_to_end(tick.pk)
    tick.refresh_from_db()
    assert tick.status == TickStatus.CLOSED
    assert worlds.outcome(session) == worlds.outcome(undisturbed)


def test_a_taken_over_analysis_repeats_only_the_chunks_that_are_missing(
    session: PaperTradingSession,
) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    waiting = progress.next_steps(tick.pk)
    for step in (waiting[1], waiting[4]):
        stages.run(step.stage, step.tick_id, step.chunk)
    let_lease_run_out(tick)
    steps = sweep_and_run()
    assert [step.chunk for step in steps] == [0, 2, 3, 5, 6]
    tick.refresh_from_db()
    assert (tick.stage, tick.chunks_done) == (Stage.EXECUTION, 7)
    attempts = TickStage.objects.filter(stage=Stage.ANALYSIS).order_by("chunk")
    assert list(attempts.values_list("attempt", flat=True)) == [2, 1, 2, 2, 1, 2, 2]


def test_the_slow_worker_that_comes_back_is_fenced(session: PaperTradingSession) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    slow = progress.current(tick.pk, Stage.ANALYSIS)
    assert slow is not None
    let_lease_run_out(tick)
    progress.sweep()
    with pytest.raises(Fenced, match="left the analysis at attempt 1"):
        progress.complete_chunk(slow, 0, slow.opened_at, {}, version=1)
    with pytest.raises(Fenced, match="left stage analysis at attempt 1"):
        progress.complete(slow, slow.opened_at, {}, Stage.EXECUTION)
    assert not PaperTrade.objects.exists()


def test_a_stuck_tick_past_its_deadline_expires(
    session: PaperTradingSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Mapping[str, Any]] = []
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    let_lease_run_out(tick)
    Tick.objects.update(deadline_at=clock.now() - timedelta(seconds=1))
    monkeypatch.setattr(events, "publish_on_commit", lambda owner_id, event: told.append(event))
    assert progress.sweep() == []
    assert [(event["type"], event["status"]) for event in told] == [("tick", "EXPIRED")]
    warned = [found.message for found in caplog.records if found.levelname == "WARNING"]
    assert warned == [f"tick {tick.pk} stage execution: expired past its deadline"]
    tick.refresh_from_db()
    assert (tick.status, tick.reason) == (TickStatus.EXPIRED, TickReason.DEADLINE)
    assert not PaperTrade.objects.exists()


def test_a_tick_that_has_traded_is_closed_by_the_sweeper_even_past_its_deadline(
    session: PaperTradingSession,
) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.CLOSE)
    let_lease_run_out(tick)
    Tick.objects.update(deadline_at=clock.now() - timedelta(seconds=1))
    assert [step.stage for step in sweep_and_run()] == [Stage.CLOSE]
    tick.refresh_from_db()
    assert tick.status == TickStatus.CLOSED


def test_after_too_many_attempts_a_tick_has_failed_and_entries_stop(
    session: PaperTradingSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Mapping[str, Any]] = []
    monkeypatch.setattr(events, "publish_on_commit", lambda owner_id, event: told.append(event))
    tick = worlds.open_tick(session)
    for attempt in range(2, MAX_ATTEMPTS + 1):
        let_lease_run_out(tick)
        assert len(progress.sweep()) == 1
        tick.refresh_from_db()
        assert tick.attempt == attempt
    assert told == []
    let_lease_run_out(tick)
    assert progress.sweep() == []
    tick.refresh_from_db()
    assert (tick.status, tick.reason) == (TickStatus.FAILED, TickReason.ATTEMPTS)
    assert tick.attempt == MAX_ATTEMPTS
    breaker = BreakerState.objects.get(account=session.account, tripped=True)
    assert breaker.kind == BreakerKind.INTERNAL_ERROR
    text = "Tick 1 failed in stage prices after 5 attempts."
    assert [(event["type"], event.get("text")) for event in told] == [
        ("tick", None),
        ("breaker", text),
    ]
    errors = [found for found in caplog.records if found.levelname == "ERROR"]
    assert [found.message for found in errors] == [f"tick {tick.pk} stage prices: {text}"]
    after = worlds.run_tick(session)
    assert after.trading_state == TradingState.REDUCING
    assert set(after.trades.values_list("status", "code")) == {("DENIED", Code.STATE_REDUCING)}


def test_a_failed_tick_lets_no_late_worker_write(session: PaperTradingSession) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    late = progress.current(tick.pk, Stage.EXECUTION)
    assert late is not None
    Tick.objects.update(lease_until=clock.now() - timedelta(seconds=1), attempt=MAX_ATTEMPTS)
    progress.sweep()
    before = worlds.tables()
    executor = TradeExecutor(PositionManager(session.account_id))
    assert executor.execute_trade(late) is None
    assert stages.run(Stage.EXECUTION, tick.pk) == []
    assert worlds.tables() == before


def test_the_lease_is_shorter_than_the_shortest_deadline() -> None:
    assert timedelta(0) < LEASE <= progress.SHORTEST_DEADLINE


@pytest.mark.django_db(transaction=True)
def test_two_sweepers_at_once_take_a_tick_over_once() -> None:
    session = make.make_session(interval_ms=worlds.HOUR_MS)
    tick = worlds.open_tick(session)
    let_lease_run_out(tick)
    found = at_once([progress.sweep] * 3)
    assert [steps for steps in found if steps] == [[Step(Stage.PRICES, tick.pk)]]
    tick.refresh_from_db()
    assert tick.attempt == 2


@pytest.mark.django_db(transaction=True)
def test_a_stage_and_the_sweeper_at_once_have_one_effect(committed_market: Market) -> None:
    session = worlds.running_session(committed_market)
    alone = worlds.running_session(committed_market)
    worlds.run_tick(alone)
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    let_lease_run_out(tick)
    execute = partial(stages.run, Stage.EXECUTION, tick.pk)
    acts: list[Callable[[], object]] = [execute, sweep_and_run, sweep_and_run]
    at_once(acts)
    stages.run_to_end(tick.pk)
    assert worlds.outcome(session) == worlds.outcome(alone)
