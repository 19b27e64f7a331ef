from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from paper_trading.engine.enums import BreakerKind
from tests import builders
from tests.full_account import make_one_of_each

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_list_holds_the_users_own_accounts() -> None:
    mine, foreign = builders.make_account(), builders.make_account()
    found = client_of(mine.owner).get("/api/accounts/").json()["accounts"]
    assert [row["id"] for row in found] == [mine.pk]
    staff = client_of(builders.make_user(is_staff=True))
    everyone = staff.get("/api/accounts/").json()["accounts"]
    assert {row["id"] for row in everyone} == {mine.pk, foreign.pk}


def test_an_account_of_somebody_else_is_not_found() -> None:
    account = builders.make_account()
    path = f"/api/accounts/{account.pk}/"
    assert client_of(builders.make_user()).get(path).status_code == 404
    assert client_of(account.owner).get(path).status_code == 200
    assert client_of(builders.make_user(is_staff=True)).get(path).status_code == 200


def test_an_account_tells_figures_positions_decisions_and_stages() -> None:
    account = make_one_of_each()
    told = client_of(account.owner).get(f"/api/accounts/{account.pk}/").json()
    assert told["figures"]["equity_usd"] == "12566.42"
    assert told["figures"]["win_rate_percent"] == "60"
    assert told["session"]["status"] == "RUNNING"
    assert told["session"]["learning"] is None
    assert told["positions"][0]["unrealized_usd"] == "66.42"
    assert {row["action"] for row in told["decisions"]} == {"HOLD", "BUY"}
    assert {row["stage"] for row in told["ticks"][0]["stages"]} >= {"prices", "analysis"}


def test_an_account_tells_its_breakers_and_its_locks() -> None:
    account = builders.make_account()
    person = builders.make_user("mender")
    builders.make_breaker(account)
    builders.make_breaker(
        account,
        kind=BreakerKind.LOSING_EXITS,
        tripped=False,
        tripped_market_time=None,
        reset_by=person,
        reset_at=builders.START,
        reset_reason="Looked at.",
    )
    builders.make_lock(account, builders.make_token("MOON"))
    told = client_of(account.owner).get(f"/api/accounts/{account.pk}/").json()
    assert told["breaker_state"] == "REDUCING"
    by_kind = {row["kind"]: row for row in told["breakers"]}
    assert set(by_kind) == set(BreakerKind)
    assert by_kind["DAILY_LOSS"]["actual"] == "5.2"
    assert by_kind["DAILY_LOSS"]["reason"].endswith("(percent): 5.2, limit 5.")
    assert by_kind["LOSING_EXITS"]["reset"] == {
        "by": "mender",
        "at": "2026-01-05T12:00:00+00:00",
        "reason": "Looked at.",
    }
    assert by_kind["VOLATILITY"]["reset"] is None
    assert told["locks"] == [
        {
            "token": "MOON",
            "until": "2026-01-05T13:00:00+00:00",
            "reason": "Its team sells.",
            "by_person": True,
        }
    ]


def test_a_price_far_below_one_keeps_every_digit() -> None:
    session = builders.make_session()
    tiny = Decimal("2.34e-18")
    builders.make_position(session, builders.make_token(), mark_price_usd=tiny, high_price_usd=tiny)
    told = client_of(session.account.owner).get(f"/api/accounts/{session.account.pk}/").json()
    assert told["positions"][0]["mark_price_usd"] == "0.00000000000000000234"


def no_floats(found: object) -> bool:
    if isinstance(found, dict):
        return all(map(no_floats, found.values()))
    if isinstance(found, list):
        return all(map(no_floats, found))
    return not isinstance(found, float)


def test_no_number_with_a_point_travels_as_a_float() -> None:
    account = make_one_of_each()
    client = client_of(account.owner)
    assert no_floats(client.get("/api/accounts/").json())
    assert no_floats(client.get(f"/api/accounts/{account.pk}/").json())


def test_an_account_that_never_traded_has_no_figures_that_are_made_up() -> None:
    account = builders.make_account(deposits_usd=Decimal(0), cash_usd=Decimal(0))
    told = client_of(account.owner).get(f"/api/accounts/{account.pk}/").json()
    assert told["session"] is None
    assert told["figures"]["return_percent"] is None
    assert told["figures"]["win_rate_percent"] is None
    assert told["positions"] == told["decisions"] == told["ticks"] == []


def test_the_number_of_queries_does_not_grow_with_the_rows() -> None:
    session = builders.make_session()
    client = client_of(session.account.owner)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/api/accounts/{session.account.pk}/")
        return len(captured)

    def fill(first: int, last: int) -> None:
        for number in range(first, last + 1):
            token = builders.make_token()
            tick = builders.make_tick(session, number)
            builders.make_position(session, token)
            builders.make_thought(tick, token)

    fill(1, 1)
    one = queries()
    fill(2, 20)
    assert queries() == one <= 12


@pytest.mark.parametrize("path", ["/api/accounts/", "/api/accounts/1/", "/healthz"])
def test_nothing_is_written_through_the_api(path: str) -> None:
    assert client_of(builders.make_user()).post(path).status_code == 405


def test_an_archived_account_can_still_be_read() -> None:
    account = builders.make_account(archived_at=timezone.now())
    told = client_of(account.owner).get(f"/api/accounts/{account.pk}/").json()
    assert told["archived_at"] is not None
