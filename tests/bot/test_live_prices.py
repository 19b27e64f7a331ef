"""Ticks on the real sources, which speak HTTP to an upstream that enforces their limits."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings

from paper_trading.bot import controls
from paper_trading.bot.explanation import Explainer
from paper_trading.bot.replay.verify import verify
from paper_trading.engine import gas
from paper_trading.engine.enums import Stage
from paper_trading.models import (
    Bar,
    MarketToken,
    PaperTrade,
    PriceBatch,
    SourceState,
    TickStatus,
    Token,
)
from paper_trading.services import token_registry
from paper_trading.services.sources import usage
from paper_trading.services.sources.live import market_feed
from tests.bot import live_upstreams, worlds
from tests.bot.live_upstreams import LiveSnapshot, UpstreamWorld, live_upstream
from tests.upstream.rpc import BASE_FEE
from tests.upstream.world import many_world

pytestmark = pytest.mark.django_db


def test_quotes_are_stored_and_trades_are_made(whole_upstream: UpstreamWorld) -> None:
    upstream = whole_upstream
    assert Bar.objects.filter(market=upstream.market, slow=False).count() > 9 * 1_100
    session = worlds.running_session(upstream.market, 10, 15_000)
    last = upstream.ticks(session, 24)
    assert last.status == TickStatus.CLOSED
    batches = PriceBatch.objects.filter(market=upstream.market)
    assert batches.count() == 24
    assert all(batch.quotes.count() == 9 for batch in batches)
    asked = upstream.server
    assert [asked.count("dexscreener", chain) for chain in ("base", "ethereum")] == [24, 24]
    assert asked.count("defillama") == 6
    assert asked.count("geckoterminal") == 0
    assert asked.throttled.total() == 0
    fills = PaperTrade.objects.filter(account=session.account, status="FILLED")
    assert fills.exists()
    assert verify(session.pk).to_the_end


@pytest.mark.parametrize(
    ("count", "of_ticks", "of_checks"),
    [(9, {"base": 1, "ethereum": 1}, 1), (500, {"base": 17, "ethereum": 1}, 3)],
)
def test_a_refresh_asks_for_all_tokens_in_as_few_calls_as_the_limits_allow(
    upstream: UpstreamWorld,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    of_ticks: dict[str, int],
    of_checks: int,
) -> None:
    # A slow machine may need longer than a tick has: what is counted is not how fast it is.
    monkeypatch.setattr(market_feed, "FIRST_SECONDS", 60.0)
    grow(upstream, count)
    asked = upstream.server
    for refreshes in (1, 2):
        upstream.clock.time += live_upstreams.STEP
        session = worlds.running_session(upstream.market, 5, 15_000)
        tick = worlds.run_until(worlds.open_tick(session), Stage.AUTO_CLOSE)
        assert tick.batch is not None
        assert (tick.batch.quotes.count(), tick.batch.missing) == (count, [])
        for chain, calls in of_ticks.items():
            assert asked.count("dexscreener", chain) == refreshes * calls
        # Once a minute, all chains together.
        assert asked.count("defillama") == of_checks
    assert asked.count("geckoterminal") == 0
    assert asked.throttled.total() == 0


def grow(upstream: UpstreamWorld, count: int) -> None:
    """List tokens of Base, each with a pool of its own, until there are so many."""
    market, world = upstream.market, upstream.world
    more = [one for one in many_world(count).tokens if one.symbol.startswith("T")]
    more = more[: count - market.listings.count()]
    tokens = Token.objects.bulk_create(
        Token(
            symbol=one.symbol, chain_id=market.chain_id, decimals=one.decimals,
            price_chain_id=one.chain_id, price_address=one.address, pool_address=one.pool,
            pool_kind=token_registry.POOL_UNISWAP_V3, pool_quote=one.quote, pool_fee_pips=3_000,
        )
        for one in more
    )  # fmt: skip
    MarketToken.objects.bulk_create(MarketToken(market=market, token=token) for token in tokens)
    world.tokens += more
    world.prices |= {one.symbol: Decimal("1.25") for one in more}
    world.series = None


def test_keys_add_checks_at_their_own_pace(
    upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: dict[str, Any] = {"COINGECKO_DEMO_KEY": "CG-1", "ALCHEMY_KEY": "al-2"}
    with live_upstream(monkeypatch, upstream_snapshot, **keys) as upstream:
        upstream.server.keys = {"coingecko": "CG-1", "alchemy": "al-2"}
        session = worlds.running_session(upstream.market, 5, 15_000)
        upstream.ticks(session, 24)
        asked = upstream.server
        assert [asked.count(name) for name in ("defillama", "alchemy")] == [6, 6]
        assert asked.count("coingecko") == 2
        agreed = {one.source: one.agreement_percent for one in usage.statistics(*upstream.today)}
        assert (agreed["alchemy"], agreed["coingecko-demo"], agreed["defillama"]) == (100, 100, 100)


def test_an_rpc_url_for_every_chain_makes_the_chain_the_source_of_ticks(
    upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        live_upstream(monkeypatch, upstream_snapshot, whole=True) as upstream,
        override_settings(
            RPC_URLS={chain: f"{upstream.server.url('rpc')}/{chain}" for chain in (1, 8453)}
        ),
    ):
        session = worlds.running_session(upstream.market, 5, 15_000)
        # Cash comes from elsewhere, at the same step.
        second = upstream.ticks(session, 2)
        assert second.batch is not None
        assert second.batch.source == "onchain+dexscreener"
        blocks = dict(second.batch.quotes.values_list("token__symbol", "block"))
        assert blocks.pop("USDC") is None
        assert all(blocks.values())
        assert {quote.verdict for quote in second.batch.quotes.all()} == {"FRESH"}
        assert second.batch.base_fee_wei == BASE_FEE
        upstream.ticks(session, 4)
        assert upstream.server.throttled.total() == 0
        assert verify(session.pk).to_the_end


def test_fills_on_what_the_chain_told_are_exact_and_replay(
    upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        live_upstream(monkeypatch, upstream_snapshot, whole=True) as upstream,
        override_settings(
            RPC_URLS={chain: f"{upstream.server.url('rpc')}/{chain}" for chain in (1, 8453)}
        ),
    ):
        world = upstream.world
        world.depths["WETH"] = Decimal(80_000_000)
        world.l1_fees = (20 * 10**9, 10**9, 3_000, 900_000)
        session = worlds.running_session(upstream.market, 10, 15_000, use_transaction_manager=False)
        upstream.ticks(session, 3)
        fills = PaperTrade.objects.filter(account=session.account, status="FILLED")
        grades = dict(fills.values_list("token__symbol", "grade"))
        # Against WETH there is a second pool on the way, and both are exact.
        assert (grades["WETH"], grades["LINK"]) == ("B", "B")
        link = fills.get(token__symbol="LINK").transactions.latest("nonce")
        assert link.gas_used == gas.V3_TWO_HOP_GAS
        bought = fills.get(token__symbol="WETH")
        swap = bought.transactions.latest("nonce")
        l1_fee = gas.l1_data_fee_wei(gas.SWAP_BYTES, *world.l1_fees)
        assert (swap.gas_used, swap.l1_fee_wei) == (gas.V3_SWAP_GAS, l1_fee)
        assert swap.fee_wei == swap.gas_used * (BASE_FEE + 1_000_000) + l1_fee
        # The liquidity goes away: more is held than is known to be taken, so a part is sold.
        world.depths["WETH"] = Decimal(90_000)
        upstream.ticks(session, 2)
        controls.request_close(session, bought.token, session.account.owner)
        last = upstream.tick(session)
        (sold,) = last.trades.filter(token=bought.token, side="SELL")
        assert (sold.status, sold.grade, sold.limit) == ("FILLED", "B", "known depth")
        held = session.account.positions.get(token=bought.token, is_open=True)
        assert sold.amount_in is not None
        assert 0 < sold.amount_in < held.bought_units
        assert held.units == held.bought_units - sold.amount_in
        assert verify(session.pk).to_the_end
        explainer = Explainer()
        for thought in explainer.thoughts(session):
            explainer.verify(thought)


def test_a_wrong_key_costs_its_own_source_alone(
    upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_upstream(monkeypatch, upstream_snapshot, ALCHEMY_KEY="wrong") as upstream:
        upstream.server.keys = {"alchemy": "right"}
        session = worlds.running_session(upstream.market, 5, 15_000)
        last = upstream.ticks(session, 10)
        assert last.batch is not None
        assert last.batch.source == "dexscreener"
        assert upstream.server.count("alchemy") == 1
        assert SourceState.objects.get(source="alchemy").reason == "KEY_REFUSED"
