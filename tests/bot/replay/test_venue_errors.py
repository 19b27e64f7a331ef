"""A venue that raised: what it cost is an input of the replay, and everything else is compared."""

from collections.abc import Iterator
from functools import partial

import pytest
from pytest_django import DjangoDbBlocker

from paper_trading.bot.explanation import Explainer
from paper_trading.bot.replay.capacity import capacity
from paper_trading.bot.replay.checks import Mismatch
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import Side
from paper_trading.engine.pending import Pending
from paper_trading.engine.trade import Swap
from paper_trading.engine.venues import DirectVenue, ManagedVenue, Ticket
from paper_trading.models import InternalError, PaperTrade, PaperTradingSession
from tests.bot import worlds
from tests.bot.worlds import Snapshot
from tests.kept import kept

TICKS = 24

pytestmark = [pytest.mark.django_db, pytest.mark.internal_errors]


def run(whole: Snapshot, *, managed: bool) -> int:
    """Run a session whose venue raises at one entry in two, and at one exit in two."""
    venue = ManagedVenue if managed else DirectVenue
    send = venue.send
    raising = {side: _every_second() for side in Side}

    def failing(self: object, ticket: Ticket) -> Swap | Pending:
        if next(raising[ticket.order.side]):
            raise ValueError("no way to the chain")
        return send(self, ticket)  # type: ignore[arg-type]

    session = worlds.running_session(whole.restore(), use_transaction_manager=managed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(venue, "send", failing)
        worlds.run_ticks(session, TICKS)
    denied = PaperTrade.objects.filter(code=Code.INTERNAL_ERROR)
    assert set(denied.values_list("side", flat=True)) == {Side.BUY, Side.SELL}
    assert denied.count() == InternalError.objects.count()
    return session.pk


@pytest.fixture(scope="module")
def made(
    managed: bool,
    whole: Snapshot,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[int]:
    made = partial(run, whole, managed=managed)
    with kept(django_db_blocker, made, internal_errors=True) as key:
        yield key


@pytest.fixture
def session(db: None, made: int) -> PaperTradingSession:
    return PaperTradingSession.objects.get(pk=made)


def _every_second() -> Iterator[bool]:
    while True:
        yield from (True, False)


def test_what_a_venue_raised_is_taken_from_the_rows_and_named(
    session: PaperTradingSession,
) -> None:
    found = verify(session.pk)
    assert (found.ticks, found.to_the_end) == (TICKS, True)
    denied = PaperTrade.objects.filter(code=Code.INTERNAL_ERROR)
    numbers = denied.order_by("tick__number").values_list("tick__number", flat=True).distinct()
    assert found.broken == tuple(f"session {session.pk} tick {one}" for one in numbers)
    explainer = Explainer()
    for thought in explainer.thoughts(session):
        explainer.verify(thought)


def test_capacity_asks_no_venue_that_raised(session: PaperTradingSession) -> None:
    (own,) = (one for one in capacity(session.pk, ()).sizes if one.own)
    denied = PaperTrade.objects.filter(code=Code.INTERNAL_ERROR).count()
    assert own.denials[Code.INTERNAL_ERROR] == denied


def test_other_differences_of_such_a_tick_are_still_told(session: PaperTradingSession) -> None:
    row = PaperTrade.objects.filter(code=Code.INTERNAL_ERROR)[0]
    row.asked_usd += 1
    row.save()
    with pytest.raises(Mismatch, match=r"trade \d+: asked_usd"):
        verify(session.pk)


def test_a_denial_without_the_error_that_it_speaks_of_is_a_difference(
    session: PaperTradingSession,
) -> None:
    """One error speaks of one denial, and not of all of its stage."""
    row = PaperTrade.objects.filter(code=Code.INTERNAL_ERROR)[0]
    first = row.tick.errors.filter(stage=row.stage).first()
    assert first is not None
    first.delete()
    with pytest.raises(Mismatch, match=rf"tick {row.tick.number} stage {row.stage} trade"):
        verify(session.pk)
