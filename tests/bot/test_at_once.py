"""Stages at the same time, in threads with connections of their own: one effect, one join."""

from functools import partial

import pytest
from pytest_django import Settings

from paper_trading.bot import progress, stages
from paper_trading.bot.statistics import report
from paper_trading.engine import track
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    InternalError,
    Market,
    PaperAIThoughtLog,
    PriceBatch,
    TickStage,
)
from tests.bot import worlds
from tests.bot.threads import at_once


@pytest.mark.django_db(transaction=True)
def test_chunks_at_once_are_joined_exactly_once(
    committed_market: Market, settings: Settings
) -> None:
    settings.ANALYSIS_WIDTH = 16
    session = worlds.running_session(committed_market)
    tick = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    chunks = [step.chunk for step in progress.next_steps(tick.pk)] * 2
    found = at_once([partial(stages.run, Stage.ANALYSIS, tick.pk, chunk) for chunk in chunks])
    assert [steps for steps in found if steps] == [[progress.Step(Stage.EXECUTION, tick.pk)]]
    tick.refresh_from_db()
    assert (tick.chunks_done, tick.stage) == (len(worlds.SCRIPTS), Stage.EXECUTION)
    assert PaperAIThoughtLog.objects.count() == len(worlds.SCRIPTS)
    assert TickStage.objects.filter(stage=Stage.ANALYSIS).count() == len(worlds.SCRIPTS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.OPEN])
def test_a_stage_delivered_twice_at_once_has_its_effect_once(
    committed_market: Market, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    session = worlds.running_session(committed_market)
    tick = worlds.run_until(worlds.open_tick(session), stage)
    found = at_once([partial(stages.run, stage, tick.pk)] * 3)
    assert len([steps for steps in found if steps]) <= 1
    assert TickStage.objects.filter(tick=tick, stage=stage).count() == 1
    stages.run_to_end(tick.pk)
    session.refresh_from_db()
    assert session.ticks_closed == 1
    assert report([session.pk])["ledger_ok"]
    assert not InternalError.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_sessions_of_one_market_run_side_by_side_as_they_would_alone(
    committed_market: Market,
) -> None:
    alone = worlds.running_session(committed_market)
    worlds.run_ticks(alone, 3)
    together = [worlds.running_session(committed_market) for _ in range(3)]
    at_once([partial(worlds.run_ticks, session, 3) for session in together])
    wanted = worlds.outcome(alone)
    assert [worlds.outcome(session) == wanted for session in together] == [True] * 3
    assert PriceBatch.objects.count() == 3
