"""One session with all of it: ways, legs, the chain's quoter, a breaker, a lock; and its replay."""

from decimal import Decimal
from fractions import Fraction

import pytest

from paper_trading.bot import ledger_check
from paper_trading.bot.explanation import Explainer
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side, TradeStatus, TransactionStatus
from paper_trading.models import (
    BreakerState,
    PaperStrategyConfiguration,
    PaperTrade,
    SimulatedTransaction,
)
from tests.bot import worlds
from tests.bot.breaker_acts import close_one, manager, restart
from tests.bot.further_pools import POOL, listed
from tests.bot.live_upstreams import UpstreamWorld

pytestmark = pytest.mark.django_db


def test_a_session_with_all_of_execution_replays_identically(noded: UpstreamWorld) -> None:
    link = listed(noded)
    noded.world.quoter_factor = Fraction(9_971, 10_000)
    session = worlds.running_session(
        noded.market,
        10,
        15_000,
        use_transaction_manager=True,
        max_daily_loss_percent=Decimal("0.1"),
    )
    noded.ticks(session, 4)
    account = session.account
    # Legs of one transaction, on the chain's own word, one of them in a further pool.
    legs = SimulatedTransaction.objects.filter(account=account, leg__gt=0)
    assert legs.filter(status=TransactionStatus.CONFIRMED).exists()
    fills = PaperTrade.objects.filter(account=account, status=TradeStatus.FILLED)
    assert fills.filter(side=Side.BUY, grade="A").count() > 1
    assert fills.filter(token=link, pool=POOL).exists()
    # What the entries cost trips the breaker of the day's loss; a person locks a token besides.
    person = account.owner
    assert BreakerState.objects.filter(account=account, kind="DAILY_LOSS", tripped=True).exists()
    manager(session).lock(link, 60, person, "Looked odd.")
    restart()
    # An exit passes while entries are stopped.
    close_one(session)
    noded.ticks(session, 3)
    assert fills.filter(side=Side.SELL).exists()
    denied = PaperTrade.objects.filter(account=account, status=TradeStatus.DENIED)
    assert denied.filter(code=Code.STATE_REDUCING).exists()
    PaperStrategyConfiguration.objects.filter(pk=session.strategy_id).update(
        max_daily_loss_percent=Decimal(100)
    )
    restart()
    for kind in manager(session).reasons():
        manager(session).reset(kind, person, "Looked at.")
    noded.ticks(session, 3)
    account.refresh_from_db()
    assert ledger_check.problems(account) == []
    assert verify(session.pk).to_the_end
    explainer = Explainer()
    for thought in explainer.thoughts(session):
        explainer.verify(thought)
