"""Swaps on their way settled by the chain's own quoter, over HTTP and through real stages."""

from decimal import Decimal
from fractions import Fraction

import pytest

from paper_trading.bot import controls
from paper_trading.bot.explanation import Explainer
from paper_trading.bot.replay.checks import Mismatch
from paper_trading.bot.replay.verify import verify
from paper_trading.engine import gas
from paper_trading.intelligence.said_quotes import CHAIN_QUOTES
from paper_trading.models import PaperTrade, PaperTradingSession, PriceBatch, Token
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld
from tests.upstream.quoters import PATH, SINGLE

pytestmark = pytest.mark.django_db


def managed(upstream: UpstreamWorld) -> PaperTradingSession:
    return worlds.running_session(upstream.market, 10, 15_000, use_transaction_manager=True)


def fills(session: PaperTradingSession) -> dict[str, PaperTrade]:
    """Return the first fill of each token that was filled."""
    found = PaperTrade.objects.filter(account=session.account, status="FILLED")
    return {one.token.symbol: one for one in found.select_related("token").order_by("-pk")}


def test_a_pending_swap_fills_at_what_the_chain_quoted_and_replays(noded: UpstreamWorld) -> None:
    # No model of ours says this.
    noded.world.quoter_factor = Fraction(9_971, 10_000)
    session = managed(noded)
    # The first price of a market is waited for.
    sent = noded.ticks(session, 2)
    session.account.refresh_from_db()
    assert session.account.pending
    assert sent.batch is not None
    assert CHAIN_QUOTES not in (sent.batch.said or {})
    told = noded.tick(session)
    assert told.batch is not None
    assert told.batch.said is not None
    assert told.batch.said[CHAIN_QUOTES]
    found = fills(session)
    weth = found["WETH"]
    assert weth.grade == "A"
    said = {(symbol, side, paid): out for symbol, side, paid, out in noded.world.quoted}
    assert weth.amount_in is not None
    assert weth.amount_out == said["WETH", "BUY", int(weth.amount_in)]
    # So does what goes through the pool of WETH. All is asked for in the call for pools.
    link = found["LINK"]
    assert link.grade == "A"
    assert link.amount_in is not None
    assert link.amount_out is not None
    # The chain does not know what the account's own buy of WETH has just left in that pool.
    kept = Decimal(link.amount_out) / said["LINK", "BUY", int(link.amount_in)]
    assert Decimal("0.9998") < kept < 1
    assert noded.server.count("rpc", "8453") == 3
    noded.ticks(session, 6)
    assert verify(session.pk).to_the_end
    explainer = Explainer()
    for thought in explainer.thoughts(session):
        explainer.verify(thought)


def test_what_was_bought_through_two_pools_is_sold_at_what_the_chain_quotes(
    noded: UpstreamWorld,
) -> None:
    noded.world.quoter_factor = Fraction(9_971, 10_000)
    session = worlds.running_session(
        noded.market, 10, 15_000, use_transaction_manager=True, allowed_tokens=["LINK"]
    )
    noded.ticks(session, 3)
    bought = fills(session)["LINK"]
    held = bought.token
    controls.request_close(session, held, session.account.owner)
    noded.ticks(session, 3)
    sale = PaperTrade.objects.get(account=session.account, status="FILLED", side="SELL")
    assert (sale.token, sale.grade) == (held, "A")
    assert sale.transactions.latest("nonce").gas_used == gas.V3_TWO_HOP_GAS
    assert sale.amount_in is not None
    said = {(symbol, side, paid): out for symbol, side, paid, out in noded.world.quoted}
    assert sale.amount_out == said["LINK", "SELL", int(sale.amount_in)]
    assert bought.amount_in is not None
    assert (bought.grade, bought.amount_out) == ("A", said["LINK", "BUY", int(bought.amount_in)])
    assert verify(session.pk).to_the_end


def test_a_changed_quote_is_found_by_the_replay(noded: UpstreamWorld) -> None:
    session = managed(noded)
    noded.ticks(session, 3)
    batch = PriceBatch.objects.filter(said__has_key=CHAIN_QUOTES).earliest("step")
    assert batch.said is not None
    row = batch.said[CHAIN_QUOTES][0]
    row[4] = str(int(row[4]) + 1)
    batch.save(update_fields=["said"])
    with pytest.raises(Mismatch, match="said"):
        verify(session.pk)


def test_accounts_that_wait_for_one_swap_ask_for_it_once(noded: UpstreamWorld) -> None:
    first, second = managed(noded), managed(noded)
    for _ in range(3):
        noded.tick(first)
        noded.tick(second, seconds=0)
    bought = [fills(one)["WETH"] for one in (first, second)]
    assert len({one.amount_out for one in bought}) == 1
    assert [one.grade for one in bought] == ["A", "A"]
    asked = [one for one in noded.world.quoted if one[:2] == ("WETH", "BUY")]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("silent", "grades"), [({SINGLE}, "BA"), ({PATH}, "AB"), ({SINGLE, PATH}, "BB")], ids=str
)
def test_a_quoter_that_reverts_leaves_the_pools_to_tell(
    silent: set[str], grades: str, noded: UpstreamWorld
) -> None:
    noded.world.silent |= silent
    session = managed(noded)
    noded.ticks(session, 3)
    found = fills(session)
    assert found["WETH"].grade + found["LINK"].grade == grades
    asked = {symbol for symbol, *_ in noded.world.quoted}
    assert ("WETH" in asked, "LINK" in asked) == (SINGLE not in silent, PATH not in silent)
    assert verify(session.pk).to_the_end


@pytest.mark.parametrize(
    ("symbol", "kind", "grades"),
    [
        # Pools that Uniswap's quoter would not find, or does not know the curve of.
        ("WETH", "pancakeswap_v3", "BB"),
        ("LINK", "pancakeswap_v3", "AB"),
        ("LINK", "uniswap_v2", "AB"),
    ],
)
def test_two_pools_are_asked_for_when_both_are_those_of_the_factory(
    symbol: str, kind: str, grades: str, noded: UpstreamWorld
) -> None:
    Token.objects.filter(symbol=symbol, listings__market=noded.market).update(pool_kind=kind)
    session = managed(noded)
    noded.ticks(session, 3)
    found = fills(session)
    assert found["WETH"].grade + found["LINK"].grade == grades
    assert "LINK" not in {one for one, *_ in noded.world.quoted}
    assert verify(session.pk).to_the_end


@pytest.mark.parametrize("factor", [Fraction(10**30), Fraction(0)])
def test_an_absurd_answer_leaves_the_pool_to_tell(noded: UpstreamWorld, factor: Fraction) -> None:
    noded.world.quoter_factor = factor
    session = managed(noded)
    noded.ticks(session, 3)
    assert {"WETH", "LINK"} <= {symbol for symbol, *_ in noded.world.quoted}
    assert {fills(session)[symbol].grade for symbol in ("WETH", "LINK")} == {"B"}
    assert verify(session.pk).to_the_end


def test_an_account_that_is_not_running_is_not_asked_for(noded: UpstreamWorld) -> None:
    stopped, other = managed(noded), managed(noded)
    noded.ticks(stopped, 2)
    stopped.account.refresh_from_db()
    assert stopped.account.pending
    controls.stop(stopped)
    noded.tick(other)
    assert noded.world.quoted == []
