"""A session's decisions at other sizes: the own one is the session's, larger ones meet depth."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoDbBlocker

from paper_trading.bot import accounts, controls
from paper_trading.bot.circuit_breakers import CircuitBreakerManager
from paper_trading.bot.replay import capacity as capacities
from paper_trading.bot.replay.capacity import capacity
from paper_trading.bot.replay.capacity_tally import TERMS, Size
from paper_trading.bot.replay.checks import Mismatch
from paper_trading.engine.enums import BreakerKind, Side, TradeStatus
from paper_trading.engine.sizing import POOL_SIDE
from paper_trading.models import (
    BreakerState,
    EquityPoint,
    PaperAIThoughtLog,
    PaperTrade,
    PaperTradingSession,
    PriceBatch,
)
from tests.bot import worlds
from tests.bot.worlds import Snapshot
from tests.kept import kept

pytestmark = pytest.mark.django_db

OWN = Decimal(10_000)
SMALL, LARGE = Decimal(1_000), Decimal(1_000_000)


def world(whole: Snapshot, *, managed: bool) -> PaperTradingSession:
    """Run a session with fills, a deposit, a wanted close, a reset and a lock."""
    market = whole.restore()
    session = worlds.running_session(
        market,
        use_transaction_manager=managed,
        max_losing_exits=1,
        take_profit_steps=[["3", "50"]],
    )
    worlds.run_ticks(session, 6)
    accounts.deposit(session.account, Decimal("1234.5"))
    held = session.account.positions.filter(is_open=True).order_by("token__symbol")[0]
    controls.request_close(session, held.token, session.account.owner)
    worlds.run_ticks(session, 6)
    breakers, user = CircuitBreakerManager(session.account_id), session.account.owner
    for tripped in BreakerState.objects.filter(tripped=True):
        breakers.reset(BreakerKind(tripped.kind), user, "looked at")
    breakers.lock(worlds.token_of(market, "MOON"), 20, user, "looked at")
    worlds.run_ticks(session, 8)
    return session


@pytest.fixture(scope="module")
def made(
    managed: bool,
    whole: Snapshot,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[int]:
    with kept(django_db_blocker, lambda: world(whole, managed=managed).pk) as key:
        yield key


@pytest.fixture
def session(db: None, made: int) -> PaperTradingSession:
    return PaperTradingSession.objects.select_related("account__market").get(pk=made)


def by_size(session: PaperTradingSession, *sizes: Decimal) -> dict[Decimal, Size]:
    return {one.size_usd: one for one in capacity(session.pk, sizes).sizes}


def test_the_own_size_is_what_the_rows_say(session: PaperTradingSession) -> None:
    own = by_size(session)[OWN]
    trades = list(PaperTrade.objects.filter(session=session))
    filled = [one for one in trades if one.status == TradeStatus.FILLED]
    assert own.own
    assert own.fills == len(filled) > 10
    denied = Counter(one.code for one in trades if one.status == TradeStatus.DENIED)
    assert denied["TOKEN_LOCKED"] > 0
    assert own.denials == denied
    for term in TERMS:
        paid = sum((getattr(one, f"{term}_usd") for one in trades), Decimal(0))
        assert own.costs[term] == paid
    point = EquityPoint.objects.filter(account=session.account).order_by("-market_time")[0]
    deposits = OWN + Decimal("1234.5")
    assert own.gain_usd == point.equity_usd - deposits
    bought = sum(one.amount_in or 0 for one in filled if one.side == Side.BUY)
    assert own.bought_usd == Decimal(bought) / 10**6


def test_a_larger_account_meets_the_depth_of_its_pools(session: PaperTradingSession) -> None:
    found = by_size(session, SMALL, LARGE)
    assert list(found) == [SMALL, OWN, LARGE]
    large, small = found[LARGE], found[SMALL]
    assert large.limits[POOL_SIDE] > 0
    assert POOL_SIDE not in small.limits
    left = [one.allowed_percent or Decimal(0) for one in found.values()]
    assert left[0] > left[2] > 0
    impacts = [one.basis_points("impact") or Decimal(0) for one in found.values()]
    assert impacts == sorted(impacts)
    # Fees are a share of what is traded at any size; gas is not.
    gas = [one.basis_points("gas") or Decimal(0) for one in found.values()]
    assert gas == sorted(gas, reverse=True)
    # Most of the money finds no place, so the same moves make less of it.
    assert abs(large.return_percent) < abs(small.return_percent)


def test_a_session_is_counted_without_what_came_before_it(session: PaperTradingSession) -> None:
    controls.stop(session)
    again = accounts.open_session(session.account, session.strategy, 10, worlds.HOUR_MS)
    accounts.deposit(session.account, Decimal(500))
    worlds.run_ticks(again, 3)
    found = capacity(again.pk, (SMALL,))
    assert (found.sessions, found.ticks) == (2, 3)
    own = found.sizes[1]
    trades = PaperTrade.objects.filter(session=again)
    assert own.fills == trades.filter(status=TradeStatus.FILLED).count()
    points = EquityPoint.objects.filter(account=session.account).order_by("-market_time")
    assert own.gain_usd == points[0].equity_usd - points[3].equity_usd - 500


def test_decisions_are_those_of_the_rows(session: PaperTradingSession) -> None:
    before = by_size(session, LARGE)[LARGE]
    buys = PaperAIThoughtLog.objects.filter(tick__session=session, action="BUY")
    thought = buys.order_by("pk")[0]
    PaperAIThoughtLog.objects.filter(pk=thought.pk).update(
        evidence={**thought.evidence, "action": "HOLD", "code": "CONFIDENCE_LOW"}
    )
    # The own size then lacks a trade of the rows, and says so.
    with pytest.raises(Mismatch, match="trade"):
        by_size(session, LARGE)
    assert before.fills > 0


def test_a_changed_price_or_trade_is_named(session: PaperTradingSession) -> None:
    row = PaperTrade.objects.filter(session=session, status=TradeStatus.FILLED)[0]
    PaperTrade.objects.filter(pk=row.pk).update(fee_usd=row.fee_usd + Decimal("1e-18"))
    with pytest.raises(Mismatch, match="fee_usd"):
        capacity(session.pk, ())
    PaperTrade.objects.filter(pk=row.pk).update(fee_usd=row.fee_usd)
    batch = PriceBatch.objects.order_by("-pk")[0]
    quote = batch.quotes.all()[0]
    batch.quotes.filter(pk=quote.pk).update(price_usd=quote.price_usd * 2)
    with pytest.raises(Mismatch, match="price_usd"):
        capacity(session.pk, ())


def test_the_command_prints_the_curve(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = StringIO()
    call_command("capacity", str(session.pk), stdout=out)
    lines = out.getvalue().splitlines()
    names = [line.split()[0] for line in lines[3:10]]
    wanted = ["1,000", "3,000", "10,000*", "30,000", "100,000", "300,000", "1,000,000"]
    assert names == wanted
    assert any(line.startswith("1,000,000 limited by:") and POOL_SIDE in line for line in lines)
    assert any(line.startswith("10,000* denied:") for line in lines)
    with pytest.raises(CommandError, match="there is no session 999999"):
        call_command("capacity", "999999")
    # The deposit that came later would be more than any account can take.
    monkeypatch.setattr(capacities, "HIGHEST_DEPOSIT_USD", Decimal(1_200))
    with pytest.raises(CommandError, match="a scaled deposit"):
        call_command("capacity", str(session.pk))
