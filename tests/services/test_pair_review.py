"""The daily look: a deeper pool is proposed once and loudly, and taken by a person alone."""

from datetime import timedelta
from decimal import Decimal, Overflow
from typing import Any

import pytest
from django.db import DataError

from paper_trading.models import FeedMode, Market, MarketToken, Token, TokenExamination
from paper_trading.services import asking, clock, pair_review, token_examination
from paper_trading.services.pair_review import CannotTake, due, look_again, review, take
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure
from tasks import pair_review as task
from tests.builders import make_account, make_market, make_session, make_token
from tests.services.token_bodies import NOW, OTHER_POOL, POOL, TOSHI, WETH, Scripted, pair, scripted

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def market() -> Market:
    return make_market(mode=FeedMode.LIVE, name="Live", chain_id=8453, price_chain_id=8453)


@pytest.fixture
def toshi(market: Market) -> Token:
    return listed(market, "TOSHI", TOSHI)


def listed(market: Market, symbol: str, address: str) -> Token:
    token = make_token(
        symbol, chain_id=8453, price_address=address, pool_address=POOL, pool_fee_pips=500
    )
    MarketToken.objects.create(market=market, token=token)
    return token


def deeper(usd: float = 9_000_000, **changes: Any) -> dict[str, Any]:
    return pair(pairAddress=OTHER_POOL, dexId="pancakeswap", labels=["v2"],
                liquidity={"usd": usd}, **changes)  # fmt: skip


def looked(token: Token, *pairs: Any, days: int = 0) -> TokenExamination:
    """Look at a token some days on, and return what was kept."""
    found = look_again(token, scripted(*pairs).asking, NOW + days * DAY)
    assert found is not None
    return found


def test_a_deeper_pool_is_proposed_and_not_taken(toshi: Token) -> None:
    row = looked(toshi, pair(), deeper())
    assert (row.pool_address, row.proposed_pool.lower()) == (POOL, OTHER_POOL)
    assert (row.proposed_kind, row.proposed_quote) == ("pancakeswap_v2", "WETH")
    assert (row.proposed_fee_pips, row.proposed_fee_is_assumed) == (2500, False)
    assert row.proposed_liquidity_usd == Decimal(9_000_000)
    assert row.accepted_at is None
    toshi.refresh_from_db()
    assert toshi.pool_address == POOL


@pytest.mark.parametrize(("usd", "proposed"), [(3_274_968.38, True), (3_274_968.37, False)])
def test_it_must_be_half_as_deep_again(toshi: Token, usd: float, proposed: bool) -> None:
    assert bool(looked(toshi, pair(), deeper(usd)).proposed_pool) is proposed


def test_a_vetoed_pool_is_not_proposed(toshi: Token) -> None:
    young = int((NOW - timedelta(hours=1)).timestamp() * 1000)
    assert looked(toshi, pair(), deeper(pairCreatedAt=young)).proposed_pool == ""


def test_a_pinned_pool_that_is_gone_is_said_so_and_another_is_proposed(toshi: Token) -> None:
    row = looked(toshi, deeper())
    assert row.liquidity_usd is None
    assert [code for code, _ in row.vetoes] == ["NO_POOL"]
    assert row.proposed_pool.lower() == OTHER_POOL


def test_liquidity_that_falls_from_day_to_day_is_said_so(toshi: Token) -> None:
    assert looked(toshi, pair()).vetoes == []
    row = looked(toshi, pair(liquidity={"usd": 1_000_000}), days=1)
    assert [code for code, _ in row.vetoes] == ["LIQUIDITY_FALLING"]


def test_each_token_is_looked_at_once_a_day(market: Market, toshi: Token) -> None:
    make_token("ALONE", price_chain_id=8453, price_address="0x" + "77" * 20)
    simulated = make_market()
    MarketToken.objects.create(market=simulated, token=make_token("SIM", price_address=TOSHI))
    sources = scripted(pair())
    assert [row.token for row in review(sources.asking, NOW)] == [toshi]
    calls = len(sources.asked)
    assert review(sources.asking, NOW + timedelta(hours=1)) == []
    assert look_again(toshi, sources.asking, NOW) is None
    assert len(sources.asked) == calls + 1
    assert [row.token for row in review(sources.asking, NOW + DAY)] == [toshi]


def test_the_longest_unseen_comes_first_and_a_review_has_an_end(
    market: Market, toshi: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_review, "PORTION", 2)
    looked(toshi, pair(), days=-2)
    others = [listed(market, f"T{n}", f"0x{n}{'0' * 39}") for n in (1, 2, 3)]
    looked(others[0], pair(), days=-1)
    assert list(due(NOW)) == [others[1], others[2], toshi, others[0]]
    assert [row.token for row in review(scripted(pair()).asking, NOW)] == others[1:]
    assert [row.token for row in review(scripted(pair()).asking, NOW)] == [toshi, others[0]]


@pytest.mark.parametrize("reason", [Reason.NO_BUDGET, Reason.THROTTLED, Reason.UNREACHABLE])
def test_a_source_that_cannot_be_asked_ends_the_review_and_nothing_is_kept(
    market: Market, toshi: Token, reason: Reason
) -> None:
    listed(market, "T1", "0x" + "1" * 40)
    calls: list[str] = []

    def ask(source: str, request: Request) -> Answer:
        calls.append(source)
        raise SourceFailure(reason, "not now")

    assert review(asking.Asking(ask), NOW) == []
    assert len(calls) == 1
    assert due(NOW).count() == 2


def test_a_token_that_the_source_refuses_does_not_hold_up_the_others(
    market: Market, toshi: Token
) -> None:
    other = listed(market, "T1", "0x" + "1" * 40)
    sources = Scripted(pairs_by_token={TOSHI.lower(): {"schemaVersion": "1"}})
    first, second = review(sources.asking, NOW)
    assert (first.token, first.flags[0][0]) == (toshi, "NOT_EXAMINED")
    assert second.token == other


@pytest.mark.parametrize(
    "odd",
    [
        {"liquidity": {"usd": 1e30}},
        {"dexId": "\0", "labels": ["\ud800"]},
        {"quoteToken": {"address": WETH, "symbol": "\udfff\0"}},
        {"txns": {"h24": {"buys": 1e150, "sells": 0}}},
        {"priceUsd": "1e199", "priceNative": "1e-199"},
    ],
)
def test_an_odd_pool_does_not_hold_up_the_others(
    market: Market, toshi: Token, odd: dict[str, Any]
) -> None:
    other = listed(market, "T1", "0x" + "1" * 40)
    first, second = review(scripted(pair(**odd), {**deeper(), **odd}).asking, NOW)
    assert (first.token, second.token) == (toshi, other)
    assert first.proposed_pool == "" or first.proposed_liquidity_usd == 9_000_000


@pytest.mark.parametrize("error", [ValueError("\0 \ud800 no"), DataError("no"), Overflow("no")])
def test_a_token_that_cannot_be_judged_does_not_hold_up_the_others(
    market: Market, toshi: Token, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = listed(market, "T1", "0x" + "1" * 40)
    real = token_examination.look_at

    def look_at(chain_id: int, address: str, *rest: Any) -> Any:
        if address == TOSHI.lower():
            raise error
        return real(chain_id, address, *rest)

    monkeypatch.setattr(pair_review, "look_at", look_at)
    first, second = review(scripted(pair()).asking, NOW)
    assert (first.token, second.token) == (toshi, other)
    assert [code for code, _ in first.flags] == ["NOT_EXAMINED"]
    assert first.flags[0][1].strip().endswith("no")
    assert due(NOW).count() == 0


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Any]]:
    """Collect the events."""
    found: list[tuple[int, Any]] = []
    monkeypatch.setattr(
        pair_review, "publish_on_commit", lambda owner, event: found.append((owner, event))
    )
    return found


def test_a_proposal_is_told_once_to_the_owners_of_running_sessions(
    market: Market,
    toshi: Token,
    told: list[tuple[int, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = make_account(market=market)
    make_session(account)
    looked(toshi, pair(), deeper())
    looked(toshi, pair(), deeper(), days=1)
    ((owner, event),) = told
    assert owner == account.owner_id
    assert (event["type"], event["kind"], event["tokens"]) == ("feed", "proposed", ["TOSHI"])
    assert "9,000,000 USD; the pinned one has 2,183,312 USD" in event["text"]
    assert caplog.text.count("A deeper pool of TOSHI is proposed") == 1


def test_a_pool_that_is_taken_prices_the_token(toshi: Token) -> None:
    row = looked(toshi, pair(), deeper())
    token = take(row, NOW)
    token.refresh_from_db()
    assert token.pool_address == row.proposed_pool
    assert (token.pool_kind, token.pool_fee_pips) == ("pancakeswap_v2", 2500)
    assert not token.pool_fee_is_assumed
    row.refresh_from_db()
    assert row.accepted_at == NOW
    again = looked(token, pair(), deeper(), days=1)
    assert (again.pool_address, again.proposed_pool) == (row.proposed_pool, "")


def test_what_cannot_be_taken_is_refused_with_the_reason(toshi: Token) -> None:
    old = looked(toshi, pair(), deeper(), days=-1)
    with pytest.raises(CannotTake, match="older than 3 days"):
        take(old, NOW + 3 * DAY)
    row = looked(toshi, pair(), deeper())
    with pytest.raises(CannotTake, match="looked at again since"):
        take(old, NOW)
    Token.objects.filter(pk=toshi.pk).update(pool_address="0x" + "99" * 20)
    with pytest.raises(CannotTake, match="was changed since"):
        take(row, NOW)
    Token.objects.filter(pk=toshi.pk).update(pool_address=POOL)
    take(row, NOW)
    with pytest.raises(CannotTake, match="taken already"):
        take(row, NOW)
    with pytest.raises(CannotTake, match="no other pool is proposed"):
        take(looked(toshi, pair(), days=1), NOW + DAY)


def test_the_task_looks_with_what_is_installed(
    toshi: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(asking, "_asking", scripted(pair()).asking)
    task.run()
    assert TokenExamination.objects.get().token == toshi


def test_sound_pools_beside_the_pinned_one_are_ways_for_orders(toshi: Token) -> None:
    looked(toshi, pair(), deeper(900_000))
    toshi.refresh_from_db()
    assert toshi.further_pools == [[OTHER_POOL, "pancakeswap_v2", "WETH", 2500]]
    # One that something speaks against is none the next day.
    looked(toshi, pair(), deeper(20_000), days=1)
    toshi.refresh_from_db()
    assert toshi.further_pools == []


def test_a_pair_that_the_source_lists_twice_is_one_way(toshi: Token) -> None:
    looked(toshi, pair(), deeper(900_000), deeper(900_000))
    toshi.refresh_from_db()
    assert [one[0] for one in toshi.further_pools] == [OTHER_POOL]


def test_a_pool_whose_fee_is_assumed_is_no_way(toshi: Token) -> None:
    solidly = pair(pairAddress=OTHER_POOL, dexId="aerodrome", labels=[], liquidity={"usd": 9e5})
    looked(toshi, pair(), solidly)
    toshi.refresh_from_db()
    assert toshi.further_pools == []


def test_a_pool_that_is_taken_is_no_further_one(toshi: Token) -> None:
    row = looked(toshi, pair(), deeper())
    toshi.refresh_from_db()
    assert [one[0] for one in toshi.further_pools] == [OTHER_POOL]
    assert take(row, NOW).further_pools == []
    looked(toshi, pair(), deeper(), days=1)
    toshi.refresh_from_db()
    assert OTHER_POOL not in [one[0] for one in toshi.further_pools]
