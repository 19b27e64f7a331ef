"""Pruning takes whole archived accounts and unused live prices; what stays can still be proved."""

from datetime import datetime, timedelta

import pytest

from paper_trading.bot import accounts, ledger_check, track_check
from paper_trading.bot.replay.verify import verify
from paper_trading.models import (
    Market,
    PaperTradingAccount,
    PaperTradingSession,
    PriceBatch,
    SetUpBook,
    Tick,
)
from paper_trading.services import pruning
from paper_trading.services.price_feed_service import PriceFeedService
from tests.bot import live_worlds, worlds
from tests.bot.conftest import live, live_snapshot
from tests.bot.live_worlds import LiveWorld
from tests.full_account import make_one_of_each

__all__ = ["live", "live_snapshot"]

pytestmark = pytest.mark.django_db

#: Tables of what nobody's account owns.
SHARED = {
    "market",
    "token",
    "markettoken",
    "tokenlist",
    "marketgenesis",
    "marketsignal",
    "pricebatch",
    "quote",
    "bar",
    "scorequantiles",
    "setup",
    "setupbook",
    "setupday",
    "frozenexperience",
    "paperstrategyconfiguration",
    "strategyversion",
    "sourceusage",
    "sourcestate",
    "tokenexamination",
}


def stop(session: PaperTradingSession, at: datetime) -> None:
    PaperTradingSession.objects.filter(pk=session.pk).update(
        status="STOPPED", stop_reason="REQUESTED", stopped_at=at
    )


def archive(session: PaperTradingSession, at: datetime) -> None:
    """Stop a session and archive its account without opening another."""
    stop(session, at)
    PaperTradingAccount.objects.filter(pk=session.account_id).update(archived_at=at)


def ended(live: LiveWorld, ticks: int = 4) -> PaperTradingSession:
    session = worlds.running_session(live.market)
    for _ in range(ticks):
        live.feed.move(MOON=1.6)
        live.tick(session)
    archive(session, live.clock.time)
    return session


def later(live: LiveWorld) -> datetime:
    return live.clock.time + timedelta(days=1)


def test_an_archived_account_goes_and_what_stays_is_proved(live: LiveWorld) -> None:
    other = worlds.running_session(live.market)
    gone = worlds.running_session(live.market)
    for _ in range(5):
        live.feed.move(MOON=1.6)
        live.tick(other)
        live.tick(gone, steps=0)
    stop(gone, live.clock.time)
    successor = accounts.reset(gone.account)
    pruned = pruning.prune(later(live))
    assert pruned.accounts == [f"{gone.account.name} #{gone.account_id}"]
    assert pruned.markets == []
    assert any("2 accounts are replayed from its first batch on" in one for one in pruned.kept)
    assert not PaperTradingAccount.objects.filter(pk=gone.account_id).exists()
    assert PriceBatch.objects.count() == 5
    assert verify(other.pk).to_the_end
    assert ledger_check.all_problems() == track_check.all_problems() == []
    assert ledger_check.problems(successor) == []


def test_every_row_of_an_account_goes() -> None:
    account = make_one_of_each()
    at = datetime(2099, 1, 1, tzinfo=account.created_at.tzinfo)
    Tick.objects.update(status="CLOSED", stage="CLOSE", reason="")
    session = account.sessions.get()
    archive(session, at)
    pruned = pruning.prune(at + timedelta(days=1))
    assert pruned.accounts == [f"{account.name} #{account.pk}"]
    left = {name.removeprefix("paper_trading_") for name, rows in worlds.tables().items() if rows}
    assert left <= SHARED


@pytest.mark.parametrize("why", ["running", "stopped lately", "archived lately", "busy"])
def test_what_is_not_over_stays(live: LiveWorld, why: str) -> None:
    ended(live, 2)
    before = later(live)
    if why == "running":
        PaperTradingSession.objects.update(status="RUNNING", stop_reason="", stopped_at=None)
    elif why == "stopped lately":
        PaperTradingSession.objects.update(stopped_at=before)
    elif why == "archived lately":
        PaperTradingAccount.objects.update(archived_at=before)
    else:
        Tick.objects.filter(number=2).update(
            status="OPEN", closed_at=None, lease_until=before, deadline_at=before
        )
    tables = worlds.tables()
    assert pruning.prune(before).accounts == []
    assert worlds.tables() == tables


def test_an_account_that_is_in_use_keeps_its_old_sessions(live: LiveWorld) -> None:
    session = worlds.running_session(live.market)
    live.ticks(session, 2)
    stop(session, live.clock.time)
    pruned = pruning.prune(later(live))
    assert (pruned.accounts, pruned.rows) == ([], {})
    assert f"{session.account.name} #{session.account_id} is not archived" in pruned.kept[0]
    assert verify(session.pk).to_the_end


def test_a_dry_run_says_the_same_and_removes_nothing(live: LiveWorld) -> None:
    ended(live)
    tables = worlds.tables()
    told = pruning.prune(later(live), dry_run=True)
    assert worlds.tables() == tables
    assert told == pruning.prune(later(live))
    assert told.rows["ticks"] == told.rows["price batches"] == 4
    assert told.size_bytes > 4 * 7 * 100
    assert pruning.prune(later(live)) == pruning.Pruned()


def test_a_live_market_without_accounts_begins_anew(live: LiveWorld) -> None:
    ended(live)
    pruned = pruning.prune(later(live))
    assert pruned.markets == ["Live"]
    market = Market.objects.get(pk=live.market.pk)
    assert (market.head_step, market.head_state) == (-1, {})
    assert not any((market.batches.exists(), market.bars.exists(), SetUpBook.objects.exists()))
    assert market.listings.count() == len(worlds.SCRIPTS)
    PriceFeedService(market).backfill()
    again = LiveWorld(Market.objects.get(pk=market.pk), live.feed, live.clock)
    session = worlds.running_session(again.market)
    again.ticks(session, 3)
    assert set(live_worlds.verdicts(Tick.objects.latest("pk")).values()) == {"FRESH"}
    assert verify(session.pk).to_the_end


def test_a_live_market_that_was_used_lately_keeps_its_prices(live: LiveWorld) -> None:
    ended(live)
    first = PriceBatch.objects.order_by("step").first()
    assert first is not None
    archive(PaperTradingSession.objects.get(), first.fetched_at - timedelta(days=3))
    pruned = pruning.prune(first.fetched_at - timedelta(days=1))
    assert len(pruned.accounts) == 1
    assert pruned.markets == []
    assert PriceBatch.objects.count() == 4


def test_other_markets_are_left_alone(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    now = session.started_at
    archive(session, now)
    pruned = pruning.prune(now + timedelta(days=1))
    assert (len(pruned.accounts), pruned.markets) == (1, [])
    assert market.batches.exists()


def test_rows_are_deleted_in_portions(live: LiveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "PORTION", 3)
    ended(live)
    pruning.prune(later(live))
    assert not Tick.objects.exists()
