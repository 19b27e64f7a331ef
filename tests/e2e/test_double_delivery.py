"""Every stage message delivered twice, by a real worker on the real broker: the effects are single.

One account runs its ticks inline, in order, once each. The other one, on the same market, has
every message sent twice to a worker with several threads, so that copies also run at the same
time, and once more when it is late. What they decide, trade and book is the same to the digit.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.signals import task_postrun
from django.db.models import Count

from dexproject.celery import app
from dexproject.embedded.apps import QUEUES
from paper_trading.bot import progress
from paper_trading.bot.ledger_check import all_problems
from paper_trading.bot.progress import Step
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    InternalError,
    Market,
    PaperPerformanceMetrics,
    PaperTrade,
    PaperTradingSession,
    Tick,
    TickStage,
    TickStatus,
)
from paper_trading.services import market_setup
from tasks import sending
from tests.bot.worlds import open_tick, outcome, run_ticks, running_session
from tests.e2e.stack import wait_for
from tests.e2e.workers import threads

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]
#: The last one is the twentieth, which is measured.
NUMBERS = range(12, 21)
Send = Callable[[Iterable[Step]], None]


@pytest.fixture
def delivered() -> Iterator[Counter[tuple[Any, ...]]]:
    """Count the tasks that ran, by name and arguments."""
    counts: Counter[tuple[Any, ...]] = Counter()

    def count(task: Any, args: Iterable[Any], **_: Any) -> None:
        counts[(task.name, *args)] += 1

    task_postrun.connect(count)
    yield counts
    task_postrun.disconnect(count)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Send]:
    """Run a worker whose stages, too, send too much; return that way of sending.

    Every step goes out twice at once, so that copies are at work at the same time, and once
    more together with the next step, when it is late.
    """
    once = sending.send
    sent: list[Step] = []

    def twice(steps: Iterable[Step]) -> None:
        if steps := list(steps):
            late, sent[:] = sent[:], steps
            once([*steps, *steps, *late])

    for module in sending.TASKS.values():
        monkeypatch.setattr(f"{module}.send", twice)
    with threads():
        yield twice


def waiting() -> int:
    """Return how many messages wait in the broker or are being worked on."""
    with app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        redis = channel.client
        return int(sum(redis.llen(name) for name in QUEUES) + redis.hlen("unacked"))


def run_doubled(session: PaperTradingSession, send: Send) -> None:
    tick = open_tick(session)
    send(progress.next_steps(tick.pk))

    def closed() -> bool:
        return not Tick.objects.filter(pk=tick.pk, status=TickStatus.OPEN).exists()

    wait_for(closed, "the tick is closed")
    wait_for(lambda: waiting() == 0, "all copies are delivered")


def test_a_message_that_comes_twice_has_its_effect_once(
    record: Path, worker: Send, delivered: Counter[tuple[Any, ...]]
) -> None:
    market = market_setup.recorded_market(record)
    once = session_before(market, NUMBERS.start)
    doubled = session_before(market, NUMBERS.start)
    run_ticks(once, len(NUMBERS))
    assert PaperTrade.objects.filter(session=once, status="FILLED").exists()
    for _ in NUMBERS:
        run_doubled(doubled, worker)
    ticks = list(doubled.ticks.order_by("number"))
    assert [(tick.number, tick.status) for tick in ticks] == [
        (number, TickStatus.CLOSED) for number in NUMBERS
    ]
    assert outcome(doubled) == outcome(once)
    assert metrics(doubled) == metrics(once) != []
    assert all_problems() == []
    assert not InternalError.objects.exists()
    doubled.refresh_from_db()
    assert doubled.ticks_closed == NUMBERS[-1]
    done = TickStage.objects.filter(tick__session=doubled).exclude(stage=Stage.OPEN)
    for stage in done.select_related("tick"):
        name = sending.TASKS[Stage(stage.stage)]
        args = (stage.tick_id, stage.chunk) if stage.stage == Stage.ANALYSIS else (stage.tick_id,)
        copies = 2 if stage.tick == ticks[-1] and stage.stage == Stage.CLOSE else 3
        assert delivered[(name, *args)] == copies, f"{name} {args}"
    twice = done.values("tick", "stage", "chunk").annotate(rows=Count("pk")).filter(rows__gt=1)
    assert not twice.exists()


def session_before(market: Market, number: int) -> PaperTradingSession:
    """Open a session whose next tick has a number and reads the first step to be traded."""
    session = running_session(market)
    session.last_number = session.ticks_closed = number - 1
    session.start_step -= number - 1
    session.save()
    return session


def metrics(session: PaperTradingSession) -> list[dict[str, Any]]:
    found = PaperPerformanceMetrics.objects.filter(session=session).order_by("market_time")
    return [
        {key: value for key, value in row.items() if key not in {"id", "session_id", "tick_id"}}
        for row in found.values()
    ]
