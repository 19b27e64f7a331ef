"""Ticks that went another way than most replay identically, too."""

from decimal import Decimal
from typing import Any

import pytest

from paper_trading.bot import accounts, controls, stages
from paper_trading.bot.price_service_integration import RealPriceManager
from paper_trading.bot.replay.checks import Mismatch
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Stage
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.intel_slider import IntelSliderEngine
from paper_trading.models import (
    Market,
    PaperAIThoughtLog,
    PaperTrade,
)
from paper_trading.services.sources.catalogue import RecordChanged
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def test_chunks_may_read_the_account_before_and_after_a_deposit(market: Market) -> None:
    """Let a later chunk come first: the one before it then reads the newer version."""
    session = worlds.running_session(market)
    worlds.run_ticks(session, 3)
    tick = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    stages.run(Stage.ANALYSIS, tick.pk, 1)
    accounts.deposit(session.account, Decimal(1000))
    stages.run_to_end(tick.pk)
    read = dict(tick.stages.filter(stage=Stage.ANALYSIS).values_list("chunk", "state_version"))
    assert (read[0] or 0) == (read[1] or 0) + 1
    assert verify(session.pk).to_the_end


@pytest.mark.internal_errors
def test_a_decision_in_place_of_a_failed_analysis_is_compared(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure that comes back on the same input must not stop the replay either."""
    decide = IntelSliderEngine.decide

    def failing(self: IntelSliderEngine, evidence: Evidence) -> Decision:
        if evidence.token.symbol == "MOON":
            raise RuntimeError("as ever")
        return decide(self, evidence)

    monkeypatch.setattr(IntelSliderEngine, "decide", failing)
    session = worlds.running_session(market)
    worlds.run_ticks(session, 2)
    verify(session.pk)
    row = PaperAIThoughtLog.objects.filter(code="INTERNAL_ERROR")[0]
    row.action = row.evidence["action"] = "BUY"
    row.save()
    with pytest.raises(Mismatch, match="decision on MOON: evidence action"):
        verify(session.pk)


def test_a_buy_names_the_position_that_it_opened(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    one, other = PaperTrade.objects.filter(status="FILLED").order_by("pk")[:2]
    for trade, key in ((one, other.position_id), (other, one.position_id)):
        PaperTrade.objects.filter(pk=trade.pk).update(position=key)
    with pytest.raises(Mismatch, match="position of its first trade"):
        verify(session.pk)


def test_a_step_that_could_not_be_read_has_no_number(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the file be away for a moment while a person stops the session."""

    def away(self: RealPriceManager, step: int) -> Any:
        raise RecordChanged(f"no file at step {step}")

    session = worlds.running_session(market)
    worlds.run_ticks(session, 2)
    tick = worlds.open_tick(session)
    controls.stop(session)
    with monkeypatch.context() as patch:
        patch.setattr(RealPriceManager, "update_all_prices", away)
        stages.run_to_end(tick.pk)
    controls.start(session)
    assert worlds.run_ticks(session, 2).number == 5
    assert verify(session.pk).ticks == 4
