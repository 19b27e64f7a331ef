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


def test_a_swap_in_another_pool_than_the_pinned_one_is_not_asked_for(market: Market) -> None:
    one = swap()
    waits(market, replace(one, plan=replace(one.plan, pool="0x" + "12" * 20)))
    assert asked(market) == ()


def test_a_token_without_a_pool_is_not_asked_for(market: Market) -> None:
    waits(market, swap())
    assert asked(market, tokens=(replace(WETH, pool=""),)) == ()
    assert asked(market) != ()


def test_an_account_without_a_running_session_is_left_out(market: Market) -> None:
    session = waits(market, swap())
    assert len(asked(market)) == 1
    controls.stop(session)
    assert asked(market) == ()
