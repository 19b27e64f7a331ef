"""The panel of live prices: what is good, what is not, and what to do about it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from paper_trading.engine.enums import PriceVerdict
from paper_trading.models import FeedMode, MarketToken, PriceBatch, Quote, SourceUsage
from paper_trading.models.source import MINUTE
from paper_trading.services.feed_view import feed_view
from tests import builders

pytestmark = pytest.mark.django_db


class LivePage:
    """An account on a live market of two tokens."""

    def __init__(self) -> None:
        self.market = builders.make_market(mode=FeedMode.LIVE, step_seconds=15)
        self.session = builders.make_session(builders.make_account(market=self.market))
        self.tokens = [builders.make_token(symbol) for symbol in ("AAA", "BBB")]
        for token in self.tokens:
            MarketToken.objects.create(market=self.market, token=token)

    def batch(self, age_seconds: int = 5, **fields: Any) -> PriceBatch:
        at = timezone.now() - timedelta(seconds=age_seconds)
        said = {"market_time": at, "source": "dexscreener", **fields}
        return builders.make_batch(self.market, **said)

    def quote(self, batch: PriceBatch, number: int, **fields: Any) -> Quote:
        return builders.make_quote(batch, self.tokens[number], **fields)

    def panels(self) -> dict[str, str]:
        client = Client()
        client.force_login(self.session.account.owner)
        answer = client.get(f"/accounts/{self.session.account_id}/panels/")
        return dict(answer.json()["panels"])


def test_good_prices_are_shown_with_source_age_and_pool() -> None:
    page = LivePage()
    batch = page.batch()
    observed = batch.market_time - timedelta(seconds=3)
    page.quote(batch, 0, observed_at=observed, pool="0xabc", block=1234)
    page.quote(batch, 1, price_usd=Decimal("0.00000234"))
    panels = page.panels()
    for words in ("All 2 tokens fresh", "dexscreener", "0xabc", "block 1,234", "3 s"):
        assert words in panels["prices"]
    assert "No prices" not in panels["status"]


def test_a_source_that_stands_in_is_named_with_the_one_that_it_stands_in_for() -> None:
    page = LivePage()
    batch = page.batch(source="geckoterminal")
    for number in (0, 1):
        page.quote(batch, number, source="geckoterminal")
    words = "geckoterminal stands in for dexscreener"
    panels = page.panels()
    assert f'<span class="tag warn">{words}</span>' in panels["status"]
    assert words in panels["prices"]
    assert '<span class="tag warn">All 2 tokens fresh</span>' in panels["prices"]
    view = feed_view(page.market, timezone.now())
    assert view is not None
    assert (view.state, view.stands_in) == ("stand-in", words)


def test_a_source_that_says_a_token_beside_the_first_stands_in_for_nobody() -> None:
    page = LivePage()
    batch = page.batch(source="dexscreener+geckoterminal")
    for number in (0, 1):
        page.quote(batch, number)
    assert "stands in" not in str(page.panels())
    view = feed_view(page.market, timezone.now())
    assert view is not None
    assert (view.state, view.stands_in) == ("good", "")


def test_who_stands_in_is_told_of_some_tokens_too_and_not_of_none() -> None:
    page = LivePage()
    batch = page.batch(source="geckoterminal", missing=["BBB"], reasons={"BBB": "POOL_ABSENT"})
    page.quote(batch, 0, source="geckoterminal")
    panels = page.panels()
    assert "1 of 2 prices fresh" in panels["status"]
    assert "geckoterminal stands in for dexscreener" in panels["status"]
    page.batch(1, step=1, source="geckoterminal", missing=["AAA", "BBB"], reasons={})
    assert "stands in" not in str(page.panels())


def test_a_token_that_is_not_fresh_is_told_with_its_reason() -> None:
    page = LivePage()
    batch = page.batch(missing=["BBB"], reasons={"BBB": "THROTTLED"})
    page.quote(batch, 0, verdict=PriceVerdict.DISPUTED)
    panels = page.panels()
    for words in ("0 of 2 tokens fresh", "Disputed", "Missing", "Throttled"):
        assert words in panels["prices"]
    assert "No prices" in panels["status"]


def test_one_fresh_token_is_degraded_and_not_down() -> None:
    page = LivePage()
    batch = page.batch(missing=["BBB"], reasons={"BBB": "UNREACHABLE"})
    page.quote(batch, 0)
    panels = page.panels()
    assert "1 of 2 prices fresh" in panels["status"]
    assert 'role="status"' not in panels["prices"]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("UNREACHABLE", "check the network of the workers"),
        ("TIMED_OUT", "check the network of the workers"),
        ("NO_BUDGET", "manage.py price_plan"),
        ("KEY_REFUSED", "refused its key"),
        ("BAD_PRICE", "worker.log"),
    ],
)
def test_without_prices_the_page_says_what_to_do(reason: str, words: str) -> None:
    page = LivePage()
    page.batch(missing=["AAA", "BBB"], reasons={"AAA": reason, "BBB": reason})
    assert words in page.panels()["prices"]


def test_prices_that_nobody_asks_for_any_more_are_told() -> None:
    page = LivePage()
    page.quote(page.batch(age_seconds=600), 0)
    assert "No worker has asked for prices lately" in page.panels()["prices"]


def test_a_market_that_has_not_begun_says_why_nothing_is_traded() -> None:
    assert "has no prices yet" in LivePage().panels()["prices"]


def test_sources_are_shown_with_what_they_cost_and_how_they_did() -> None:
    page = LivePage()
    page.quote(page.batch(), 0)
    SourceUsage.objects.create(
        source="dexscreener", start=timezone.now() - timedelta(hours=1), seconds=MINUTE,
        calls=40, finished=40, tokens_asked=360, tokens_answered=358, latency_ms=4_000,
        worst_latency_ms=900, errors={"TIMED_OUT": 2}, agreements=97, disagreements=3,
    )  # fmt: skip
    shown = page.panels()["prices"]
    for words in ("dexscreener", ">40<", ">318<", "Timed out 2", "100 ms", "900 ms", "97 %"):
        assert words in shown
