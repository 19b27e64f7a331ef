"""The database refuses what must not be, whatever the code above it believes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from paper_trading.models import (
    ManualRequest,
    Market,
    PaperTradingSession,
    SessionStatus,
    StopReason,
    Tick,
    Token,
)
from tests import builders as make
from tests.full_account import make_one_of_each
from tests.models.contradictions import CONTRADICTIONS
from tests.models.refusals import REFUSALS, World

pytestmark = pytest.mark.django_db

ALL = [*REFUSALS, *CONTRADICTIONS]


@pytest.mark.parametrize(
    ("constraint", "act"),
    [refusal[1:] for refusal in ALL],
    ids=[what for what, _, _ in ALL],
)
def test_the_database_refuses(constraint: str, act: Callable[[World], Any]) -> None:
    world = World()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act(world)
    diagnostics = getattr(caught.value.__cause__, "diag", None)
    assert diagnostics is not None
    assert diagnostics.constraint_name == constraint


def test_every_named_constraint_of_the_models_has_its_refusal() -> None:
    named = {
        constraint.name
        for model in apps.get_app_config("paper_trading").get_models()
        for constraint in model._meta.constraints
    }
    assert named == {constraint for _, constraint, _ in ALL}


def test_what_ended_makes_room_for_the_next() -> None:
    world = World()
    make.make_closed_position(world.session, world.token)
    make.make_closed_position(world.session, world.token)
    make.make_position(world.session, world.token)
    PaperTradingSession.objects.filter(pk=world.session.pk).update(
        status=SessionStatus.STOPPED,
        stop_reason=StopReason.REQUESTED,
        stopped_at=make.START,
    )
    make.make_session(world.account, strategy=world.session.strategy)


def test_manual_ticks_have_no_slot_to_share() -> None:
    world = World()
    for number in (2, 3):
        made = make.make_tick(world.session, number, batch=None)
        Tick.objects.filter(pk=made.pk).update(slot=None)


def test_an_archived_account_frees_its_name() -> None:
    account = make.make_account(archived_at=make.START)
    make.make_account(account.owner, name=account.name)


def test_two_markets_may_list_a_symbol_of_their_own() -> None:
    for _ in range(2):
        make.make_token("OWN", market=make.make_market())
    assert Token.objects.filter(symbol="OWN").count() == 2


def test_records_cannot_be_deleted_from_under_an_account() -> None:
    account = make_one_of_each()
    session = account.sessions.get()
    for row in (account, session, session.ticks.get(), Market.objects.get(accounts=account)):
        with pytest.raises(ProtectedError):
            row.delete()
    assert ManualRequest.objects.filter(session=session).exists()
