"""A session whose orders are pending for a tick replays to the digit."""

from decimal import Decimal

from paper_trading.bot import ledger_check
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side, TradeStatus, TransactionStatus
from paper_trading.models import Market, PaperTrade, SimulatedTransaction
from tests.bot import worlds


def test_a_managed_session_replays_identically(market: Market) -> None:
    session = worlds.running_session(
        market,
        use_transaction_manager=True,
        take_profit_steps=[["3", "50"]],
        max_slippage_percent=Decimal("0.01"),
    )
    worlds.run_ticks(session, 24)
    failed = PaperTrade.objects.filter(code=Code.MINIMUM_OUT_NOT_MET)
    assert PaperTrade.objects.filter(status=TradeStatus.FILLED, side=Side.SELL).exists()
    assert failed.exists()
    # Entries of one tick were legs of one transaction.
    legs = SimulatedTransaction.objects.filter(account=session.account, leg__gt=0)
    assert legs.filter(status=TransactionStatus.CONFIRMED).exists()
    session.account.refresh_from_db()
    found = verify(session.pk)
    assert (found.ticks, found.to_the_end) == (24, True)
    assert ledger_check.problems(session.account) == []
