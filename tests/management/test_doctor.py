"""The doctor finds each trouble by its word, says how bad it is, and writes nothing."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pytest_django import Settings

from dexproject.celery import app
from dexproject.embedded.options import ROOT
from dexproject.embedded.ports import pick
from paper_trading.bot import checkup, clock, controls
from paper_trading.bot.findings import Finding, Severity, Trouble
from paper_trading.engine.enums import BreakerKind, Stage
from paper_trading.management.commands import doctor
from paper_trading.models import (
    BreakerState,
    InternalError,
    Market,
    PaperTradingAccount,
    PaperTradingSession,
    Tick,
    TickReason,
    TickStatus,
)
from paper_trading.services import redis_client
from tasks import checkup as delivery
from tasks import open_tick
from tasks.schedule import synchronise
from tests import builders as make
from tests.bot import worlds
from tests.tasks import broker

LONG = timedelta(hours=3)
DAYS = timedelta(days=2)
BROKEN, NOTE = Severity.BROKEN, Severity.NOTE


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    """A running session of one second, served by beat entries that are right."""
    found = worlds.running_session(market, interval_ms=1_000)
    synchronise()
    return found


def found_words() -> set[tuple[Trouble, Severity]]:
    return {(found.trouble, found.severity) for found in doctor.look()}


def stop(session: PaperTradingSession) -> None:
    controls.stop(PaperTradingSession.objects.get(pk=session.pk))


def test_nothing_is_wrong_with_a_session_that_runs(session: PaperTradingSession) -> None:
    worlds.run_ticks(session, 2)
    assert doctor.look() == []
    out = StringIO()
    call_command("doctor", stdout=out)
    assert out.getvalue() == "Nothing is wrong.\n"


def not_served(session: PaperTradingSession) -> None:
    PaperTradingSession.objects.update(last_slot=session.last_slot - 60)


def archived(session: PaperTradingSession) -> None:
    PaperTradingAccount.objects.update(archived_at=clock.now())


def past_its_lease(session: PaperTradingSession) -> None:
    worlds.open_tick(session)
    Tick.objects.update(lease_until=clock.now() - LONG, deadline_at=clock.now() + LONG)


def past_its_deadline(session: PaperTradingSession) -> None:
    worlds.open_tick(session)
    Tick.objects.update(lease_until=clock.now() + LONG, deadline_at=clock.now() - LONG)


def fail_tick(session: PaperTradingSession, ago: timedelta) -> None:
    worlds.open_tick(session)
    Tick.objects.update(
        status=TickStatus.FAILED, reason=TickReason.ATTEMPTS, closed_at=clock.now() - ago
    )


def keep_error(ago: timedelta) -> None:
    InternalError.objects.create(stage=Stage.OPEN, traceback="ZeroDivisionError: nothing")
    InternalError.objects.update(created_at=clock.now() - ago)


def trip(session: PaperTradingSession, kind: BreakerKind) -> None:
    BreakerState.objects.update_or_create(
        account=session.account,
        kind=kind,
        defaults={"tripped": True, "tripped_market_time": make.START},
    )


def lose_a_dollar(session: PaperTradingSession) -> None:
    worlds.run_tick(session)
    account = PaperTradingAccount.objects.get(pk=session.account_id)
    account.cash_usd -= 1
    account.save()


def forget_the_file(session: PaperTradingSession) -> None:
    Market.objects.update(file_path="gone.csv")


def ask_for_a_tick(session: PaperTradingSession) -> None:
    request = controls.request_tick(session, session.account.owner)
    type(request).objects.update(requested_at=clock.now() - LONG)


def ask_for_a_close(session: PaperTradingSession) -> None:
    worlds.run_tick(session)
    held = session.account.positions.filter(is_open=True).first()
    assert held is not None
    request = controls.request_close(session, held.token, session.account.owner)
    type(request).objects.update(requested_at=clock.now() - LONG)


def leave_positions(session: PaperTradingSession) -> None:
    worlds.run_tick(session)
    stop(session)


def bend(**fields: Any) -> None:
    assert PeriodicTask.objects.filter(name="Sweep").update(**fields) == 1


def slow_beat() -> None:
    slow, _ = IntervalSchedule.objects.get_or_create(every=60, period=IntervalSchedule.SECONDS)
    bend(interval=slow)


def foreign_entry() -> None:
    slow, _ = IntervalSchedule.objects.get_or_create(every=60, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="Mine", task="tasks.gone", interval=slow)


Act = Callable[[PaperTradingSession], object]
CASES: dict[str, tuple[Act, Trouble, Severity]] = {
    "not served": (not_served, Trouble.SESSION_NOT_SERVED, BROKEN),
    "archived": (archived, Trouble.SESSION_ON_ARCHIVED_ACCOUNT, BROKEN),
    "lease": (past_its_lease, Trouble.TICK_STUCK, BROKEN),
    "deadline": (past_its_deadline, Trouble.TICK_STUCK, BROKEN),
    "failed": (lambda found: fail_tick(found, timedelta()), Trouble.TICK_FAILED, BROKEN),
    "failed long ago": (lambda found: fail_tick(found, DAYS), Trouble.TICK_FAILED, NOTE),
    "error": (lambda _: keep_error(timedelta()), Trouble.INTERNAL_ERROR, BROKEN),
    "error long ago": (lambda _: keep_error(DAYS), Trouble.INTERNAL_ERROR, NOTE),
    "tripped inside": (
        lambda found: trip(found, BreakerKind.INTERNAL_ERROR),
        Trouble.BREAKER_TRIPPED,
        BROKEN,
    ),
    "tripped": (lambda found: trip(found, BreakerKind.DRAWDOWN), Trouble.BREAKER_TRIPPED, NOTE),
    "ledger": (lose_a_dollar, Trouble.LEDGER_PROBLEM, BROKEN),
    "file": (forget_the_file, Trouble.RECORD_UNREADABLE, BROKEN),
    "file of a stopped session": (
        lambda found: [act(found) for act in (forget_the_file, stop)],
        Trouble.RECORD_UNREADABLE,
        NOTE,
    ),
    "tick wanted": (ask_for_a_tick, Trouble.REQUEST_WAITING, BROKEN),
    "tick wanted of a stopped session": (
        lambda found: [act(found) for act in (ask_for_a_tick, stop)],
        Trouble.REQUEST_WAITING,
        NOTE,
    ),
    "close wanted": (ask_for_a_close, Trouble.REQUEST_WAITING, NOTE),
    "positions": (leave_positions, Trouble.POSITIONS_UNMANAGED, NOTE),
    "no entry": (
        lambda _: PeriodicTask.objects.filter(name="Sweep").delete(),
        Trouble.BEAT_ENTRY_MISSING,
        BROKEN,
    ),
    "never set up": (
        lambda _: PeriodicTask.objects.all().delete(),
        Trouble.BEAT_ENTRY_MISSING,
        NOTE,
    ),
    "disabled": (lambda _: bend(enabled=False), Trouble.BEAT_ENTRY_DISABLED, BROKEN),
    "wrong queue": (lambda _: bend(queue="ticks"), Trouble.BEAT_ENTRY_WRONG, BROKEN),
    "slow": (lambda _: slow_beat(), Trouble.BEAT_ENTRY_WRONG, BROKEN),
    "unknown task": (lambda _: foreign_entry(), Trouble.BEAT_TASK_UNKNOWN, BROKEN),
}


@pytest.mark.parametrize("name", CASES)
def test_a_trouble_is_found_by_its_word(name: str, session: PaperTradingSession) -> None:
    act, trouble, severity = CASES[name]
    act(session)
    assert found_words() == {(trouble, severity)}
    out = StringIO()
    if severity is NOTE:
        call_command("doctor", stdout=out)
    else:
        with pytest.raises(SystemExit) as ended:
            call_command("doctor", stdout=out)
        assert ended.value.code == 1
    assert f"{severity:<7}{trouble}: " in out.getvalue()
    assert trouble.advice in out.getvalue()


def test_what_is_short_is_no_trouble(session: PaperTradingSession) -> None:
    controls.request_tick(session, session.account.owner)
    Tick.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    PaperTradingSession.objects.update(last_slot=session.last_slot - 5)
    assert doctor.look() == []


def test_a_close_may_wait_for_the_next_tick(market: Market) -> None:
    session = worlds.running_session(market, interval_ms=worlds.HOUR_MS)
    synchronise()
    worlds.run_tick(session)
    held = session.account.positions.filter(is_open=True).first()
    assert held is not None
    request = controls.request_close(session, held.token, session.account.owner)
    type(request).objects.update(requested_at=clock.now() - timedelta(hours=1))
    assert doctor.look() == []


def test_an_archived_account_s_history_is_not_told(session: PaperTradingSession) -> None:
    leave_positions(session)
    trip(session, BreakerKind.INTERNAL_ERROR)
    Market.objects.update(file_path="gone.csv")
    assert len(doctor.look()) == 3
    archived(session)
    assert doctor.look() == []


def test_a_queue_that_grows_is_found(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LONGEST_QUEUE", 2)
    with broker.emptied():
        for _ in range(2):
            open_tick.send_manual(session.pk)
        assert doctor.look() == []
        app.tasks["tasks.execution"].apply_async((1,), expires=30)
        (found,) = doctor.look()
    assert (found.trouble, found.severity) == (Trouble.QUEUE_BACKLOG, BROKEN)
    assert found.what == "3 messages wait in the queue ticks."


def test_the_worst_comes_first_and_json_tells_the_same(session: PaperTradingSession) -> None:
    trip(session, BreakerKind.DRAWDOWN)
    not_served(session)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["status"] == "broken"
    assert [found["word"] for found in answer["findings"]] == [
        "SESSION_NOT_SERVED",
        "BREAKER_TRIPPED",
    ]
    assert {"word", "severity", "what", "since", "advice"} == set(answer["findings"][0])


def test_it_reads_and_writes_nothing(session: PaperTradingSession) -> None:
    for act in (lose_a_dollar, ask_for_a_tick, not_served, forget_the_file):
        act(session)
    before = worlds.tables()
    with CaptureQueriesContext(connection) as queries:
        assert len(doctor.look()) == 4
    assert worlds.tables() == before
    written = [
        query["sql"]
        for query in queries
        if not re.match(r"SELECT|SAVEPOINT|RELEASE SAVEPOINT", query["sql"].lstrip())
    ]
    assert written == []


@pytest.mark.django_db(transaction=True)
def test_the_database_itself_forbids_the_doctor_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def writes() -> list[Finding]:
        make.make_user()
        return []

    monkeypatch.setattr(checkup, "findings", writes)
    with pytest.raises(Exception, match="read-only transaction"):
        doctor.look()


def test_without_redis_the_rest_is_told(session: PaperTradingSession, settings: Settings) -> None:
    not_served(session)
    settings.REDIS_URL = f"redis://127.0.0.1:{pick()}"
    redis_client.forget()
    try:
        words = found_words()
    finally:
        redis_client.forget()
    assert words == {(Trouble.REDIS_AWAY, BROKEN), (Trouble.SESSION_NOT_SERVED, BROKEN)}


def test_an_unmigrated_database_cannot_be_looked_at(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = [
        (MigrationExecutor(connection).loader.graph.nodes["paper_trading", "0001_initial"], False)
    ]
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: plan)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)
    assert ended.value.code == 2
    assert "DATABASE_UNMIGRATED: 1 migration is not applied" in out.getvalue()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("", "DATABASE_URL is not set."),
        ("postgresql://me:secret@127.0.0.1:{port}/dex", "The database does not answer: "),
    ],
)
def test_a_database_that_is_away_is_exit_status_2(url: str, what: str) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "doctor"],
        env={**os.environ, "DATABASE_URL": url.format(port=pick())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout.startswith(f"blind  DATABASE_AWAY: {what}")
    assert "secret" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_word_is_documented_with_its_severity() -> None:
    reference = (Path(ROOT) / "docs/API_REFERENCE.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([A-Z_]+)` \| (?:broken|note|blind)", reference, re.MULTILINE)
    assert set(listed) == set(Trouble)
