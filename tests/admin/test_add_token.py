"""The page that adds tokens, and the act that takes a proposed pool: checked, told, logged."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from paper_trading.models import FeedMode, Market, MarketToken, Token, TokenExamination
from paper_trading.services import asking, clock
from tests import builders
from tests.admin.test_acts import act, logged, staff_with
from tests.services.token_bodies import NOW, OTHER_POOL, POOL, TOSHI, pair, scripted, token

pytestmark = pytest.mark.django_db

MAY = ("add_token", "change_market", "view_market")


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, pair())
    monkeypatch.setattr(clock, "now", lambda: NOW)


def knows(monkeypatch: pytest.MonkeyPatch, *pairs: Any) -> None:
    monkeypatch.setattr(asking, "_asking", scripted(*pairs).asking)


@pytest.fixture
def market() -> Market:
    return builders.make_market(mode=FeedMode.LIVE, name="Live", chain_id=8453, price_chain_id=8453)


def address(market: Market) -> str:
    return reverse("admin:paper_trading_market_add_token", args=[market.pk])


def post(client: Client, market: Market, **values: Any) -> str:
    """Post the page and return the one that follows."""
    answer = client.post(address(market), {"text": TOSHI, **values}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def confirm(client: Client, market: Market, **values: Any) -> str:
    return post(client, market, confirmed="1", **{"pool": POOL, **values})


def entries(user: User, market: Market) -> list[str]:
    return logged(user, market)


def test_a_token_is_shown_first_and_added_when_it_is_confirmed(market: Market) -> None:
    client, user = staff_with(*MAY)
    shown = post(client, market)
    assert f"TOSHI {TOSHI} on chain 8453" in shown
    assert "liquidity: 2,183,312 USD" in shown
    assert f'name="pool" value="{POOL}"' in shown
    assert not MarketToken.objects.exists()
    assert entries(user, market) == []
    said = confirm(client, market)
    assert "TOSHI in Live: it takes part from the first batch on, with what past is found." in said
    assert MarketToken.objects.filter(market=market, token__symbol="TOSHI").exists()
    assert entries(user, market) == [f"Token TOSHI added, pool {POOL}."]


def test_the_market_leads_to_the_page_for_who_may_use_it(market: Market) -> None:
    page = reverse("admin:paper_trading_market_change", args=[market.pk])
    client, _ = staff_with(*MAY)
    assert address(market) in client.get(page).content.decode()
    client, _ = staff_with("view_market", "change_market")
    assert address(market) not in client.get(page).content.decode()
    assert client.get(address(market)).status_code == 403
    assert client.post(address(market), {"text": TOSHI}).status_code == 403


def test_strangers_are_sent_to_the_login(market: Market) -> None:
    assert Client().post(address(market), {"text": TOSHI}).status_code == 302
    assert not LogEntry.objects.exists()


def test_a_post_without_its_token_is_refused(market: Market) -> None:
    _, user = staff_with(*MAY)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    answer = strict.post(address(market), {"text": TOSHI, "confirmed": "1", "pool": POOL})
    assert answer.status_code == 403
    assert not MarketToken.objects.exists()


def test_only_live_markets_have_the_page() -> None:
    client, _ = staff_with(*MAY)
    simulated = builders.make_market()
    assert client.get(address(simulated)).status_code == 404
    page = reverse("admin:paper_trading_market_change", args=[simulated.pk])
    assert "Add token" not in client.get(page).content.decode()


def test_a_veto_is_shown_and_counts_until_it_is_ticked(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = staff_with(*MAY)
    knows(monkeypatch, pair(liquidity={"usd": 9000}))
    assert 'name="accept" value="POOL_SHALLOW"' in post(client, market)
    assert "accept POOL_SHALLOW by name" in confirm(client, market)
    assert not MarketToken.objects.exists()
    assert "it takes part" in confirm(client, market, accept=["POOL_SHALLOW"])


def test_what_cannot_be_examined_is_told_on_the_page(market: Market) -> None:
    client, _ = staff_with(*MAY)
    assert "is no address and no link" in post(client, market, text="WETH")
    assert "chain &#x27;solana&#x27; of the link is not known" in post(
        client, market, text=f"https://dexscreener.com/solana/{POOL}"
    )
    assert "No pool on base" in post(client, market, text="0x" + "12" * 20)
    assert "Select a valid choice" in post(client, market, chain="10")
    assert not MarketToken.objects.exists()


def test_sources_that_are_away_are_told(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = staff_with(*MAY)
    monkeypatch.setattr(asking, "_asking", asking.Asking(asking.nobody))
    assert "UNREACHABLE: this process cannot ask dexscreener" in post(client, market)


def test_a_pool_that_changed_before_the_confirmation_is_shown_again(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = staff_with(*MAY)
    knows(monkeypatch, pair(), pair(pairAddress=OTHER_POOL, liquidity={"usd": 9_000_000}))
    assert "Another pool is the deepest by now" in confirm(client, market)
    assert not MarketToken.objects.exists()


def test_what_a_source_says_is_no_markup(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = staff_with(*MAY)
    knows(monkeypatch, pair(baseToken=token(TOSHI, "<script>alert(1)</script>")))
    assert "<script>alert" not in post(client, market)
    assert "<script>alert" not in confirm(client, market)
    assert not MarketToken.objects.exists()


@pytest.fixture
def proposal(market: Market) -> TokenExamination:
    held = builders.make_token("TOSHI", pool_address=POOL)
    return TokenExamination.objects.create(
        token=held,
        day=NOW.date(),
        at=NOW - timedelta(hours=1),
        pool_address=POOL,
        proposed_pool=OTHER_POOL,
        proposed_liquidity_usd=Decimal(9_000_000),
        proposed_kind="uniswap_v3",
        proposed_quote="WETH",
        proposed_fee_pips=500,
    )


def test_a_proposed_pool_is_taken_and_logged(proposal: TokenExamination) -> None:
    client, user = staff_with("view_tokenexamination", "change_token")
    assert "1 token examination: proposed pool taken." in act(client, "take", proposal)
    assert Token.objects.get().pool_address == OTHER_POOL
    assert logged(user, proposal) == ["Proposed pool taken."]
    assert "was taken already" in act(client, "take", proposal)
    assert len(logged(user, proposal)) == 1


def test_taking_a_pool_needs_the_permission(proposal: TokenExamination) -> None:
    client, user = staff_with("view_tokenexamination")
    act(client, "take", proposal)
    assert Token.objects.get().pool_address == POOL
    assert logged(user, proposal) == []
