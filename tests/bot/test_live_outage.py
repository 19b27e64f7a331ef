"""An hour without the source of ticks: who stands in, what is told, and what is not traded on."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from paper_trading.bot import feed_events
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.trust import OLDEST
from paper_trading.models import Tick, TickStatus
from tests.bot import test_live_faults as faults
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld, waves
from tests.upstream.faults import Fault

pytestmark = pytest.mark.django_db
#: An hour: some steps on end, then such that a cache of a minute is met at every age.
OUTAGE_SECONDS = [15] * 4 + [115] * 30 + [15] * 6
#: The ticks meanwhile at which the stand-in's cache has stood still for too long. Prices fall as
#: that begins, by so much that what is held is to be sold.
STUCK = range(16, 19)


def fallen(symbol: str, at: datetime) -> Decimal:
    factor = Decimal(1) if symbol in ("USDC", "DAI") else Decimal("0.93")
    return waves(symbol, at) * factor


def test_an_hour_without_the_tick_source_costs_no_tick(
    whole_upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(feed_events, "publish_on_commit", lambda _, event: told.append(event))
    upstream = whole_upstream
    upstream.world.cache_seconds = 60
    session = worlds.running_session(upstream.market, 10, 15_000, stop_loss_percent=Decimal(5))
    upstream.ticks(session, 11)
    assert session.account.positions.filter(is_open=True).exists()
    told.clear()
    upstream.server.misbehave("dexscreener", Fault.RESET)
    for number, seconds in enumerate(OUTAGE_SECONDS):
        upstream.world.cache_seconds = 1_200 if number in STUCK else 60
        if number == STUCK.start:
            upstream.world.series = fallen
        tick = upstream.tick(session, seconds)
        assert tick.status == TickStatus.CLOSED
        assert tick.batch is not None
        assert tick.batch.source == "geckoterminal"
        assert (age_of(tick, upstream) > OLDEST) == (number in STUCK)
        assert number not in STUCK or not faults.traded(tick)
        assert number != STUCK.stop or faults.traded(tick)
    assert [one["kind"] for one in told] == ["degraded", "degraded", "recovered"]
    assert told[0]["text"] == "dexscreener does not serve the prices: geckoterminal stands in."
    assert told[1]["tokens"] == told[2]["tokens"] == faults.EVERYTHING
    upstream.server.behave()
    tick = upstream.tick(session)
    assert tick.batch is not None
    assert tick.batch.source == "dexscreener"
    assert set(faults.verdicts(upstream).values()) == faults.FRESH
    assert told[3:] == [{**told[0], "kind": "recovered", "text": told[3]["text"]}]
    assert told[3]["text"] == "dexscreener serves the prices again."
    assert upstream.server.throttled.total() == 0
    assert verify(session.pk).to_the_end


def test_an_outlier_in_a_cache_that_tells_no_age_is_never_traded_on(
    whole_upstream: UpstreamWorld,
) -> None:
    upstream, world = whole_upstream, whole_upstream.world
    session = worlds.running_session(upstream.market, 10, 15_000)
    upstream.ticks(session, 11)
    upstream.server.misbehave("dexscreener", Fault.RESET)
    world.cache_seconds, world.tells_age = 60, False
    upstream.ticks(session, 8)
    assert set(faults.verdicts(upstream).values()) == faults.FRESH
    world.series = lambda symbol, at: waves(symbol, at) / (2 if symbol == "LINK" else 1)
    _into_a_new_cache(upstream)
    upstream.tick(session, 0.5)
    # What follows comes from the same cache.
    world.series = waves
    jumped = [faults.verdicts(upstream)["LINK"]]
    for _ in range(3):
        tick = upstream.tick(session)
        jumped.append(faults.verdicts(upstream)["LINK"])
        assert "LINK" not in faults.traded(tick)
    assert jumped == ["JUMP"] * 4
    upstream.tick(session)
    assert faults.verdicts(upstream)["LINK"] == "FRESH"
    assert verify(session.pk).to_the_end


def _into_a_new_cache(upstream: UpstreamWorld) -> None:
    """Let time pass until the stand-in's cache has just begun."""
    seconds = upstream.clock.time.timestamp()
    upstream.clock.time += timedelta(seconds=60 - seconds % 60)


def age_of(tick: Tick, upstream: UpstreamWorld) -> timedelta:
    """Return how old a tick's prices say they are, which is how old the stand-in's cache is."""
    assert tick.batch is not None
    said = min(quote.observed_at for quote in tick.batch.quotes.all())
    # An answer takes a moment to come.
    assert timedelta(0) <= said - upstream.world.cached().now() < timedelta(seconds=5)
    return tick.batch.market_time - said


def test_an_outage_of_all_sources_tells_of_none(
    upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(feed_events, "publish_on_commit", lambda _, event: told.append(event))
    session = worlds.running_session(upstream.market, 10, 15_000)
    upstream.ticks(session, 2)
    told.clear()
    upstream.server.misbehave("dexscreener", Fault.RESET)
    upstream.tick(session)
    upstream.server.misbehave("geckoterminal", Fault.RESET)
    upstream.ticks(session, 2)
    of_sources = [one["text"] for one in told if not one["tokens"]]
    stands_in = "dexscreener does not serve the prices: geckoterminal stands in."
    assert of_sources == [stands_in]
    upstream.server.behave()
    for _ in range(40):
        tick = upstream.tick(session)
        assert tick.batch is not None
        if set(faults.verdicts(upstream).values()) == faults.FRESH:
            break
    of_sources = [one["text"] for one in told if not one["tokens"]]
    assert of_sources[1:] == ["dexscreener serves the prices again."]
