"""The funnel on a terminal and as JSON."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from paper_trading.models import Market
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def why(*arguments: str) -> str:
    out = StringIO()
    call_command("why", *arguments, stdout=out)
    return out.getvalue()


def test_a_session_says_what_stopped_it(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_ticks(session, 8)
    said = why(str(session.pk)).splitlines()
    assert said[0].startswith(f"Session {session.pk} of ")
    assert said[2].split() == ["looks", "56"]
    assert any("TOKEN_IS_CASH" in line and "against itself" in line for line in said)
    assert said[-1].startswith("Learning: weights of 0 set-ups in 0 token-days, not in force")
    found = json.loads(why(str(session.pk), "--json"))
    assert (found["learning"]["days"], found["learning"]["mean_percent"]) == (0, None)
    assert found["entries"][0] == {
        "name": "looks",
        "count": 56,
        "lost": [{"code": "TOKEN_IS_CASH", "count": 8}, {"code": "PRICE_MISSING", "count": 1}],
    }


def test_a_session_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="there is no session 9") as caught:
        why("9")
    assert caught.value.returncode == 2


def test_a_level_that_does_not_learn_says_nothing_of_it(market: Market) -> None:
    session = worlds.running_session(market, level=5)
    worlds.run_tick(session)
    assert "Learning" not in why(str(session.pk))
    assert "learning" not in json.loads(why(str(session.pk), "--json"))
