"""The command `add_token`: what was found, what speaks against it, and what was added."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from paper_trading.models import FeedMode, Market, MarketToken
from paper_trading.services import asking, clock
from tests.builders import make_market
from tests.services.token_bodies import NOW, POOL, TOSHI, pair, scripted

pytestmark = pytest.mark.django_db


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    """A live market, and sources that know TOSHI."""
    before = asking.installed()
    asking.install(scripted(pair(), pair(pairAddress="0x" + "ab" * 32)).asking)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    yield make_market(mode=FeedMode.LIVE, name="Live", chain_id=8453, price_chain_id=8453)
    asking.install(before)


def add_token(*arguments: str) -> str:
    out = StringIO()
    call_command("add_token", *arguments, stdout=out)
    return out.getvalue()


def test_a_token_is_added_and_what_was_found_is_said(market: Market) -> None:
    said = add_token(f"https://dexscreener.com/base/{POOL}")
    assert f"TOSHI {TOSHI} on chain 8453" in said
    assert f"pool: {POOL}, uniswap_v3, against WETH" in said
    assert "price: 0.0004 USD" in said
    assert "liquidity: 2,183,312 USD, both sides" in said
    assert "note TRANSFER_TAX_UNKNOWN" in said
    assert "has no address of its own" in said
    assert "TOSHI in Live: it takes part from the first batch on, with what past is found." in said
    assert MarketToken.objects.filter(market=market, token__symbol="TOSHI").exists()


def test_one_that_comes_after_the_market_began_is_told_to_have_no_bars(market: Market) -> None:
    market.head_step = 5
    market.save()
    said = add_token(TOSHI)
    assert (
        "TOSHI in Live: it takes part from the next batch on; it has no bars yet, so it is not"
        " bought for its first 20 hours or so." in said
    )


def test_a_dry_run_adds_nothing(market: Market) -> None:
    assert "Nothing was added." in add_token(TOSHI, "--dry-run", "--market", "Live")
    assert not MarketToken.objects.exists()


def test_a_veto_is_told_and_can_be_accepted(market: Market) -> None:
    asking.install(scripted(pair(liquidity={"usd": 9000})).asking)
    with pytest.raises(CommandError, match="accept POOL_SHALLOW by name"):
        add_token(TOSHI)
    assert "veto POOL_SHALLOW" in add_token(TOSHI, "--accept", "POOL_SHALLOW")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["WETH"], "is no address and no link"),
        ([TOSHI, "--chain", "10"], "chain 10 is not known"),
        ([TOSHI, "--accept", "NO_POOL"], "NO_POOL cannot be accepted"),
        ([TOSHI, "--market", "Other"], "there is no market 'Other'; live markets: 'Live'"),
    ],
)
def test_what_is_wrong_is_one_line(market: Market, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        add_token(*arguments)
    assert "\n" not in str(caught.value)


def test_a_market_must_be_named_when_there_is_not_one(market: Market) -> None:
    make_market(mode=FeedMode.LIVE, name="Other", chain_id=1)
    with pytest.raises(CommandError, match="name a market with --market; live markets: 'Live'"):
        add_token(TOSHI)


def test_sources_that_cannot_be_asked_are_named(market: Market) -> None:
    asking.install(asking.Asking(asking.nobody))
    with pytest.raises(CommandError, match="UNREACHABLE: this process cannot ask dexscreener"):
        add_token(TOSHI)
