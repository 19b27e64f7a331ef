"""Rows of before a migration are what the migration says they become."""

from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection

from paper_trading.bot import ledger_check, track_check
from paper_trading.models import EquityPoint, Market, PaperTrackRecord, PaperTradingAccount, SetUp
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def test_points_outcomes_and_records_are_told_from_older_rows(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_ticks(session, 5)
    before = PaperTradingAccount.objects.get(pk=session.account_id)
    assert before.losing_trades + before.winning_trades > 0
    EquityPoint.objects.update(cash_price_usd=Decimal("0.5"))
    newest = EquityPoint.objects.latest("market_time")
    PaperTradingAccount.objects.update(winning_trades=77, losing_trades=77)
    # Older rows say of every set-up whether the learned weights picked it.
    SetUp.objects.update(learned_pick=False)
    with connection.cursor() as cursor:
        # A table with checks that are still due cannot be changed.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        call_command("migrate", "paper_trading", "0006", verbosity=0)
        # The newest point's batch says nothing of cash; the ones before it do.
        cursor.execute(
            "UPDATE paper_trading_pricebatch SET cash_price_usd = CASE WHEN id ="
            " (SELECT batch_id FROM paper_trading_tick WHERE id = %s) THEN 0 ELSE 0.9 END",
            [newest.tick_id],
        )
        call_command("migrate", "paper_trading", verbosity=0)
    assert {point.cash_price_usd for point in EquityPoint.objects.all()} == {Decimal("0.9")}
    after = PaperTradingAccount.objects.get(pk=session.account_id)
    counts = (after.winning_trades, after.losing_trades)
    assert counts == (before.winning_trades, before.losing_trades)
    assert ledger_check.problems(after) == []
    assert not PaperTrackRecord.objects.exists()
    assert track_check.problems(after) == []
