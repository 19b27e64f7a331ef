"""Rows that no stage has written are found by the verification."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import DjangoDbBlocker

from paper_trading.bot import endings, journal
from paper_trading.bot.replay.checks import Mismatch
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.enums import Stage
from paper_trading.engine.seal import seal
from paper_trading.models import (
    AccountEvent,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperTrade,
    PaperTradingSession,
    Tick,
)
from tests.bot import worlds
from tests.bot.worlds import Snapshot
from tests.kept import kept

pytestmark = pytest.mark.django_db


def ended(snapshot: Snapshot) -> int:
    """Run a session up to its metrics, and a tick more that expires."""
    session = worlds.running_session(snapshot.restore(), max_daily_trades=6)
    worlds.run_ticks(session, 20)
    late = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    endings.expire([late.pk])
    verify(session.pk)
    return session.pk


@pytest.fixture(scope="module")
def made(
    whole: Snapshot, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[int]:
    with kept(django_db_blocker, lambda: ended(whole)) as key:
        yield key


@pytest.fixture
def session(db: None, made: int) -> PaperTradingSession:
    return PaperTradingSession.objects.select_related("account").get(pk=made)


def trade_of_an_expired_tick(session: PaperTradingSession) -> None:
    trade = PaperTrade.objects.filter(status="DENIED")[0]
    trade.pk, trade.tick = None, Tick.objects.get(status="EXPIRED")
    trade.save(force_insert=True)


def decision_of_an_expired_tick(session: PaperTradingSession) -> None:
    thought = PaperAIThoughtLog.objects.latest("pk")
    thought.pk, thought.tick = None, Tick.objects.get(status="EXPIRED")
    thought.save(force_insert=True)


def metrics_out_of_turn(session: PaperTradingSession) -> None:
    row = PaperPerformanceMetrics.objects.get()
    row.pk, row.tick = None, session.ticks.get(number=5)
    row.save(force_insert=True)


def deposit_without_an_event(session: PaperTradingSession) -> None:
    paid = session.account.ledger.filter(trade=None).order_by("-line")[:2]
    for row in list(paid):
        row.pk, row.line = None, row.line + 2
        row.save(force_insert=True)


def event_without_a_version(session: PaperTradingSession) -> None:
    event = AccountEvent.objects.latest("version")
    event.pk, event.version = None, event.version + 1000
    event.seal = seal(journal.event_columns(event))
    event.save(force_insert=True)


@pytest.mark.parametrize(
    ("add", "words"),
    [
        (trade_of_an_expired_tick, "number of trades"),
        (decision_of_an_expired_tick, "number of decisions"),
        (metrics_out_of_turn, "tick 5: number of metrics rows"),
        (deposit_without_an_event, "number of postings of deposits"),
        (event_without_a_version, "number of events to come"),
    ],
)
def test_what_no_stage_has_left_is_found(
    session: PaperTradingSession, add: Callable[[PaperTradingSession], None], words: str
) -> None:
    add(session)
    with pytest.raises(Mismatch, match=words):
        verify(session.pk)
