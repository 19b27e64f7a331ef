"""Live prices end to end: `up` on an upstream, and two hundred sessions that share each call."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from paper_trading.bot import progress
from paper_trading.engine.enums import Stage
from paper_trading.models import PriceBatch, TickStage
from paper_trading.services import back_fill, live_markets, market_setup, redis_client
from tasks.sending import send
from tests.bot import live_upstreams, worlds
from tests.e2e.stack import command, environment, up, wait_for
from tests.e2e.workers import threads
from tests.upstream.server import Upstream
from tests.upstream.world import registry_world

pytestmark = pytest.mark.stack
SESSIONS = 200
#: A port that nobody listens on.
NOWHERE = "http://127.0.0.1:9/none"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Every provider, on the real clock."""
    world = registry_world(live_upstreams.CHAIN_ID)
    world.series = live_upstreams.waves
    with Upstream(world) as found:
        yield found


def variables(upstream: Upstream) -> dict[str, str]:
    """Return the environment that sends `up` to the upstream."""
    urls = {f"DEX_{one.upper()}_URL": upstream.url(one) for one in live_upstreams.SOURCES}
    return {**urls, "DEX_ALLOW_PRIVATE_SOURCES": "1"}


def test_up_trades_on_live_prices_and_replays_identical(upstream: Upstream, tmp_path: Path) -> None:
    options = ["--interval", "5", "--ticks", "4", "--levels", "5,10"]
    with up(tmp_path, *options, extra=variables(upstream)) as running:
        assert running.end() == 0, running.said
        report = running.report()
    assert [one["closed"] for one in report["sessions"]] == [4, 4]
    assert report["ledger_ok"]
    assert report["internal_errors"] == 0
    batches = report["price_batches"]
    assert 4 <= batches <= 6
    # The past is asked for depths, too: one call more.
    asked = {upstream.count("dexscreener", chain) for chain in ("base", "ethereum")}
    assert asked <= {batches, batches + 1}
    assert upstream.throttled.total() == 0
    for session in report["sessions"]:
        words = ("manage", "--data", str(running.data), "replay", "--verify", "--session")
        replayed = subprocess.run(
            command(*words, str(session["session"])),
            cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "identical" in replayed.stdout, replayed.stderr


def test_up_without_a_network_trades_nothing_and_says_so(tmp_path: Path) -> None:
    nowhere = {f"DEX_{one.upper()}_URL": NOWHERE for one in live_upstreams.SOURCES}
    extra = {**nowhere, "DEX_ALLOW_PRIVATE_SOURCES": "1"}
    with up(tmp_path, "--interval", "1", extra=extra) as running:
        running.wait_until_it_runs()
        query = "SELECT count(*) FROM paper_trading_tick WHERE reason = 'NO_PRICES'"
        wait_for(lambda: running.rows(query)[0][0] > 2, "ticks are skipped")
        assert running.rows("SELECT count(*) FROM paper_trading_papertrade") == [(0,)]
        assert "UNREACHABLE" in (running.data / "logs" / "worker.log").read_text()
        assert running.interrupt() == 0


@pytest.mark.django_db(transaction=True)
def test_two_hundred_sessions_share_one_call_a_source_and_chain(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_fill, "LENGTH", timedelta(hours=1))
    with override_settings(**live_upstreams.settings_of(upstream)):
        live_markets.forget()
        redis_client.client(settings.CACHE_DB).flushdb()
        market_setup.sync_registry()
        market = live_markets.live_market(live_upstreams.CHAIN_ID)
        upstream.calls.clear()
        sessions = [worlds.running_session(market, 5, worlds.HOUR_MS) for _ in range(SESSIONS)]
        ticks = [worlds.open_tick(session) for session in sessions]
        with threads(concurrency=4):
            for tick in ticks:
                send(progress.next_steps(tick.pk))
            wait_for(lambda: priced() == SESSIONS, "all have their prices")
        live_markets.forget()
    batches = PriceBatch.objects.filter(market=market).count()
    steps = {tick.step for tick in ticks}
    assert 1 <= batches <= len(steps)
    for chain in ("base", "ethereum"):
        assert upstream.count("dexscreener", chain) == batches
    assert upstream.count("defillama") <= 2
    assert upstream.count("geckoterminal") == 0


def priced() -> int:
    return TickStage.objects.filter(stage=Stage.PRICES).count()
