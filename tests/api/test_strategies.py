from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from paper_trading.models import Market, PaperTradingSession
from paper_trading.services import strategy_view
from tests import builders
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def told(user: User, session: PaperTradingSession) -> dict[str, Any]:
    client = Client()
    client.force_login(user)
    found: dict[str, Any] = client.get(f"/api/sessions/{session.pk}/strategy/").json()
    return found


def test_a_session_of_somebody_else_is_not_found() -> None:
    session = builders.make_session()
    for user, status in (
        (builders.make_user(), 404),
        (session.account.owner, 200),
        (builders.make_user(is_staff=True), 200),
    ):
        client = Client()
        client.force_login(user)
        assert client.get(f"/api/sessions/{session.pk}/strategy/").status_code == status


def test_a_session_without_prices_tells_settings_and_no_tokens() -> None:
    session = builders.make_session(intel_level=5)
    found = told(session.account.owner, session)
    assert found["parameters"]["stop_loss_percent"] == "5"
    assert found["parameters"]["take_profit_steps"] == []
    assert found["level"]["max_position_percent"] == "10"
    assert found["tokens"] == []
    assert found["kelly"] is None


def test_limits_above_what_the_level_asks_do_not_bind() -> None:
    session = builders.make_session(intel_level=5)
    limits = {one["name"]: one for one in told(session.account.owner, session)["limits"]}
    found = limits["max_position_size_percent"]
    assert (found["setting"], found["level"], found["binds"]) == ("25", "10", False)
    assert found["why"] == "level 5 puts at most 10 % of equity into one token"
    session.strategy.max_position_size_percent = Decimal(4)
    session.strategy.max_trade_usd = Decimal(500)
    session.strategy.save()
    limits = {one["name"]: one for one in told(session.account.owner, session)["limits"]}
    assert limits["max_position_size_percent"]["binds"]
    # Four percent of 10,000 USD are less than the cap of an order.
    assert (limits["max_trade_usd"]["level"], limits["max_trade_usd"]["binds"]) == ("400", False)


def test_every_token_has_its_bracket_and_chances(market: Market) -> None:
    session = worlds.running_session(market, exit_volatility_percent=Decimal(300))
    worlds.run_ticks(session, 2)
    found = told(session.account.owner, session)
    known = [one for one in found["tokens"] if one["chances"] is not None]
    assert known
    for one in known:
        chances = one["chances"]
        ends = ("stop_percent", "target_percent", "time_percent")
        assert sum(Decimal(chances[name]) for name in ends) == 100
        factor = Decimal(one["bracket"]["factor"])
        assert Decimal("0.5") <= factor <= 2
        assert Decimal(one["bracket"]["stop_percent"]) == 5 * factor
        assert Decimal(one["round_trip_percent"]) > 0
    assert len({one["bracket"]["factor"] for one in known}) > 1


def test_advice_is_drawn_from_the_closed_positions_of_the_session() -> None:
    session = builders.make_session()
    for made in ("50", "-25", "25"):
        builders.make_closed_position(
            session, builders.make_token(), realized_usd=Decimal(made), bought_usd=Decimal(1000)
        )
    other = builders.make_session()
    builders.make_closed_position(other, builders.make_token(), realized_usd=Decimal(9))
    kelly = told(session.account.owner, session)["kelly"]
    assert (kelly["trades"], kelly["payoff"]) == (3, "1.5")
    # (2 + 20) / (3 + 40), and a quarter of p - (1 - p) / 1.5.
    assert kelly["win_percent"].startswith("51.16")
    assert kelly["risk_percent"].startswith("4.65")
    # Which is lost by a position of this size at the mean loss of 2.5 %.
    assert kelly["position_percent"].startswith("186.04")


def test_the_newest_outcomes_are_those_that_were_closed_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strategy_view, "OUTCOMES", 2)
    session = builders.make_session()
    for hours, made in ((3, "50"), (1, "-10"), (2, "-25")):
        builders.make_closed_position(
            session,
            builders.make_token(),
            realized_usd=Decimal(made),
            bought_usd=Decimal(1000),
            closed_market_time=datetime(2026, 1, 5, hours, tzinfo=UTC),
        )
    kelly = told(session.account.owner, session)["kelly"]
    assert (kelly["trades"], kelly["payoff"]) == (2, "2")


def test_the_number_of_statements_does_not_grow_with_positions() -> None:
    session = builders.make_session()
    client = Client()
    client.force_login(session.account.owner)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as spent:
            client.get(f"/api/sessions/{session.pk}/strategy/")
        counts.append(len(spent))
        for _ in range(3):
            builders.make_closed_position(session, builders.make_token())
    assert counts[0] == counts[1]
