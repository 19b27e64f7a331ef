"""A generated market for the bot's tests: folded once a run, put back for each test."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from paper_trading.models import Market
from paper_trading.services import market_setup
from tests.bot import live_upstreams, live_worlds, worlds
from tests.bot.live_upstreams import LiveSnapshot, UpstreamWorld, live_upstream
from tests.bot.live_worlds import FakeClock, LiveWorld, ScriptedFeed
from tests.bot.worlds import Snapshot


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A price file of seven tokens."""
    return worlds.write_record(tmp_path_factory.mktemp("record") / "prices.csv")


@pytest.fixture(scope="session")
def snapshot(record: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Snapshot:
    """The back-filled market of the record, as rows."""
    with django_db_blocker.unblock(), transaction.atomic():
        found = Snapshot.of(market_setup.recorded_market(record))
        transaction.set_rollback(True)
    return found


@pytest.fixture(scope="session")
def whole(record: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Snapshot:
    """The back-filled market of the record with all of its bars, as rows."""
    with django_db_blocker.unblock(), transaction.atomic():
        found = Snapshot.of(market_setup.recorded_market(record), whole=True)
        transaction.set_rollback(True)
    return found


@pytest.fixture
def whole_market(db: None, whole: Snapshot) -> Market:
    """The generated market with all of its bars: a replay reads the whole back-fill."""
    return whole.restore()


@pytest.fixture
def market(db: None, snapshot: Snapshot) -> Market:
    """The back-filled market."""
    return snapshot.restore()


@pytest.fixture
def committed_market(transactional_db: None, snapshot: Snapshot) -> Market:
    """The back-filled market where every thread sees it."""
    return snapshot.restore()


@pytest.fixture(scope="session")
def live_snapshot(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Snapshot:
    """The back-filled market of a record in the year 2100, as rows."""
    path = tmp_path_factory.mktemp("live") / "prices.csv"
    worlds.write_record(path, tail=1, start=live_worlds.START)
    with django_db_blocker.unblock(), transaction.atomic():
        found = Snapshot.of(market_setup.recorded_market(path), whole=True)
        transaction.set_rollback(True)
    return found


@pytest.fixture
def live(db: None, live_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> LiveWorld:
    """A live market behind its back-fill, at its last prices."""
    clock = FakeClock()
    clock.install(monkeypatch)
    market = live_worlds.made_live(live_snapshot.restore())
    return LiveWorld(market, ScriptedFeed(live_worlds.last_prices(market)), clock)


@pytest.fixture(scope="session")
def upstream_snapshot(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> LiveSnapshot:
    """A live market that began with the past which its sources tell, as rows."""
    undone = transaction.atomic()
    # As in a test: what is durable inside is so for everybody but the test.
    setattr(undone, "_from_testcase", True)  # noqa: B010
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), undone:
        found = LiveSnapshot.make(patch)
        transaction.set_rollback(True)
    return found


@pytest.fixture
def upstream(
    db: None, upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UpstreamWorld]:
    """A live market on the real sources, asked of an upstream that enforces their limits."""
    with live_upstreams.live_upstream(monkeypatch, upstream_snapshot) as found:
        yield found


@pytest.fixture
def whole_upstream(
    db: None, upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UpstreamWorld]:
    """The same market with every bar of its past, which a replay begins with."""
    with live_upstreams.live_upstream(monkeypatch, upstream_snapshot, whole=True) as found:
        yield found


@pytest.fixture
def noded(
    upstream_snapshot: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UpstreamWorld]:
    """A live market whose chains have a node each."""
    with live_upstream(monkeypatch, upstream_snapshot, whole=True) as upstream:
        urls = {chain: f"{upstream.server.url('rpc')}/{chain}" for chain in (1, 8453)}
        # What goes through the pool of WETH is to find it deep enough.
        upstream.world.depths["WETH"] = Decimal(80_000_000)
        with override_settings(RPC_URLS=urls):
            yield upstream
