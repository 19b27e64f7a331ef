"""Accounts: opened and funded through the ledger, reset by archiving; and the first start."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from paper_trading.bot import accounts, controls, ledger_check, seeding
from paper_trading.bot.accounts import ControlRefused
from paper_trading.engine.enums import BreakerKind
from paper_trading.models import (
    EquityPoint,
    Market,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
    StopReason,
)
from tests import builders as make
from tests.bot import worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> PaperTradingAccount:
    return accounts.open_account(make.make_user(), "Mine", make.make_market())


def test_an_account_opens_with_a_deposit_in_its_ledger(account: PaperTradingAccount) -> None:
    assert account.cash_usd == account.deposits_usd == account.peak_equity_usd == 10_000
    entries = account.ledger.order_by("line").values_list("book", "amount_usd")
    assert list(entries) == [("CASH", Decimal(10_000)), ("DEPOSITS", Decimal(-10_000))]
    assert ledger_check.problems(account) == []


def test_an_owner_has_one_account_of_a_name(account: PaperTradingAccount) -> None:
    with pytest.raises(ControlRefused, match="already has an account named 'Mine'"):
        accounts.open_account(account.owner, "Mine", account.market)
    accounts.open_account(make.make_user(), "Mine", account.market)


AMOUNTS = [
    Decimal(0),
    Decimal(-5),
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal(10) ** 12 + 1,
]


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_an_amount_that_is_none_is_refused_with_its_value(
    account: PaperTradingAccount, amount: Decimal
) -> None:
    words = f"Deposit was {amount} USD; allowed is"
    with pytest.raises(ControlRefused, match=words):
        accounts.deposit(account, amount)
    with pytest.raises(ControlRefused, match=words):
        accounts.open_account(account.owner, "Other", account.market, amount)
    assert account.ledger.count() == 2


def test_a_deposit_moves_neither_return_nor_drawdown(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_ticks(session, 2)
    before = PaperTradingAccount.objects.get(pk=session.account_id)
    equity = before.deposits_usd + before.total_pnl_usd
    drawdown = 1 - equity / before.peak_equity_usd
    after = accounts.deposit(before, Decimal("2500.25"))
    assert after.cash_usd == before.cash_usd + Decimal("2500.25")
    assert after.deposits_usd == Decimal("12500.25")
    assert after.total_pnl_usd == before.total_pnl_usd
    new_equity = after.deposits_usd + after.total_pnl_usd
    assert abs((1 - new_equity / after.peak_equity_usd) - drawdown) < Decimal("1e-9")
    assert ledger_check.problems(after) == []
    worlds.run_tick(session)
    assert ledger_check.all_problems() == []


def test_a_deposit_raises_the_baseline_of_a_reset_breaker(account: PaperTradingAccount) -> None:
    make.make_breaker(
        account,
        kind=BreakerKind.PORTFOLIO_LOSS,
        tripped=False,
        tripped_market_time=None,
        baseline_usd=Decimal(9_000),
    )
    accounts.deposit(account, Decimal(100))
    assert account.breakers.get().baseline_usd == 9_100


def test_an_archived_account_takes_no_deposit_and_no_session(
    account: PaperTradingAccount,
) -> None:
    accounts.reset(account)
    account.refresh_from_db()
    with pytest.raises(ControlRefused, match="is archived and takes no deposit"):
        accounts.deposit(account, Decimal(1))
    with pytest.raises(ControlRefused, match="archived; open a session on its successor"):
        accounts.open_session(account, make.make_strategy())
    with pytest.raises(ControlRefused, match="is archived already"):
        accounts.reset(account)


def test_reset_archives_and_deletes_nothing(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_ticks(session, 3)
    accounts.deposit(session.account, Decimal(7))
    controls.stop(session)
    before = worlds.tables()
    fresh = accounts.reset(session.account)
    after = worlds.tables()
    for name, rows in before.items():
        if name != "paper_trading_papertradingaccount":
            assert after[name][: len(rows)] == rows, name
    old = PaperTradingAccount.objects.get(pk=session.account_id)
    assert old.archived_at is not None
    assert PaperTrade.objects.filter(account=old).exists()
    assert (fresh.name, fresh.owner, fresh.market) == (old.name, old.owner, old.market)
    assert (fresh.cash_usd, fresh.deposits_usd) == (10_000, 10_000)
    assert not fresh.positions.exists()
    assert ledger_check.all_problems() == []


def test_what_is_running_is_not_reset(market: Market) -> None:
    session = worlds.running_session(market)
    with pytest.raises(ControlRefused, match="has a running session; stop it first"):
        accounts.reset(session.account)
    tick = worlds.open_tick(session)
    controls.stop(session)
    with pytest.raises(ControlRefused, match=r"A tick of .* is still open"):
        accounts.reset(session.account)
    assert tick.status == "OPEN"


def test_a_session_begins_behind_the_back_fill_and_never_goes_back(market: Market) -> None:
    first = worlds.running_session(market)
    assert first.start_step == market.backfill_steps
    worlds.run_ticks(first, 2)
    controls.stop(first)
    second = accounts.open_session(first.account, first.strategy, 3, worlds.HOUR_MS)
    assert second.start_step == market.backfill_steps + 2
    assert second.seed == market.seed
    worlds.run_tick(second)
    times = EquityPoint.objects.filter(account=first.account).order_by("pk")
    found = list(times.values_list("market_time", flat=True))
    assert found == sorted(set(found))
    assert len(found) == 3


@pytest.mark.parametrize("interval_ms", [0, 199, 3_600_001])
def test_an_interval_out_of_range_is_refused(
    account: PaperTradingAccount, interval_ms: int
) -> None:
    with pytest.raises(ControlRefused, match=r"allowed is 0\.2 to 3600 s"):
        accounts.open_session(account, make.make_strategy(), interval_ms=interval_ms)


@pytest.mark.parametrize("level", [0, 11, -1])
def test_a_level_out_of_range_is_refused(account: PaperTradingAccount, level: int) -> None:
    with pytest.raises(ValueError, match=f"intel level was {level}; allowed"):
        accounts.open_session(account, make.make_strategy(), level)


def test_an_account_has_one_running_session(account: PaperTradingAccount) -> None:
    strategy = make.make_strategy()
    accounts.open_session(account, strategy)
    with pytest.raises(ControlRefused, match="already has a running session"):
        accounts.open_session(account, strategy)


# The first start.


def test_a_start_makes_one_running_session_a_level() -> None:
    owner, market = make.make_user(), make.make_market()
    sessions = seeding.seed_sessions(owner, market, [1, 5, 10], 1_000, 45)
    assert [row.intel_level for row in sessions] == [1, 5, 10]
    assert {(row.status, row.interval_ms, row.tick_limit) for row in sessions} == {
        (SessionStatus.RUNNING, 1_000, 45)
    }
    assert {row.account.market for row in sessions} == {market}
    assert len({row.account_id for row in sessions}) == 3


def test_a_second_start_goes_on_with_the_same_sessions() -> None:
    owner, market = make.make_user(), make.make_market()
    first = seeding.seed_sessions(owner, market, [5], 1_000, None)
    assert seeding.seed_sessions(owner, market, [5], 1_000, None) == first
    PaperTradingSession.objects.update(ticks_closed=12)
    controls.stop(first[0])
    again = seeding.seed_sessions(owner, market, [5], 1_000, 30)
    assert again == first
    again[0].refresh_from_db()
    assert (again[0].status, again[0].tick_limit) == (SessionStatus.RUNNING, 42)
    assert PaperTradingAccount.objects.filter(owner=owner).count() == 1


def test_a_limit_that_was_reached_counts_anew() -> None:
    owner, market = make.make_user(), make.make_market()
    [first] = seeding.seed_sessions(owner, market, [5], 1_000, 3)
    PaperTradingSession.objects.update(ticks_closed=3)
    controls.stop(first, StopReason.TICK_LIMIT)
    [again] = seeding.seed_sessions(owner, market, [5], 1_000, 3)
    again.refresh_from_db()
    assert (again.pk, again.tick_limit, again.status) == (first.pk, 6, SessionStatus.RUNNING)


def test_another_interval_replaces_the_session_on_the_same_account() -> None:
    owner, market = make.make_user(), make.make_market()
    [first] = seeding.seed_sessions(owner, market, [5], 1_000, None)
    [second] = seeding.seed_sessions(owner, market, [5], 500, None)
    first.refresh_from_db()
    assert (first.status, first.stop_reason) == (SessionStatus.STOPPED, StopReason.REPLACED)
    assert (second.account, second.interval_ms) == (first.account, 500)


def test_another_market_replaces_all_sessions_of_the_start() -> None:
    owner, market, other = make.make_user(), make.make_market(), make.make_market()
    first = seeding.seed_sessions(owner, market, [5, 6], 1_000, None)
    seeding.seed_sessions(owner, other, [5], 1_000, None)
    assert set(
        PaperTradingSession.objects.filter(pk__in=[row.pk for row in first]).values_list(
            "stop_reason", flat=True
        )
    ) == {StopReason.REPLACED}
    # And back: its own sessions go on.
    again = seeding.seed_sessions(owner, market, [5], 1_000, None)
    assert again[0].pk == first[0].pk


def test_a_level_that_is_no_longer_wanted_is_stopped() -> None:
    owner, market = make.make_user(), make.make_market()
    five, six = seeding.seed_sessions(owner, market, [5, 6], 1_000, None)
    seeding.seed_sessions(owner, market, [5], 1_000, None)
    five.refresh_from_db()
    six.refresh_from_db()
    assert (five.status, six.stop_reason) == (SessionStatus.RUNNING, StopReason.REPLACED)


def test_accounts_that_people_made_are_left_alone() -> None:
    owner, market = make.make_user(), make.make_market()
    mine = make.make_session(make.make_account(owner, market=market))
    seeding.seed_sessions(owner, make.make_market(), [5], 1_000, None)
    mine.refresh_from_db()
    assert mine.status == SessionStatus.RUNNING


def test_a_session_whose_record_is_over_gets_a_successor() -> None:
    owner, market = make.make_user(), make.make_market()
    [first] = seeding.seed_sessions(owner, market, [5], 1_000, None)
    controls.stop(first, StopReason.RECORD_ENDED)
    [second] = seeding.seed_sessions(owner, market, [5], 1_000, None)
    assert second.pk != first.pk


def test_the_administrator_keeps_the_password_unless_a_new_one_comes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    first = seeding.admin_user("one")
    assert first.is_superuser
    assert seeding.admin_user("").check_password("one")
    assert seeding.admin_user("two").check_password("two")


def test_unknown_prices_are_refused_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"prices was 'real'; allowed are live, simulated and"):
        seeding.market_for("real")
