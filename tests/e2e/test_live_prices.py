"""Live prices end to end: `up` on an upstream, and two hundred sessions that share each call."""

import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import F
from django.test import override_settings

from paper_trading.bot import opening, progress
from paper_trading.models import Market, PaperTradingSession, PriceBatch, Tick
from paper_trading.services import back_fill, clock, live_markets, market_setup, redis_client
from paper_trading.services.price_feed_service import live_step_of
from tasks import sending
from tasks.sending import send
from tests.bot import live_upstreams, worlds
from tests.e2e import workers
from tests.e2e.stack import PATIENCE_SECONDS, command, environment, up, wait_for
from tests.upstream.server import Upstream
from tests.upstream.world import registry_world

pytestmark = pytest.mark.stack
SESSIONS = 200
#: Of the next refresh.
LATER = 20
PROCESSES = 4
HOUR = timedelta(hours=1)
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
def test_two_hundred_sessions_in_four_processes_share_one_call_a_source_and_chain(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_fill, "LENGTH", HOUR)
    # There is no sweep that would send again what a slow machine lets expire.
    monkeypatch.setattr(sending, "EXPIRES_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setenv("DEX_WORKER_CONCURRENCY", str(PROCESSES))
    with override_settings(OPEN_TICKS=10_000, **live_upstreams.settings_of(upstream)):
        live_markets.forget()
        redis_client.client(settings.CACHE_DB).flushdb()
        market_setup.sync_registry()
        market = live_markets.live_market(live_upstreams.CHAIN_ID)
        sessions = [
            worlds.running_session(market, 5, worlds.HOUR_MS).pk for _ in range(SESSIONS + LATER)
        ]
        upstream.calls.clear()
        # Behind the prices each session is on its own: analysis stays in its queue.
        with workers.processes(tmp_path, variables(upstream), "ticks"):
            priced(sessions[:SESSIONS])
            assert len(workers.tasks_by_process()) == PROCESSES
            first = PriceBatch.objects.get(market=market)
            assert calls(upstream) == {"base": 1, "ethereum": 1, "": 1}
            wait_for(lambda: this_step(market) > first.step, "the next step is due")
            priced(sessions[SESSIONS:])
        live_markets.forget()
    assert PriceBatch.objects.filter(market=market).count() == 2
    # The check is asked once a minute, however long that was.
    assert calls(upstream) in ({"base": 2, "ethereum": 2, "": n} for n in (1, 2))


def calls(upstream: Upstream) -> dict[str, int]:
    """Return all calls: those of the tick source by its chains, those of the check by none."""
    assert {source for source, _, _ in upstream.calls} == {"dexscreener", "defillama"}
    found: Counter[str] = Counter()
    for (_, _, chain), number in upstream.calls.items():
        found[chain] += number
    return dict(found)


def this_step(market: Market) -> int:
    return live_step_of(clock.now(), market.step_seconds)


def priced(sessions: Sequence[int]) -> None:
    """Let the slots of sessions be due at once, and wait until all their ticks have prices."""
    found = PaperTradingSession.objects.filter(pk__in=sessions)
    found.update(last_slot=F("last_slot") - 1)
    opened = opening.open_due_ticks()
    ticks = Tick.objects.filter(pk__in=opened)
    # The slot of an hour may be about to end.
    ticks.update(deadline_at=F("deadline_at") + HOUR)
    for tick_id in opened:
        send(progress.next_steps(tick_id))
    assert len(opened) == len(sessions)
    wait_for(lambda: not ticks.filter(batch=None).exists(), "all have their prices", every=0.5)
    assert ticks.values("step").distinct().count() == 1
