"""Rows of set-ups are what a replay makes, and any changed digit of them is named."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Model
from pytest_django import DjangoDbBlocker

from paper_trading.bot.replay.verify import verify
from paper_trading.models import (
    FrozenExperience,
    PaperTradingSession,
    SetUp,
    SetUpBook,
    SetUpDay,
)
from paper_trading.services import market_setup
from tests.bot import worlds
from tests.bot.replay import test_verify
from tests.bot.worlds import Snapshot
from tests.kept import kept

pytestmark = pytest.mark.django_db

#: The back-fill ends at 23:00, so that the ticks go on into the next day.
LATE = timedelta(hours=21)
TICKS = 24

#: Of another book, or none: what a tick has read is not found again.
ELSEWHERE: dict[tuple[type[Model], str], str] = {
    (SetUpBook, name): "experience"
    for name in (
        "stop_percent",
        "target_percent",
        "hold_hours",
        "confidence_threshold",
        "exit_volatility_percent",
    )
}


@pytest.fixture(scope="module")
def late(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Snapshot:
    """The back-filled market of a record that goes on over midnight, as rows."""
    path = tmp_path_factory.mktemp("late") / "prices.csv"
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        patch.setattr(worlds, "START", worlds.START + LATE)
        found = Snapshot.of(market_setup.recorded_market(worlds.write_record(path)), whole=True)
        transaction.set_rollback(True)
    return found


def over_midnight(late: Snapshot) -> int:
    """Run a session of level 10 over midnight, with a bracket that ends within the hour."""
    found = worlds.running_session(
        late.restore(), stop_loss_percent=1, take_profit_percent=2, max_hold_hours=1
    )
    worlds.run_ticks(found, TICKS)
    return found.pk


@pytest.fixture(scope="module")
def made(
    late: Snapshot, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[int]:
    with kept(django_db_blocker, lambda: over_midnight(late)) as key:
        yield key


@pytest.fixture
def session(db: None, made: int) -> PaperTradingSession:
    return PaperTradingSession.objects.select_related("account__market").get(pk=made)


def test_set_ups_over_midnight_replay_identically(session: PaperTradingSession) -> None:
    assert SetUpDay.objects.count() == 1
    assert FrozenExperience.objects.count() == 2
    assert set(SetUp.objects.values_list("ended", flat=True)) == {"", "STOP", "TARGET", "TIME"}
    read = list(session.ticks.order_by("number").values_list("experience", flat=True))
    assert read == sorted(read, key=lambda key: key or 0)
    assert len(set(read)) == 2
    assert verify(session.pk).ticks == TICKS


def test_a_changed_row_is_named(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_verify, "ELSEWHERE", ELSEWHERE)
    test_verify.begun_once(monkeypatch)
    found = [
        text
        for rows in (
            SetUp.objects.filter(matured_at=None),
            SetUp.objects.filter(matured_at__isnull=False),
            SetUpDay.objects.all(),
            FrozenExperience.objects.all(),
        )
        for text in test_verify.missed(session, rows, lambda: test_verify.market_said(session))
    ]
    read = session.ticks.only("experience").filter(number=20)
    for of_a_tick in (SetUpBook.objects.all(), read):
        found += test_verify.missed(session, of_a_tick, lambda: test_verify._said(session))
    assert not found, "\n".join(found)


def test_rows_that_are_missing_or_too_many_are_found(session: PaperTradingSession) -> None:
    kept = SetUp.objects.filter(matured_at=None).latest("bar_id")
    kept.delete()
    assert "row: replayed one, stored nothing" in (test_verify._said(session) or "")
    kept.save(force_insert=True)
    verify(session.pk)
    day = SetUpDay.objects.get()
    day.pk, day.day = None, day.day + timedelta(days=9)
    day.save(force_insert=True)
    assert "day after the last bar" in (test_verify._said(session) or "")
