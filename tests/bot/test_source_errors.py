"""A defect in one source's reader: the tick goes on with the next, and people see the traceback."""

from typing import Any

import pytest

from paper_trading.bot import checkup
from paper_trading.bot.findings import Trouble
from paper_trading.engine.enums import PriceVerdict, Stage
from paper_trading.models import InternalError, SourceState, TickStatus
from paper_trading.services import clock, internal_errors, live_markets
from paper_trading.services.feed_view import feed_view
from paper_trading.services.sources import usage
from paper_trading.services.sources.live.defillama import DefiLlama
from paper_trading.services.sources.live.dexscreener import DexScreener
from paper_trading.services.sources.live.geckoterminal import GeckoTerminal
from tests.bot import worlds
from tests.bot.live_upstreams import UpstreamWorld

pytestmark = [pytest.mark.django_db, pytest.mark.internal_errors]


def broken(*_: Any) -> Any:
    raise KeyError("priceUsd")


def test_a_reader_that_raises_costs_its_source_the_refresh_alone(
    upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = worlds.running_session(upstream.market, 10, 15_000)
    upstream.ticks(session, 2)
    monkeypatch.setattr(DexScreener, "read", broken)
    tick = upstream.tick(session)
    assert tick.status == TickStatus.CLOSED
    assert tick.batch is not None
    assert tick.batch.source == "geckoterminal"
    view = feed_view(upstream.market, clock.now())
    assert view is not None
    assert (view.state, {one.verdict for one in view.tokens}) == ("stand-in", {PriceVerdict.FRESH})
    assert view.stands_in == "geckoterminal stands in for dexscreener"
    # One of each price chain.
    kept = list(InternalError.objects.all())
    assert [(one.tick_id, one.stage) for one in kept] == [(tick.pk, Stage.PRICES)] * 2
    assert {str(one) for one in kept} == {"prices: KeyError: 'priceUsd'"}
    assert all("in broken" in one.traceback for one in kept)
    assert "source failed inside: dexscreener" in caplog.text
    assert SourceState.objects.get(source="dexscreener").reason == "INTERNAL_ERROR"
    errors = {one.source: one.errors for one in usage.statistics(*upstream.today)}
    assert errors["dexscreener"] == {"INTERNAL_ERROR": 2}
    (finding,) = (
        one
        for one in checkup.internal_errors(upstream.clock.time)
        if one.trouble is Trouble.INTERNAL_ERROR
    )
    assert "KeyError: 'priceUsd'" in finding.what


def test_a_source_that_cannot_write_its_requests_cools_down_and_is_told_once(
    upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = worlds.running_session(upstream.market, 10, 15_000)
    monkeypatch.setattr(DexScreener, "requests", broken)
    ticks = [upstream.tick(session) for _ in range(3)]
    assert [tick.batch and tick.batch.source for tick in ticks] == ["geckoterminal"] * 3
    assert [one.tick_id for one in InternalError.objects.all()] == [ticks[0].pk]
    state = SourceState.objects.get(source="dexscreener")
    assert (state.reason, state.failures) == ("INTERNAL_ERROR", 1)
    assert state.cooling_until is not None
    assert state.cooling_until > upstream.clock.time
    errors = {one.source: one.errors for one in usage.statistics(*upstream.today)}
    assert errors["dexscreener"] == {"INTERNAL_ERROR": 1}


def test_a_source_that_writes_its_requests_again_serves_after_its_cool_down(
    upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = worlds.running_session(upstream.market, 10, 15_000)
    with monkeypatch.context() as patched:
        patched.setattr(DexScreener, "requests", broken)
        upstream.tick(session)
    sources = [tick.batch and tick.batch.source for tick in (upstream.tick(session, 76),)]
    assert sources == ["dexscreener"]
    assert InternalError.objects.count() == 1


def test_when_no_reader_works_nothing_is_traded_and_the_page_says_where_to_look(
    upstream: UpstreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = worlds.running_session(upstream.market, 10, 15_000)
    for source in (DexScreener, GeckoTerminal, DefiLlama):
        monkeypatch.setattr(source, "read", broken)
    tick = upstream.tick(session)
    assert tick.status == TickStatus.CLOSED
    assert tick.batch is not None
    assert set(tick.batch.reasons.values()) == {"INTERNAL_ERROR"}
    view = feed_view(upstream.market, clock.now())
    assert view is not None
    assert view.state == "down"
    assert "internal errors" in view.advice


def test_what_fails_inside_apart_from_ticks_is_kept_without_one(upstream: UpstreamWorld) -> None:
    caller = live_markets.caller()
    caller.isolated("dexscreener", None, broken)
    kept = InternalError.objects.get()
    assert (kept.tick_id, kept.stage) == (None, Stage.PRICES)


def test_a_traceback_with_a_nul_is_kept_without_it(upstream: UpstreamWorld) -> None:
    internal_errors.keep(None, Stage.PRICES, "ValueError: \0 is no price")
    assert InternalError.objects.get().traceback == "ValueError:  is no price"
