"""The funnel adds up: each level is the one before less what it lost."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from paper_trading.bot.funnel import Level, exits, funnel
from paper_trading.engine.codes import Code
from paper_trading.models import PaperAIThoughtLog, PaperTrade, PaperTradingSession
from tests.bot import worlds
from tests.bot.worlds import Snapshot
from tests.kept import kept

pytestmark = pytest.mark.django_db


def run(snapshot: Snapshot) -> int:
    session = worlds.running_session(snapshot.restore())
    worlds.run_ticks(session, 20)
    return session.pk


@pytest.fixture(scope="module")
def made(
    snapshot: Snapshot, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[int]:
    with kept(django_db_blocker, lambda: run(snapshot)) as key:
        yield key


@pytest.fixture
def session(db: None, made: int) -> PaperTradingSession:
    return PaperTradingSession.objects.select_related("account__market").get(pk=made)


def after(level: Level) -> int:
    return level.count - sum(lost.count for lost in level.lost)


def test_every_look_ends_as_a_fill_or_as_a_code(session: PaperTradingSession) -> None:
    looks, judged, wanted, ordered, sent, filled = funnel(session)
    assert looks.count == PaperAIThoughtLog.objects.count() == 20 * 7
    assert [after(looks), after(judged)] == [judged.count, wanted.count]
    assert wanted.count == ordered.count
    assert [after(ordered), after(sent)] == [sent.count, filled.count]
    assert filled.count == PaperTrade.objects.filter(side="BUY", status="FILLED").count() > 0
    assert {lost.code for lost in looks.lost} == {Code.TOKEN_IS_CASH, Code.PRICE_MISSING}
    assert ordered.lost[0].count >= ordered.lost[-1].count > 0


def test_exits_have_a_funnel_of_their_own(session: PaperTradingSession) -> None:
    ordered, sent, filled = exits(session)
    assert [after(ordered), after(sent)] == [sent.count, filled.count]
    assert filled.count == PaperTrade.objects.filter(side="SELL", status="FILLED").count() > 0


def test_a_session_that_looked_at_nothing_has_an_empty_funnel(session: PaperTradingSession) -> None:
    idle = worlds.running_session(session.account.market)
    assert {level.count for level in (*funnel(idle), *exits(idle))} == {0}
