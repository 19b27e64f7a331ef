"""What the admin may change of markets and tokens, and what a session started there needs."""

import pytest
from django.contrib import admin
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from paper_trading.admin.markets import MarketAdmin
from paper_trading.models import Market, MarketToken, Token
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    found = Client()
    found.force_login(builders.make_user(is_staff=True, is_superuser=True))
    return found


def shown(client: Client, token: Token) -> str:
    url = reverse("admin:paper_trading_token_change", args=[token.pk])
    return client.get(url).content.decode()


def test_renaming_a_market_does_not_turn_its_head_back() -> None:
    market = builders.make_market(head_step=640)
    stale = Market.objects.get(pk=market.pk)
    Market.objects.filter(pk=market.pk).update(head_step=641)
    stale.name = "Renamed"
    MarketAdmin(Market, admin.site).save_model(HttpRequest(), stale, None, change=True)
    market.refresh_from_db()
    assert (market.name, market.head_step) == ("Renamed", 641)


def test_what_gives_amounts_their_meaning_is_fixed_once_a_market_lists_the_token(
    client: Client,
) -> None:
    token = builders.make_token()
    assert 'name="decimals"' in shown(client, token)
    MarketToken.objects.create(market=builders.make_market(), token=token)
    page = shown(client, token)
    for name in ("decimals", "symbol", "is_cash", "pool_fee_pips", "price_address"):
        assert f'name="{name}"' not in page, name
    assert 'name="tradable"' in page


def test_a_token_shows_its_further_pools_and_takes_none_by_hand(client: Client) -> None:
    token = builders.make_token("LINK", pool_address="0x" + "b2" * 20)
    assert "0xc3c3" not in shown(client, token)
    pool = "0x" + "c3" * 20
    token.further_pools = [[pool, "uniswap_v3", "USDC", 500], ["0xd4", "aerodrome", "<b>", 3000]]
    token.save()
    page = shown(client, token)
    assert "Further pools" in page
    assert f"<div>{pool}: uniswap_v3, against USDC, 0.05 %</div>" in page
    assert "<div>0xd4: aerodrome, against &lt;b&gt;, 0.3 %</div>" in page
    assert 'name="further' not in page
    # The page of a new token has none to show.
    added = client.get(reverse("admin:paper_trading_token_add"))
    assert added.status_code == 200


def test_a_trade_shows_its_pool_beside_its_grade_and_the_leg_beside_the_nonce(
    client: Client,
) -> None:
    tick = builders.make_tick(builders.make_session())
    trade = builders.make_trade(tick, builders.make_token(), grade="B", pool="0x" + "c3" * 20)
    builders.make_transaction(trade, nonce=41, leg=2)
    url = reverse("admin:paper_trading_papertrade_change", args=[trade.pk])
    page = client.get(url).content.decode()
    assert "0x" + "c3" * 20 in page
    assert 'class="field-leg"' in page
    listed = client.get(reverse("admin:paper_trading_simulatedtransaction_changelist"))
    assert 'class="field-leg">2<' in listed.content.decode()


def test_a_session_started_in_the_admin_gets_a_beat_that_is_fast_enough(client: Client) -> None:
    account = builders.make_account()
    strategy = builders.make_strategy(account.owner)
    values = {
        "account": account.pk,
        "strategy": strategy.pk,
        "intel_level": 5,
        "interval_seconds": "0.2",
    }
    client.post(reverse("admin:paper_trading_papertradingsession_add"), values)
    assert account.sessions.get().interval_ms == 200
    dispatch = PeriodicTask.objects.get(task="tasks.open_due_ticks")
    assert dispatch.interval is not None
    assert dispatch.interval.every == 100_000
