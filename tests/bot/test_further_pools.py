"""A further pool of a token, read over HTTP beside the pinned one, and orders through it."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest
from django.test import override_settings

from paper_trading.bot.explanation import Explainer
from paper_trading.bot.replay.verify import verify
from paper_trading.engine import gas
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side
from paper_trading.intelligence.said_quotes import CHAIN_QUOTES
from paper_trading.models import PaperTrade, Tick, Token
from paper_trading.services import live_markets
from paper_trading.services.dex_router_service import get_dex_router
from tests.bot import worlds
from tests.bot.further_pools import BASE, POOL, listed, priced
from tests.bot.live_upstreams import LiveSnapshot, UpstreamWorld, live_upstream

pytestmark = pytest.mark.django_db

#: What Uniswap's factory makes of LINK and a fee of 500: with USDC, and with WETH.
STRAIGHT = "0x6c79527d387dd5c0579080374e65d3b4f711719b"
ROUND = "0x8e558705f41878d2ddff22e602340586b5398661"


@pytest.fixture
def upstream(
    upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UpstreamWorld]:
    with live_upstream(monkeypatch, upstream_snapshot, whole=True) as found:
        yield found


def beside(tick: Tick, symbol: str = "LINK") -> list[str]:
    """Return the further pools that a tick's quote of a token names."""
    assert tick.batch is not None
    return [row[0] for row in tick.batch.quotes.get(token__symbol=symbol).others or []]


def test_it_is_read_in_the_same_call_and_orders_go_through_it(upstream: UpstreamWorld) -> None:
    token = listed(upstream)
    session = worlds.running_session(
        upstream.market, 10, 15_000, use_transaction_manager=False, allowed_tokens=["LINK", "WETH"]
    )
    # Nothing is trusted before a second reading.
    upstream.tick(session)
    calls = upstream.server.count("dexscreener", "base")
    first = upstream.tick(session)
    assert beside(first) == [POOL]
    assert beside(first, "WETH") == []
    # It takes a place in the call that is made anyway.
    assert upstream.server.count("dexscreener", "base") == calls + 1
    upstream.ticks(session, 2)
    fill = PaperTrade.objects.filter(account=session.account, status="FILLED", token=token).first()
    assert fill is not None
    assert (fill.pool, fill.grade) == (POOL, "C")
    # One pool, and its fee: it is against cash.
    assert fill.transactions.latest("nonce").gas_used == gas.V3_SWAP_GAS
    assert fill.amount_in is not None
    paid = Decimal(fill.amount_in).scaleb(-6)
    assert abs(fill.fee_usd - paid * Decimal("0.0005")) < Decimal("1e-6")
    assert verify(session.pk).to_the_end
    explainer = Explainer()
    for thought in explainer.thoughts(session):
        explainer.verify(thought)


def test_people_are_told_the_way_that_orders_take(upstream: UpstreamWorld) -> None:
    token = listed(upstream)
    session = worlds.running_session(upstream.market, 10, 15_000)
    upstream.ticks(session, 2)
    found = get_dex_router(upstream.market).routes("LINK", Side.BUY, Decimal(1_000))
    assert found.code is Code.OK
    ways = [[pool.address for pool in one.pools] for one in found.routes]
    weth = Token.objects.get(symbol="WETH", listings__market=upstream.market)
    assert ways == [[POOL], [weth.pool_address.lower(), token.pool_address.lower()]]


def test_pending_orders_are_told_by_it(upstream: UpstreamWorld) -> None:
    token = listed(upstream)
    session = worlds.running_session(
        upstream.market, 10, 15_000, use_transaction_manager=True, allowed_tokens=["LINK"]
    )
    upstream.ticks(session, 4)
    fill = PaperTrade.objects.filter(account=session.account, status="FILLED", token=token).first()
    assert fill is not None
    assert fill.pool == POOL
    assert fill.included_market_time is not None
    assert verify(session.pk).to_the_end


def test_where_a_node_tells_depth_it_does_so_of_further_pools(upstream: UpstreamWorld) -> None:
    token = listed(upstream)
    urls = {chain: f"{upstream.server.url('rpc')}/{chain}" for chain in (1, BASE)}
    with override_settings(RPC_URLS=urls):
        session = worlds.running_session(
            upstream.market, 10, 15_000, use_transaction_manager=False, allowed_tokens=["LINK"]
        )
        upstream.ticks(session, 3)
    fill = PaperTrade.objects.filter(account=session.account, status="FILLED", token=token).first()
    assert fill is not None
    assert (fill.pool, fill.grade) == (POOL, "B")
    assert verify(session.pk).to_the_end


@pytest.mark.parametrize(
    ("pool", "quote", "grade"), [(STRAIGHT, "USDC", "A"), (ROUND, "WETH", "A"), (POOL, "USDC", "B")]
)
def test_pending_orders_fill_at_what_the_chain_quotes_of_it(
    pool: str, quote: str, grade: str, upstream: UpstreamWorld
) -> None:
    token = listed(upstream, pool=pool, quote=quote)
    upstream.world.quoter_factor = Fraction(9_971, 10_000)
    urls = {chain: f"{upstream.server.url('rpc')}/{chain}" for chain in (1, BASE)}
    with override_settings(RPC_URLS=urls):
        session = worlds.running_session(
            upstream.market, 10, 15_000, use_transaction_manager=True, allowed_tokens=["LINK"]
        )
        told = upstream.ticks(session, 3)
    fill = PaperTrade.objects.filter(account=session.account, status="FILLED", token=token).first()
    assert fill is not None
    assert (fill.pool, fill.grade) == (pool, grade)
    assert fill.amount_in is not None
    quoted = [("LINK2", "BUY", int(fill.amount_in), int(fill.amount_out or 0))]
    assert upstream.world.quoted == (quoted if grade == "A" else [])
    assert told.batch is not None
    rows = (told.batch.said or {}).get(CHAIN_QUOTES, [])
    # Kept under the name that the plan has for it.
    assert [row[-1] for row in rows] == [pool] * (grade == "A")
    assert verify(session.pk).to_the_end


@pytest.mark.parametrize("factor", ["0.97", "1.03"])
def test_one_of_another_price_is_no_way(upstream: UpstreamWorld, factor: str) -> None:
    listed(upstream)
    upstream.world.series = lambda symbol, at: (
        priced(symbol, at) * (Decimal(factor) if symbol == "LINK2" else 1)
    )
    session = worlds.running_session(upstream.market, 10, 15_000)
    assert beside(upstream.ticks(session, 2)) == []
    assert verify(session.pk).to_the_end


def test_one_that_is_gone_is_no_way_and_costs_nothing(upstream: UpstreamWorld) -> None:
    listed(upstream)
    session = worlds.running_session(upstream.market, 10, 15_000)
    assert beside(upstream.ticks(session, 2)) == [POOL]
    upstream.world.gone.add("LINK2")
    tick = upstream.tick(session)
    assert beside(tick) == []
    assert tick.batch is not None
    assert tick.batch.missing == []
    assert tick.batch.reasons == {}
    assert upstream.server.count("geckoterminal") == 0


def test_a_further_pool_is_asked_for_under_a_name_of_its_own(upstream: UpstreamWorld) -> None:
    listed(upstream)
    (found,) = live_markets.further_pools(upstream.market, ["LINK", "WETH"])
    assert (found.symbol, found.pool, found.pool_fee_pips) == (f"LINK@{POOL}", POOL, 500)
    assert found.is_further
    assert not found.is_cash
    assert live_markets.further_pools(upstream.market, ["WETH"]) == []
