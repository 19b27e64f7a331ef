"""Which pending swaps the chain's quoter is asked for."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from paper_trading.bot import controls
from paper_trading.engine.enums import Side
from paper_trading.engine.pending import Pending
from paper_trading.engine.pending_json import pending_json
from paper_trading.models import Market, PaperTradingSession
from paper_trading.services.asked_quotes import asked_quotes
from paper_trading.services.sources.live.base import LiveToken
from paper_trading.services.sources.live.quoter import AskedQuote, swap_along
from tests.bot import worlds
from tests.engine.waiting import pending, sent
from tests.engine.worlds import NOON
from tests.services.sources.bodies import USDC, WETH

pytestmark = pytest.mark.django_db

LINK_POOL, FURTHER = "0x224a5d3f2155f2f85af70b6d72aea61a15273ff4", "0x" + "4f" * 20
#: The block of a swap that was sent at noon.
BLOCK = NOON + timedelta(seconds=2)


def waits(market: Market, one: Pending) -> PaperTradingSession:
    """A running account with a swap on its way."""
    session = worlds.running_session(market)
    rows = pending_json({one.plan.token.id: one})
    type(session.account).objects.filter(pk=session.account_id).update(pending=rows)
    return session


def swap(amount_in: int = 10**9, later: int = 0, side: Side = Side.BUY, **of_token: Any) -> Pending:
    """A pending swap of WETH; its block comes so many seconds later."""
    one = pending(sent().account)
    token = replace(one.plan.token, **{"symbol": "WETH", "address": WETH.address, **of_token})
    at = replace(one.submission, included_at=BLOCK + timedelta(seconds=later))
    plan = replace(one.plan, token=token, amount_in=amount_in, side=side)
    return replace(one, plan=plan, submission=at, record=replace(one.record, token=token))


def asked(
    market: Market, after: int = 13, tokens: tuple[LiveToken, ...] = (WETH, USDC)
) -> tuple[AskedQuote, ...]:
    return asked_quotes(market, tokens, BLOCK + timedelta(seconds=after))


def test_a_swap_is_asked_for_from_its_block_on(market: Market) -> None:
    waits(market, swap())
    assert asked(market, after=-1) == ()
    assert asked(market, after=0) == (swap_along(WETH, Side.BUY, 10**9),)


def test_each_swap_once_and_the_one_that_waits_longest_first(market: Market) -> None:
    for one in (swap(later=5), swap(7, later=9), swap(5, later=3, side=Side.SELL), swap(later=5)):
        waits(market, one)
    assert [(one.side, one.amount_in) for one in asked(market)] == [
        (Side.SELL, 5),
        (Side.BUY, 10**9),
        (Side.BUY, 7),
    ]


def test_a_swap_that_is_too_late_is_in_no_pool(market: Market) -> None:
    one = swap()
    early = replace(one.submission, deadline_at=BLOCK - timedelta(seconds=1))
    waits(market, replace(one, submission=early))
    assert asked(market) == ()


@pytest.mark.parametrize("changed", [{"symbol": "OTHER"}, {"address": "0x" + "12" * 20}], ids=str)
def test_a_token_that_is_another_by_now_is_not_asked_for(market: Market, changed: Any) -> None:
    waits(market, swap(**changed))
    assert asked(market) == ()


def link(**changed: Any) -> LiveToken:
    """LINK in the pool against WETH that prices it."""
    address = "0x88fb150bdc53a65fe94dea0c9ba0a6daf8c6e196"
    found = LiveToken("LINK", 8453, address, 18, LINK_POOL, "uniswap_v3", 3000, pool_quote="WETH")
    return replace(found, **changed)


def beside(pool: str = FURTHER, kind: str = "uniswap_v3", quote: str = "USDC") -> LiveToken:
    """A further pool of LINK, as sources ask for it."""
    return link(
        symbol=f"LINK@{pool}", pool=pool, pool_kind=kind, pool_fee_pips=500,
        pool_quote=quote, is_further=True,
    )  # fmt: skip


def links(market: Market, *tokens: LiveToken, pool: str = "", side: Side = Side.BUY) -> Any:
    """What is asked for a swap of LINK in a pool as its plan names it."""
    one = swap(side=side, symbol="LINK", address=link().address)
    waits(market, replace(one, plan=replace(one.plan, pool=pool)))
    return asked(market, tokens=(WETH, USDC, *tokens))


def test_a_token_against_another_goes_through_its_pinned_pool(market: Market) -> None:
    (buy,) = links(market, link())
    assert [one.pool for one in buy.way] == [WETH.pool, LINK_POOL]
    assert [one.token_in for one in buy.way] == [USDC.address, WETH.address]
    assert (buy.symbol, buy.pool, buy.way[1].token_out) == ("LINK", "", link().address)
    assert buy.call is not None


def test_a_sale_goes_the_other_way_round(market: Market) -> None:
    (sale,) = links(market, link(), side=Side.SELL)
    assert [one.pool for one in sale.way] == [LINK_POOL, WETH.pool]
    assert [one.token_in for one in sale.way] == [link().address, WETH.address]
    assert sale.way[1].token_out == USDC.address
    assert sale.call is not None


def test_without_a_pool_from_cash_on_the_same_chain_none_is_asked_for(market: Market) -> None:
    assert links(market, link(pool_quote="ELSE")) == ()
    assert links(market, link(price_chain_id=1)) == ()
    assert links(market, link(pool_quote="HOP"), replace(WETH, symbol="HOP")) != ()
    no_way = replace(WETH, symbol="HOP", pool_quote="DAI")
    assert links(market, link(pool_quote="HOP"), no_way) == ()
    # Orders of a token go through the pool that prices what comes between, and no other.
    aside = replace(WETH, symbol="HOP@0x1", is_further=True)
    assert links(market, link(pool_quote="HOP"), aside) == ()


@pytest.mark.parametrize(
    ("quote", "pools"), [("USDC", [FURTHER]), ("WETH", [WETH.pool, FURTHER])], ids=str
)
def test_a_further_pool_is_asked_for_by_its_own_address(
    quote: str, pools: list[str], market: Market
) -> None:
    (found,) = links(market, link(), beside(quote=quote), pool=FURTHER)
    assert [one.pool for one in found.way] == pools
    assert (found.symbol, found.pool, found.way[-1].fee_pips) == ("LINK", FURTHER, 500)


def test_a_further_pool_of_solidly_quotes_itself(market: Market) -> None:
    (found,) = links(market, link(), beside(kind="aerodrome"), pool=FURTHER)
    assert found.call is not None
    assert found.call.target == FURTHER


def test_a_pool_that_is_none_of_the_market_is_not_asked_for(market: Market) -> None:
    other = "0x" + "12" * 20
    assert links(market, link(), beside(), pool=other) == ()
    # Nor is the pinned one under its own name.
    assert links(market, link(), beside(), pool=LINK_POOL) == ()


def test_a_token_without_a_pool_is_not_asked_for(market: Market) -> None:
    waits(market, swap())
    assert asked(market, tokens=(replace(WETH, pool=""),)) == ()
    assert asked(market) != ()


def test_an_account_without_a_running_session_is_left_out(market: Market) -> None:
    session = waits(market, swap())
    assert len(asked(market)) == 1
    controls.stop(session)
    assert asked(market) == ()
