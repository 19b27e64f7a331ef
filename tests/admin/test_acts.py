"""What people may do in the admin: permission-checked, logged, and told."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from paper_trading.bot import accounts
from paper_trading.models import (
    BreakerState,
    MarketToken,
    PaperStrategyConfiguration,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
)
from tests import builders

pytestmark = pytest.mark.django_db

ACTS: dict[str, Callable[[PaperTradingSession], bool]] = {
    "pause": lambda session: session.entries_paused,
    "halt": lambda session: session.halted,
    "stop": lambda session: session.status == SessionStatus.STOPPED,
    "run_tick": lambda session: session.requests.filter(kind="TICK").exists(),
}
UNDO = {"resume": "entries_paused", "unhalt": "halted"}


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the sessions whose manual tick was sent to the workers."""
    found: list[int] = []
    monkeypatch.setattr("tasks.open_tick.send_manual", found.append)
    return found


def staff_with(*codenames: str) -> tuple[Client, User]:
    user = builders.make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client, user


def page(model: type[Model], name: str = "changelist") -> str:
    return reverse(f"admin:paper_trading_{model._meta.model_name}_{name}")


def act(client: Client, action: str, *rows: Model, **more: object) -> str:
    """Post an action on rows and return the page that follows."""
    values = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    response = client.post(page(type(rows[0])), values, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def logged(user: User, row: Model) -> list[str]:
    entries = LogEntry.objects.filter(user=user, object_id=str(row.pk))
    return [entry.get_change_message() for entry in entries]


@pytest.mark.parametrize("action", ACTS)
def test_session_actions_need_the_permission(action: str) -> None:
    session = builders.make_session()
    client, user = staff_with("view_papertradingsession")
    act(client, action, session)
    session.refresh_from_db()
    assert not ACTS[action](session)
    assert logged(user, session) == []


@pytest.mark.parametrize("action", ACTS)
def test_session_actions_act_log_and_count(action: str) -> None:
    sessions = builders.make_session(), builders.make_session()
    client, user = staff_with("change_papertradingsession")
    text = act(client, action, *sessions)
    assert "2 paper trading sessions: " in text
    for session in sessions:
        session.refresh_from_db()
        assert ACTS[action](session)
        assert len(logged(user, session)) == 1


@pytest.mark.parametrize("action", UNDO)
def test_pauses_and_halts_are_undone(action: str) -> None:
    session = builders.make_session()
    setattr(session, UNDO[action], True)
    session.save()
    client, _ = staff_with("change_papertradingsession")
    act(client, action, session)
    session.refresh_from_db()
    assert not getattr(session, UNDO[action])


def test_a_refusal_is_told_and_the_others_still_happen() -> None:
    stopped = builders.make_session(
        status="STOPPED", stop_reason="REQUESTED", stopped_at=timezone.now()
    )
    running = builders.make_session()
    client, user = staff_with("change_papertradingsession")
    text = act(client, "pause", stopped, running)
    assert f"Session {stopped.pk} is stopped." in text
    assert "1 paper trading session: entries paused." in text
    assert logged(user, stopped) == []
    assert logged(user, running) == ["Entries paused."]


def test_a_stopped_session_is_started_again() -> None:
    session = builders.make_session(
        status="STOPPED", stop_reason="REQUESTED", stopped_at=timezone.now()
    )
    client, _ = staff_with("change_papertradingsession")
    act(client, "start", session)
    session.refresh_from_db()
    assert session.status == SessionStatus.RUNNING


def test_a_manual_tick_is_sent_to_the_workers(sent: list[int]) -> None:
    session = builders.make_session()
    client, user = staff_with("change_papertradingsession")
    act(client, "run_tick", session)
    assert sent == [session.pk]
    assert session.requests.get().requested_by == user


def test_a_breaker_is_reset_by_who_may() -> None:
    account = accounts.open_account(builders.make_user(), "Mine", builders.make_market())
    breaker = builders.make_breaker(account)
    viewer, _ = staff_with("view_breakerstate")
    act(viewer, "reset", breaker)
    breaker.refresh_from_db()
    assert breaker.tripped
    client, user = staff_with("change_breakerstate")
    assert "Reset these breakers" in act(client, "reset", breaker)
    assert "This field is required" in act(client, "reset", breaker, confirmed=1)
    breaker.refresh_from_db()
    assert breaker.tripped
    said = act(client, "reset", breaker, confirmed=1, reason="The feed is back.")
    assert "1 breaker state: reset: The feed is back." in said
    breaker.refresh_from_db()
    assert (breaker.tripped, breaker.reset_by) == (False, user)
    assert breaker.reset_reason == "The feed is back."
    assert logged(user, breaker) == ["Reset: The feed is back."]
    assert BreakerState.objects.count() == 1


def test_a_token_is_locked_and_released_with_reasons() -> None:
    account = accounts.open_account(builders.make_user(), "Mine", builders.make_market())
    session = builders.make_session(account)
    builders.make_point(builders.make_tick(session))
    token = builders.make_token("MOON")
    MarketToken.objects.create(market=account.market, token=token)
    asked = {"token": token.pk, "minutes": 30, "reason": "Its team sells."}
    viewer, _ = staff_with("view_papertradingaccount")
    act(viewer, "lock", account, confirmed=1, **asked)
    account.refresh_from_db()
    assert account.locks == {}
    client, user = staff_with("change_papertradingaccount")
    assert "Lock a token in these accounts" in act(client, "lock", account)
    assert "This field is required" in act(client, "lock", account, confirmed=1)
    act(client, "lock", account, confirmed=1, **asked)
    account.refresh_from_db()
    assert list(account.locks) == [str(token.pk)]
    assert "Release the lock of a token" in act(client, "release", account)
    act(client, "release", account, confirmed=1, token=token.pk, reason="It is over.")
    account.refresh_from_db()
    assert account.locks == {}
    assert sorted(logged(user, account)) == [
        "Lock of MOON released: It is over.",
        "MOON locked for 30 minutes: Its team sells.",
    ]


def test_an_account_is_opened_with_its_deposit_in_the_ledger() -> None:
    client, user = staff_with("add_papertradingaccount", "view_papertradingaccount")
    market = builders.make_market()
    values = {"owner": user.pk, "name": "Fresh", "market": market.pk, "deposit_usd": "2500.50"}
    client.post(page(PaperTradingAccount, "add"), values)
    account = PaperTradingAccount.objects.get(name="Fresh")
    assert account.cash_usd == account.deposits_usd == Decimal("2500.50")
    assert account.ledger.count() == 2
    assert len(logged(user, account)) == 1


def test_a_second_account_of_one_name_is_refused_with_a_sentence() -> None:
    client, user = staff_with("add_papertradingaccount", "view_papertradingaccount")
    existing = accounts.open_account(user, "Twice", builders.make_market())
    values = {
        "owner": user.pk,
        "name": "Twice",
        "market": existing.market_id,
        "deposit_usd": "1",
    }
    text = client.post(page(PaperTradingAccount, "add"), values, follow=True).content.decode()
    assert "already" in text
    assert PaperTradingAccount.objects.count() == 1


def test_funding_asks_for_the_amount_first() -> None:
    client, user = staff_with("change_papertradingaccount")
    account = accounts.open_account(builders.make_user(), "Mine", builders.make_market())
    asked = act(client, "fund", account)
    assert "Amount to add, USD" in asked
    assert "greater than or equal to 0.01" in act(
        client, "fund", account, confirmed="1", amount_usd="-5"
    )
    account.refresh_from_db()
    assert account.cash_usd == 10_000
    act(client, "fund", account, confirmed="1", amount_usd="250")
    account.refresh_from_db()
    assert account.cash_usd == account.deposits_usd == 10_250
    assert logged(user, account) == ["Funded with 250 USD."]


def test_resetting_asks_first_and_archives() -> None:
    client, user = staff_with("change_papertradingaccount")
    account = accounts.open_account(builders.make_user(), "Mine", builders.make_market())
    assert "Archive these accounts" in act(client, "reset", account)
    assert PaperTradingAccount.objects.count() == 1
    act(client, "reset", account, confirmed="1")
    account.refresh_from_db()
    assert account.archived_at is not None
    successor = PaperTradingAccount.objects.get(archived_at=None)
    assert (successor.name, successor.cash_usd) == ("Mine", 10_000)
    assert len(logged(user, account)) == 1


def test_accounts_are_not_touched_without_the_permission() -> None:
    client, _ = staff_with("view_papertradingaccount")
    account = accounts.open_account(builders.make_user(), "Mine", builders.make_market())
    act(client, "fund", account, confirmed="1", amount_usd="250")
    act(client, "reset", account, confirmed="1")
    account.refresh_from_db()
    assert (account.cash_usd, account.archived_at) == (10_000, None)


def session_values(account: PaperTradingAccount, **changed: object) -> dict[str, object]:
    strategy = builders.make_strategy(account.owner)
    return {
        "account": account.pk,
        "strategy": strategy.pk,
        "intel_level": 7,
        "interval_seconds": "0.5",
        **changed,
    }


def test_a_session_is_started_with_its_interval_in_seconds() -> None:
    client, _ = staff_with("add_papertradingsession", "view_papertradingsession")
    account = accounts.open_account(builders.make_user(), "Mine", builders.make_market())
    client.post(page(PaperTradingSession, "add"), session_values(account))
    session = account.sessions.get()
    assert (session.intel_level, session.interval_ms, session.status) == (7, 500, "RUNNING")
    text = client.post(
        page(PaperTradingSession, "add"), session_values(account), follow=True
    ).content.decode()
    assert "Mine already has a running session." in text
    assert account.sessions.count() == 1


@pytest.mark.parametrize(("field", "wrong"), [("intel_level", 11), ("interval_seconds", 0)])
def test_a_session_outside_its_ranges_is_refused(field: str, wrong: int) -> None:
    client, _ = staff_with("add_papertradingsession", "view_papertradingsession")
    account = accounts.open_account(builders.make_user(), "Mine", builders.make_market())
    values = session_values(account, **{field: wrong})
    text = client.post(page(PaperTradingSession, "add"), values).content.decode()
    assert "Ensure this value is" in text
    assert not account.sessions.exists()


def strategy_values(client: Client, **changed: object) -> dict[str, object]:
    form = client.get(page(PaperStrategyConfiguration, "add")).context["adminform"].form
    found = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    found.update(allowed_tokens="[]", blocked_tokens="[]", name="Calm")
    found.update(changed)
    return {name: value for name, value in found.items() if value is not None}


def test_a_strategy_belongs_to_its_maker_unless_said_otherwise() -> None:
    client, user = staff_with("add_paperstrategyconfiguration", "view_paperstrategyconfiguration")
    builders.make_token("WETH")
    values = strategy_values(client, allowed_tokens='["WETH"]')
    client.post(page(PaperStrategyConfiguration, "add"), values)
    strategy = PaperStrategyConfiguration.objects.get()
    assert (strategy.owner, strategy.allowed_tokens) == (user, ["WETH"])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"blocked_tokens": '["WETH", "NOPE"]'}, "Not a known symbol: NOPE; known are WETH."),
        ({"allowed_tokens": '{"WETH": 1}'}, "write a list of symbols"),
        ({"stop_loss_percent": "51"}, "less than or equal to 50"),
        ({"trailing_distance_percent": "2"}, "needs both its activation and its distance"),
    ],
)
def test_a_wrong_strategy_is_refused_with_a_sentence(
    changed: dict[str, object], sentence: str
) -> None:
    client, _ = staff_with("add_paperstrategyconfiguration", "view_paperstrategyconfiguration")
    builders.make_token("WETH")
    values = strategy_values(client, **changed)
    text = client.post(page(PaperStrategyConfiguration, "add"), values).content.decode()
    assert sentence in text
    assert not PaperStrategyConfiguration.objects.exists()
