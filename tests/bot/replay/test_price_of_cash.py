"""Ticks without a price of cash: stages, the fold of all rows and a replay say the same."""

from decimal import Decimal

import pytest
from django.core.management import call_command

from paper_trading.bot import track_check
from paper_trading.bot.replay.verify import verify
from paper_trading.engine import track
from paper_trading.models import EquityPoint, Market, PaperPerformanceMetrics
from paper_trading.services.sources import recorded
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def test_ticks_without_a_price_of_cash_are_worth_the_last_one(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "METRICS_EVERY", 1)
    session = worlds.running_session(market, max_losing_exits=1000)
    for price in ("0.9", "0", "0", "0.95", "0"):
        monkeypatch.setattr(recorded, "CASH_PRICE_USD", Decimal(price))
        worlds.run_ticks(session, 2)
    points = EquityPoint.objects.order_by("market_time")
    prices = [str(point.cash_price_usd.normalize()) for point in points]
    assert prices == ["0.9"] * 6 + ["0.95"] * 4
    assert all(point.cash_usd > 0 for point in points)
    assert track_check.problems(session.account) == []
    assert PaperPerformanceMetrics.objects.latest("market_time").unrealized_usd != 0
    call_command("check_ledger")
    monkeypatch.setattr(recorded, "CASH_PRICE_USD", Decimal(1))
    assert verify(session.pk).closed == 10
