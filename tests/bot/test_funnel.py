"""The funnel adds up: each level is the one before less what it lost."""

import pytest

from paper_trading.bot.funnel import Level, exits, funnel
from paper_trading.engine.codes import Code
from paper_trading.models import Market, PaperAIThoughtLog, PaperTrade
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def after(level: Level) -> int:
    return level.count - sum(lost.count for lost in level.lost)


def test_every_look_ends_as_a_fill_or_as_a_code(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_ticks(session, 20)
    looks, judged, wanted, ordered, sent, filled = funnel(session)
    assert looks.count == PaperAIThoughtLog.objects.count() == 20 * 7
    assert [after(looks), after(judged)] == [judged.count, wanted.count]
    assert wanted.count == ordered.count
    assert [after(ordered), after(sent)] == [sent.count, filled.count]
    assert filled.count == PaperTrade.objects.filter(side="BUY", status="FILLED").count() > 0
    assert {lost.code for lost in looks.lost} == {Code.TOKEN_IS_CASH, Code.PRICE_MISSING}
    assert ordered.lost[0].count >= ordered.lost[-1].count > 0


def test_exits_have_a_funnel_of_their_own(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_ticks(session, 20)
    ordered, sent, filled = exits(session)
    assert [after(ordered), after(sent)] == [sent.count, filled.count]
    assert filled.count == PaperTrade.objects.filter(side="SELL", status="FILLED").count() > 0


def test_a_session_that_looked_at_nothing_has_an_empty_funnel(market: Market) -> None:
    session = worlds.running_session(market)
    assert {level.count for level in (*funnel(session), *exits(session))} == {0}
