"""Ticks on the real sources, which speak HTTP to an upstream that enforces their limits."""

import pytest

from paper_trading.bot.replay.verify import verify
from paper_trading.models import Bar, PaperTrade, PriceBatch, TickStatus
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld

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
