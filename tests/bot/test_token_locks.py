"""Locks of tokens by people and by rule, through the real stages, and their journal."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from paper_trading.bot.accounts import ControlRefused
from paper_trading.bot.replay.checks import Mismatch
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    Side,
    TradeStatus,
)
from paper_trading.models import (
    AccountEvent,
    AccountEventKind,
    Market,
)
from paper_trading.services.websocket_service import WebSocketService
from tests import builders as make
from tests.bot import worlds
from tests.bot.breaker_acts import close_one, manager, restart

pytestmark = pytest.mark.django_db
WHY = "Looked at."


def test_a_person_locks_a_token_with_reason_and_end(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    token, person = worlds.token_of(market, "MOON"), make.make_user()
    lock = manager(session).lock(token, 14, person, "  Its team sells.  ")
    now = session.account.equity_points.latest("market_time").market_time
    assert (lock.until, lock.reason) == (now + timedelta(minutes=14), "Its team sells.")
    restart()
    assert manager(session).locks() == {token.pk: lock}
    assert manager(session).can_trade() == (True, "")
    allowed, why = manager(session).can_trade(token.pk)
    assert not allowed
    assert why.startswith("Its team sells., until 2026")
    tick = worlds.run_tick(session)
    denied = tick.trades.get(token=token, side=Side.BUY)
    assert (denied.status, denied.code) == (TradeStatus.DENIED, Code.TOKEN_LOCKED)
    assert denied.limit.startswith("Its team sells., until 2026")
    worlds.run_ticks(session, 2)
    assert manager(session).locks() == {}


def test_the_exit_of_a_locked_token_passes_and_a_release_lets_it_be_bought(
    whole_market: Market,
) -> None:
    session = worlds.running_session(whole_market)
    worlds.run_tick(session)
    held = session.account.positions.filter(is_open=True).order_by("token__symbol")[0]
    person = make.make_user()
    manager(session).lock(held.token, 600, person, WHY)
    close_one(session)
    tick = worlds.run_tick(session)
    assert tick.trades.get(token=held.token, side=Side.SELL).status == TradeStatus.FILLED
    manager(session).release(held.token, person, "It is over.")
    with pytest.raises(ControlRefused, match="is not locked"):
        manager(session).release(held.token, person, "It is over.")
    worlds.run_ticks(session, 2)
    events = AccountEvent.objects.exclude(kind=AccountEventKind.DEPOSIT).order_by("version")
    assert list(events.values_list("kind", "token", "reason", "requested_by")) == [
        (AccountEventKind.TOKEN_LOCK, held.token_id, WHY, person.pk),
        (AccountEventKind.TOKEN_RELEASE, held.token_id, "It is over.", person.pk),
    ]
    verify(session.pk)
    event = events[0]
    AccountEvent.objects.filter(pk=event.pk).update(market_time=worlds.START)
    with pytest.raises(Mismatch, match="market_time"):
        verify(session.pk)
    AccountEvent.objects.filter(pk=event.pk).update(market_time=event.market_time, reason="x")
    with pytest.raises(Mismatch, match="reason"):
        verify(session.pk)


def test_failed_swaps_in_a_row_lock_their_token_by_the_rule(whole_market: Market) -> None:
    values: dict[str, Any] = {
        "max_slippage_percent": Decimal("0.01"),
        "max_failed_transactions": 1000,
    }
    session = worlds.running_session(whole_market, lock_after_failures=1, lock_minutes=60, **values)
    tick = next(
        one
        for one in (worlds.run_tick(session) for _ in range(20))
        if one.trades.filter(status=TradeStatus.FAILED).exists()
    )
    failed = set(tick.trades.filter(status=TradeStatus.FAILED).values_list("token", flat=True))
    locks = manager(session).locks()
    assert locks.keys() == failed
    assert {(lock.reason, lock.by_person) for lock in locks.values()} == {
        ("1 failed swap in a row", False)
    }
    assert tick.market_time is not None
    assert {lock.until for lock in locks.values()} == {tick.market_time + timedelta(hours=1)}
    restart()
    after = worlds.run_tick(session).trades.filter(token__in=failed, side=Side.BUY)
    assert set(after.values_list("code", flat=True)) <= {Code.TOKEN_LOCKED}
    verify(session.pk)


@pytest.mark.parametrize("minutes", [0, 43_201])
def test_a_lock_has_a_length_that_is_allowed(market: Market, minutes: int) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    with pytest.raises(ControlRefused, match=f"Was {minutes} minutes; allowed are 1 to 43200"):
        manager(session).lock(worlds.token_of(market, "MOON"), minutes, make.make_user(), WHY)


def test_a_lock_before_the_first_tick_and_of_what_is_not_traded_is_refused(market: Market) -> None:
    session, person = worlds.running_session(market), make.make_user()
    with pytest.raises(ControlRefused, match="has no market time yet"):
        manager(session).lock(worlds.token_of(market, "MOON"), 5, person, WHY)
    for token in (worlds.token_of(market, "USDC"), make.make_token("ELSEWHERE")):
        with pytest.raises(ControlRefused, match="is not traded on"):
            manager(session).lock(token, 5, person, WHY)


def test_the_owner_hears_of_locks_after_the_commit(
    market: Market,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    sent: list[Any] = []
    monkeypatch.setattr(WebSocketService, "publish", lambda _, owner, event: sent.append(event))
    token, person = worlds.token_of(market, "MOON"), make.make_user()
    with django_capture_on_commit_callbacks(execute=True):
        manager(session).lock(token, 5, person, WHY)
        manager(session).release(token, person, WHY)
    assert [event["status"] for event in sent] == ["locked", "unlocked"]
