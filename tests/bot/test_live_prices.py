"""Ticks on the real sources, which speak HTTP to an upstream that enforces their limits."""

from collections.abc import Iterator

import pytest

from paper_trading.bot.replay.verify import verify
from paper_trading.models import Bar, PaperTrade, PriceBatch, TickStatus
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld, live_upstream

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[UpstreamWorld]:
    with live_upstream(monkeypatch) as found:
        yield found


def test_a_market_begins_with_its_past(live: UpstreamWorld) -> None:
    assert live.market.head_step >= 0
    assert Bar.objects.filter(market=live.market, slow=False).count() > 9 * 1900
    assert live.upstream.throttled.total() == 0


def test_quotes_are_stored_and_trades_are_made(live: UpstreamWorld) -> None:
    session = worlds.running_session(live.market, 10, 15_000)
    before = live.upstream.count("dexscreener")
    last = live.ticks(session, 24)
    assert last.status == TickStatus.CLOSED
    batches = PriceBatch.objects.filter(market=live.market)
    assert batches.count() == 24
    assert all(batch.quotes.count() == 9 for batch in batches)
    assert live.upstream.count("dexscreener", "base") - before >= 24
    fills = PaperTrade.objects.filter(account=session.account, status="FILLED")
    assert fills.exists()
    assert live.upstream.throttled.total() == 0
    assert verify(session.pk).to_the_end
