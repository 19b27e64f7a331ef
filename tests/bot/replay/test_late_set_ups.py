"""A strategy edited on the way: its exits come first, its set-ups after, and all replays."""

from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.bot import progress, stages
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.enums import ExitReason, Stage
from paper_trading.models import (
    FrozenExperience,
    Market,
    PaperTrade,
    PaperTradingSession,
    SetUpBook,
    Tick,
    TickStatus,
)
from paper_trading.services import set_ups
from tests.bot import worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def edited(market: Market, monkeypatch: pytest.MonkeyPatch) -> PaperTradingSession:
    """A session that holds CRASH, with a tighter stop and more bars to fold than one portion."""
    session = worlds.running_session(market, stop_loss_percent=20)
    worlds.run_ticks(session, 3)
    monkeypatch.setattr(set_ups, "PORTION", 7)
    strategy = session.strategy
    strategy.stop_loss_percent = Decimal(1)
    strategy.save()
    return session


def stops(tick: Tick) -> int:
    found = PaperTrade.objects.filter(tick=tick, exit_reason=ExitReason.STOP_LOSS)
    return found.filter(stage=Stage.AUTO_CLOSE).count()


def experiences(tick: Tick) -> int:
    version = tick.strategy_version
    assert version is not None
    books = SetUpBook.objects.filter(stop_percent=version.as_strategy().stop_loss_percent)
    return FrozenExperience.objects.filter(book__in=books).count()


def test_exits_do_not_wait_for_set_ups(
    edited: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    hold = progress.hold

    def looks(tick: Tick) -> None:
        seen.append((stops(tick), experiences(tick)))
        hold(tick)

    monkeypatch.setattr(progress, "hold", looks)
    tick = worlds.run_until(worlds.open_tick(edited), Stage.AUTO_CLOSE)
    assert (tick.experience, experiences(tick), seen) == (None, 0, [])
    stages.run_to_end(tick.pk)
    tick.refresh_from_db()
    assert (tick.status, tick.experience is None) == (TickStatus.CLOSED, False)
    # One portion a step of seven tokens: the last one is not followed by another.
    assert [count for count, _ in seen] == [stops(tick)] * 3
    assert stops(tick) > 0
    worlds.run_ticks(edited, 2)
    assert len(seen) == 3
    assert verify(edited.pk).ticks == 6


def test_a_deadline_ends_the_folding_and_the_next_tick_goes_on(
    edited: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = progress.hold

    def late(tick: Tick) -> None:
        Tick.objects.filter(pk=tick.pk).update(deadline_at=tick.session.account.created_at)
        hold(tick)

    with monkeypatch.context() as patch:
        patch.setattr(progress, "hold", late)
        tick = worlds.run_tick(edited)
    assert (tick.status, tick.stage, tick.experience) == ("EXPIRED", Stage.AUTO_CLOSE, None)
    assert stops(tick) > 0
    assert experiences(tick) == 1
    assert worlds.run_tick(edited).status == TickStatus.CLOSED
    assert verify(edited.pk).ticks == 5


class Killed(Exception):
    """What ends a worker in the middle of its work."""


def test_a_worker_that_ends_in_between_leaves_the_exits_done_once(
    edited: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(tick: Tick) -> None:
        raise Killed

    tick = worlds.run_until(worlds.open_tick(edited), Stage.AUTO_CLOSE)
    with monkeypatch.context() as patch:
        patch.setattr(progress, "hold", dies)
        with pytest.raises(Killed):
            stages.run(Stage.AUTO_CLOSE, tick.pk)
    done = stops(tick)
    assert done > 0
    assert [step.stage for step in progress.next_steps(tick.pk)] == [Stage.AUTO_CLOSE]
    stages.run_to_end(tick.pk)
    tick.refresh_from_db()
    assert (tick.status, stops(tick)) == (TickStatus.CLOSED, done)
    assert worlds.stage_names(tick).count((Stage.AUTO_CLOSE, 0)) == 1
    assert verify(edited.pk).ticks == 4


def test_a_tick_that_was_taken_over_is_left_alone(
    edited: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let another worker finish the tick between two portions."""

    def overtaken(tick: Tick) -> None:
        moved = Tick.objects.filter(pk=tick.pk)
        moved.update(attempt=2, lease_until=tick.session.account.created_at + timedelta(days=1))

    tick = worlds.run_until(worlds.open_tick(edited), Stage.AUTO_CLOSE)
    monkeypatch.setattr(progress, "hold", overtaken)
    assert stages.run(Stage.AUTO_CLOSE, tick.pk) == []
    tick.refresh_from_db()
    assert (tick.stage, tick.experience) == (Stage.AUTO_CLOSE, None)
