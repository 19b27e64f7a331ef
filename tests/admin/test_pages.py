"""Every list and every detail page of the admin, with rows in it."""

from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Twin
from paper_trading.engine.enums import Action
from paper_trading.models import (
    BreakerState,
    Market,
    PaperStrategyConfiguration,
    PaperTradingAccount,
    PaperTradingSession,
    Token,
)
from tests import builders
from tests.full_account import make_one_of_each

pytestmark = pytest.mark.django_db

MODELS = list(apps.get_app_config("paper_trading").get_models())
EDITABLE = {Market, PaperStrategyConfiguration, Token}
ADDABLE = {PaperStrategyConfiguration, PaperTradingAccount, PaperTradingSession, Token}
RECORDS = [model for model in MODELS if model not in EDITABLE]

by_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def address(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:paper_trading_{model._meta.model_name}_{page}", args=args)


def first_of(model: type[Model]) -> Model:
    row = model._default_manager.order_by("pk").first()
    assert row is not None, f"make_one_of_each makes no {model.__name__}"
    return row


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(builders.make_user(is_staff=True, is_superuser=True))
    return client


def staff_with(*codenames: str) -> tuple[Client, User]:
    user = builders.make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client, user


@by_model
def test_every_model_has_a_list_and_a_page(model: type[Model], root: Client) -> None:
    make_one_of_each()
    assert admin.site.is_registered(model)
    listed = root.get(address(model, "changelist"))
    assert listed.status_code == 200
    assert list(listed.context["cl"].result_list)
    detail = root.get(address(model, "change", first_of(model).pk))
    assert detail.status_code == 200
    assert "DEX paper trading" in detail.content.decode()


@by_model
def test_lists_can_be_searched_and_filtered(model: type[Model], root: Client) -> None:
    make_one_of_each()
    model_admin = admin.site._registry[model]
    query: dict[str, str] = {"q": "x"} if model_admin.search_fields else {}
    assert root.get(address(model, "changelist"), query).status_code == 200


@by_model
def test_lists_ask_as_many_queries_for_many_rows_as_for_few(
    model: type[Model], root: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            root.get(address(model, "changelist"))
        return len(captured)

    make_one_of_each()
    queries()  # content types are read once
    few = queries()
    for _ in range(3):
        make_one_of_each()
    assert queries() <= few


@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model.__name__)
def test_records_cannot_be_changed_or_deleted_by_anybody(model: type[Model], root: Client) -> None:
    make_one_of_each()
    row = first_of(model)
    before = type(row)._default_manager.filter(pk=row.pk).values().get()
    assert root.post(address(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert root.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    listed = root.get(address(model, "changelist")).content.decode()
    assert "delete_selected" not in listed
    assert type(row)._default_manager.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize(
    "model", [model for model in MODELS if model not in ADDABLE], ids=lambda model: model.__name__
)
def test_records_cannot_be_added_by_anybody(model: type[Model], root: Client) -> None:
    assert root.get(address(model, "add")).status_code == 403


def test_staff_see_only_what_their_permissions_name() -> None:
    make_one_of_each()
    client, _ = staff_with("view_tick")
    assert client.get("/admin/").content.decode().count("/admin/paper_trading/tick/") > 0
    assert client.get(address(BreakerState, "changelist")).status_code == 403
    assert client.get(address(PaperTradingSession, "changelist")).status_code == 403


def test_users_who_are_not_staff_are_sent_to_the_admins_login() -> None:
    client = Client()
    client.force_login(builders.make_user())
    assert client.get("/admin/").status_code == 302


def test_money_is_written_for_people(root: Client) -> None:
    account = make_one_of_each()
    text = root.get(address(PaperTradingAccount, "change", account.pk)).content.decode()
    assert "$10,000.00" in text
    assert "000000000000" not in text


def test_a_thought_of_the_learning_level_shows_its_twin_and_how_such_set_ups_went(
    root: Client,
) -> None:
    session = builders.make_session(intel_level=10)
    twin = Twin(Action.BUY, Code.OK, Decimal("61.5"))
    thought = builders.make_thought(
        builders.make_tick(session), builders.make_token("UNI"), level=10, twin=twin
    )
    text = root.get(address(type(thought), "change", thought.pk)).content.decode()
    assert "chance of a positive mean 44.50% (96 set-ups in 12 days)" in text
    assert "62: top 38 % of set-ups; of such set-ups 42 of 96 won in 12 days" in text
    assert f"By base weights: Buy, {Code.OK.text}" in text
    assert "Confidence 61.5." in text


def test_a_thought_shows_its_gates_and_signals(root: Client) -> None:
    make_one_of_each()
    thought = first_of(apps.get_model("paper_trading", "PaperAIThoughtLog"))
    text = root.get(address(type(thought), "change", thought.pk)).content.decode()
    for words in ("Ema cross", "Trend", "37.5", "Confidence is below", "Threshold"):
        assert words in text


def test_a_tick_shows_its_stages_trades_and_decisions(root: Client) -> None:
    make_one_of_each()
    tick = first_of(apps.get_model("paper_trading", "Tick"))
    text = root.get(address(type(tick), "change", tick.pk)).content.decode()
    for words in ("12 ms", "FILLED", "COOL_DOWN", "CONFIDENCE_LOW"):
        assert words in text or words.replace("_", " ").capitalize() in text


def test_a_session_shows_which_limits_bind_at_its_level(root: Client) -> None:
    session = builders.make_session(intel_level=5)
    page = root.get(reverse("admin:paper_trading_papertradingsession_change", args=[session.pk]))
    text = page.content.decode()
    assert "max_position_size_percent 25: does not bind; level 5 puts at most 10 %" in text
    assert "max_daily_trades 50: binds;" in text


def test_only_the_name_of_a_market_can_be_changed(root: Client) -> None:
    market = builders.make_market(seed=41)
    root.post(address(Market, "change", market.pk), {"name": "Winter", "seed": "42"})
    market.refresh_from_db()
    assert (market.name, market.seed) == ("Winter", 41)


def test_a_token_can_be_edited(root: Client) -> None:
    token = builders.make_token()
    page = address(Token, "change", token.pk)
    form = root.get(page).context["adminform"].form
    values = {key: value for key, value in form.initial.items() if value not in (None, False)}
    root.post(page, {**values, "pool_fee_pips": 500})
    token.refresh_from_db()
    assert token.pool_fee_pips == 500
