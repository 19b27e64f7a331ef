"""A session's rows are what a replay of its inputs makes, and any changed digit is named."""

import pytest

from paper_trading.bot.replay.verify import verify
from paper_trading.models import Market
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def test_a_session_replays_identically(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_ticks(session, 45)
    found = verify(session.pk)
    assert (found.ticks, found.closed, found.to_the_end) == (45, 45, True)
