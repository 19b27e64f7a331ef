"""The position cache: keyed by version, warm in the analysis, and never needed."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from paper_trading.bot import accounts, progress, stages
from paper_trading.engine.enums import Stage
from paper_trading.models import Market, PaperTradingAccount, PaperTradingSession, Tick
from paper_trading.services import account_state, position_cache, redis_client
from paper_trading.services.redis_client import client
from tests.bot import worlds

REDIS_URL = django_settings.REDIS_URL
POSITIONS = '"paper_trading_paperposition"'


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    worlds.forget_cache()
    yield
    worlds.forget_cache()


@pytest.fixture
def holding(market: Market) -> PaperTradingSession:
    """A session whose account holds positions."""
    session = worlds.running_session(market)
    worlds.run_tick(session)
    assert session.account.positions.filter(is_open=True).exists()
    worlds.forget_cache()
    return session


def account_of(session: PaperTradingSession) -> PaperTradingAccount:
    return PaperTradingAccount.objects.get(pk=session.account_id)


def keys() -> list[bytes]:
    return sorted(client(django_settings.CACHE_DB).scan_iter("dex:account:*"))


def selects_of_positions(run: Any) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        run()
    return [row["sql"] for row in queries if POSITIONS in row["sql"]]


def test_a_state_survives_the_cache_to_the_digit(holding: PaperTradingSession) -> None:
    account = account_of(holding)
    state = account_state.load(account)
    position_cache.write(account, state)
    assert selects_of_positions(lambda: position_cache.read(account)) == []
    assert position_cache.read(account) == state


def test_a_miss_is_rebuilt_from_postgres_and_kept(holding: PaperTradingSession) -> None:
    account = account_of(holding)
    assert len(selects_of_positions(lambda: position_cache.read(account))) == 1
    assert selects_of_positions(lambda: position_cache.read(account)) == []
    assert position_cache.read(account) == account_state.load(account)


def test_every_change_of_money_is_a_new_version_under_a_new_key(
    holding: PaperTradingSession,
) -> None:
    account = account_of(holding)
    before = position_cache.read(account)
    accounts.deposit(account, Decimal(500))
    after = account_of(holding)
    assert after.state_version == before.version + 1
    assert position_cache.read(after).account.cash_usd == before.account.cash_usd + 500
    assert len(keys()) == 2


def test_the_reader_of_an_older_version_gets_what_postgres_says_now(
    holding: PaperTradingSession,
) -> None:
    stale = account_of(holding)
    accounts.deposit(stale, Decimal(500))
    found = position_cache.read(stale)
    assert found == account_state.load(account_of(holding))
    assert keys() == [position_cache._key(stale, found.version).encode()]


def test_the_same_keys_in_another_database_are_another_account(
    holding: PaperTradingSession,
) -> None:
    account = account_of(holding)
    state = account_state.load(account)
    position_cache.write(account, replace(state, account=replace(state.account, positions={})))
    twin = account_of(holding)
    twin.created_at -= timedelta(days=1)
    PaperTradingAccount.objects.filter(pk=twin.pk).update(created_at=twin.created_at)
    assert position_cache.read(twin) == state


@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"\xff\xfe not text",
        b"{}",
        b"0" * 64 + b'{"version": 1}',
        b"0" * 64 + b"not json",
    ],
)
def test_an_entry_that_is_not_ours_is_noticed_and_ignored(
    holding: PaperTradingSession, caplog: pytest.LogCaptureFixture, poison: bytes
) -> None:
    account = account_of(holding)
    client(django_settings.CACHE_DB).set(
        position_cache._key(account, account.state_version), poison
    )
    with caplog.at_level(logging.ERROR):
        assert position_cache.read(account) == account_state.load(account)
    assert f"account {account.pk} is not ours; ignored" in caplog.text


def test_an_entry_copied_from_another_key_is_not_ours(
    holding: PaperTradingSession, caplog: pytest.LogCaptureFixture
) -> None:
    account = account_of(holding)
    state = account_state.load(account)
    rich = replace(state, account=replace(state.account, positions={}))
    position_cache.write(account, replace(rich, version=state.version + 1))
    redis_db = client(django_settings.CACHE_DB)
    entry = redis_db.get(position_cache._key(account, state.version + 1))
    assert isinstance(entry, bytes)
    redis_db.set(position_cache._key(account, state.version), entry)
    assert position_cache.read(account) == state
    assert "not ours" in caplog.text


def test_an_entry_of_another_release_is_a_miss(holding: PaperTradingSession) -> None:
    account = account_of(holding)
    key = position_cache._key(account, account.state_version)
    for body in ('{"version": 3}', "[]", '"text"', "{broken"):
        client(django_settings.CACHE_DB).set(key, position_cache._signature(key, body) + body)
        assert position_cache.read(account) == account_state.load(account)


def test_entries_do_not_live_for_ever(holding: PaperTradingSession) -> None:
    account = account_of(holding)
    position_cache.read(account)
    left = client(django_settings.CACHE_DB).ttl(position_cache._key(account, account.state_version))
    assert isinstance(left, int)
    assert 0 < left <= position_cache.LIFE_SECONDS


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[list[str]]:
    """Point the clients where nobody listens; the list grows with every try to connect."""
    tries: list[str] = []
    connect: Any = redis.Connection._connect

    def counted(connection: redis.Connection) -> Any:
        tries.append(connection.host)
        return connect(connection)

    with monkeypatch.context() as patch:
        patch.setattr(redis.Connection, "_connect", counted)
        settings.REDIS_URL = "redis://127.0.0.1:1"
        redis_client.forget()
        yield tries
    settings.REDIS_URL = REDIS_URL
    redis_client.forget()


def test_without_redis_everything_comes_from_postgres_after_one_try(
    holding: PaperTradingSession, unreachable: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    account = account_of(holding)
    assert position_cache.read(account) == account_state.load(account)
    assert "position cache not read" in caplog.text
    assert "position cache not written" in caplog.text
    assert len(unreachable) == 2
    assert worlds.run_tick(holding).status == "CLOSED"


def test_a_process_keeps_one_client_a_database_until_it_forks() -> None:
    first = redis_client.client(django_settings.CACHE_DB)
    assert redis_client.client(django_settings.CACHE_DB) is first
    assert redis_client.client(django_settings.EVENTS_DB) is not first
    redis_client.forget()
    assert redis_client.client(django_settings.CACHE_DB) is not first


def run_to_analysis(
    session: PaperTradingSession, committing: DjangoCaptureOnCommitCallbacks
) -> Tick:
    """Run a tick's stages before the analysis, with what happens after their commits."""
    with committing(execute=True):
        return worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)


def test_a_warm_analysis_reads_no_position(
    holding: PaperTradingSession, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    tick = run_to_analysis(holding, django_capture_on_commit_callbacks)
    for step in progress.next_steps(tick.pk):
        read = selects_of_positions(lambda: stages.run(step.stage, step.tick_id, step.chunk))  # noqa: B023
        assert read == []


def test_a_cold_analysis_reads_positions_once(
    holding: PaperTradingSession, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    tick = run_to_analysis(holding, django_capture_on_commit_callbacks)
    worlds.forget_cache()
    first, second, *_ = progress.next_steps(tick.pk)
    assert len(selects_of_positions(lambda: stages.run(*_arguments(first)))) == 1
    assert selects_of_positions(lambda: stages.run(*_arguments(second))) == []


def _arguments(step: progress.Step) -> tuple[Stage, int, int]:
    return step.stage, step.tick_id, step.chunk


def test_a_flush_between_any_two_stages_changes_nothing(
    market: Market, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    undisturbed, flushed = worlds.running_session(market), worlds.running_session(market)
    with django_capture_on_commit_callbacks(execute=True):
        worlds.run_ticks(undisturbed, 4)
    for _ in range(4):
        tick = worlds.open_tick(flushed)
        for step in worlds.steps_of(tick):
            worlds.forget_cache()
            with django_capture_on_commit_callbacks(execute=True):
                stages.run(*_arguments(step))
    assert worlds.outcome(flushed) == worlds.outcome(undisturbed)


def test_nothing_is_kept_of_a_stage_that_was_rolled_back(holding: PaperTradingSession) -> None:
    tick = worlds.run_until(worlds.open_tick(holding), Stage.AUTO_CLOSE)
    worlds.forget_cache()
    before = keys()
    stages.run(Stage.AUTO_CLOSE, tick.pk)  # Its transaction is not committed in this test.
    assert keys() == before == []
