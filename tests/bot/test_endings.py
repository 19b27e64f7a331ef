"""Ticks that do not close: late ones, ones that keep failing, and what must not be ended."""

from datetime import timedelta

import pytest
from django.utils import timezone

from paper_trading.bot import (
    accounts,
    controls,
    endings,
    position_manager,
    progress,
    seeding,
    stages,
)
from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.position_manager import PositionManager
from paper_trading.engine.enums import BreakerKind, Stage
from paper_trading.models import InternalError, Market, PaperTradingSession, Tick, TickStatus
from tests.bot import worlds
from tests.builders import make_user


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    return worlds.running_session(market)


def make_late(tick: Tick) -> None:
    Tick.objects.filter(pk=tick.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))


def test_a_deadline_that_passes_while_the_stage_waits_for_the_lock_stops_it(
    session: PaperTradingSession,
) -> None:
    worlds.run_until(worlds.open_tick(session), Stage.AUTO_CLOSE)
    tick = progress.current(session.ticks.get().pk, Stage.AUTO_CLOSE)
    assert tick is not None
    make_late(tick)
    assert PositionManager(session.account_id).check_auto_close_positions(tick) is None
    assert not tick.stages.filter(stage=Stage.AUTO_CLOSE).exists()


def test_metrics_and_close_may_be_late(session: PaperTradingSession) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.CLOSE)
    make_late(tick)
    endings.expire([tick.pk])
    tick.refresh_from_db()
    assert tick.status == TickStatus.OPEN
    stages.run_to_end(tick.pk)
    tick.refresh_from_db()
    assert tick.status == TickStatus.CLOSED


def test_a_tick_that_expires_because_a_stage_keeps_failing_stops_entries(
    session: PaperTradingSession,
) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    InternalError.objects.create(tick=tick, stage=Stage.EXECUTION, traceback="ZeroDivisionError")
    make_late(tick)
    assert stages.run(Stage.EXECUTION, tick.pk) == []
    tick.refresh_from_db()
    assert tick.status == TickStatus.EXPIRED
    assert session.account.breakers.get(tripped=True).kind == BreakerKind.INTERNAL_ERROR


def test_a_tick_that_is_merely_late_trips_nothing(session: PaperTradingSession) -> None:
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    make_late(tick)
    stages.run(Stage.EXECUTION, tick.pk)
    tick.refresh_from_db()
    assert tick.status == TickStatus.EXPIRED
    assert not session.account.breakers.filter(tripped=True).exists()


def test_no_second_session_starts_while_a_tick_of_the_first_is_open(
    session: PaperTradingSession,
) -> None:
    tick = worlds.open_tick(session)
    controls.stop(session)
    with pytest.raises(ControlRefused, match="is still open; try again in a moment"):
        accounts.open_session(session.account, session.strategy)
    stages.run_to_end(tick.pk)
    assert tick.step is not None
    assert accounts.open_session(session.account, session.strategy).start_step == tick.step + 1


def test_a_start_takes_over_at_once_what_a_crash_left_open(market: Market) -> None:
    owner = make_user()
    (session,) = seeding.seed_sessions(owner, market, [5], 1_000, None)
    tick = worlds.run_until(worlds.open_tick(session), Stage.EXECUTION)
    other = worlds.open_tick(worlds.running_session(market))
    assert progress.sweep() == []
    assert seeding.seed_sessions(owner, market, [5], 1_000, None) == [session]
    assert {step.tick_id for step in progress.sweep()} == {tick.pk, other.pk}
    tick.refresh_from_db()
    assert (tick.attempt, tick.status) == (2, TickStatus.OPEN)


def test_a_start_that_replaces_a_session_ends_the_tick_that_it_left_open(market: Market) -> None:
    owner = make_user()
    (old,) = seeding.seed_sessions(owner, market, [5], 1_000, None)
    tick = worlds.open_tick(old)
    (new,) = seeding.seed_sessions(owner, market, [5], 2_000, None)
    tick.refresh_from_db()
    old.refresh_from_db()
    assert (tick.status, tick.reason) == ("EXPIRED", "SESSION_STOPPED")
    assert (old.status, old.stop_reason) == ("STOPPED", "REPLACED")
    assert tick.step is not None
    assert (new.account_id, new.start_step) == (old.account_id, tick.step + 1)


def test_a_renamed_market_keeps_the_accounts_of_a_start(market: Market) -> None:
    owner = make_user()
    (old,) = seeding.seed_sessions(owner, market, [5], 1_000, None)
    market.name = "x" * 80
    market.save(update_fields=["name"])
    assert seeding.seed_sessions(owner, market, [5], 1_000, None) == [old]
    assert seeding.seed_sessions(owner, market, [5, 6], 1_000, None)[1].account.name.endswith("x")


def test_a_token_taken_out_of_the_registry_is_not_traded(session: PaperTradingSession) -> None:
    worlds.token_of(session.account.market, "MOON")
    session.account.market.own_tokens.filter(symbol="MOON").update(tradable=False)
    tick = worlds.run_tick(session)
    thought = tick.thoughts.get(token__symbol="MOON")
    assert (thought.action, thought.code) == ("SKIP", "TOKEN_BLOCKED")
    assert position_manager.view_of(tick).batch.quotes
