"""The command says what goes, what stays and how much it was."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from paper_trading.models import Market, PaperTradingAccount, PaperTradingSession
from paper_trading.services import clock
from tests.bot import worlds

pytestmark = pytest.mark.django_db


def output(*arguments: str) -> str:
    text = StringIO()
    call_command("prune", *arguments, stdout=text)
    return text.getvalue()


def archived(market: Market, days: int) -> PaperTradingSession:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    at = clock.now() - timedelta(days=days)
    PaperTradingSession.objects.update(status="STOPPED", stop_reason="REQUESTED", stopped_at=at)
    PaperTradingAccount.objects.update(archived_at=at)
    return session


def test_it_removes_what_is_older_and_says_so(market: Market) -> None:
    session = archived(market, 31)
    name = f"{session.account.name} #{session.account_id}"
    dry = output("--older-than", "30", "--dry-run")
    assert f"Would remove account {name}." in dry
    assert "Would remove 1 tick." in dry
    assert PaperTradingAccount.objects.exists()
    done = output("--older-than", "30")
    assert done == dry.replace("Would remove", "Removed")
    assert "bytes of rows, their indexes not counted." in done
    assert not PaperTradingAccount.objects.exists()
    assert output("--older-than", "30") == "Nothing to remove.\n"


def test_what_is_younger_stays(market: Market) -> None:
    archived(market, 29)
    assert output("--older-than", "30") == "Nothing to remove.\n"


def test_an_old_session_of_an_account_in_use_is_said_to_stay(market: Market) -> None:
    session = archived(market, 31)
    PaperTradingAccount.objects.update(archived_at=None)
    assert output("--older-than", "30").splitlines() == [
        f"Stays: {session.account.name} #{session.account_id} is not archived:"
        " its books need its old sessions.",
        "Nothing to remove.",
    ]


@pytest.mark.parametrize("days", ["0", "-1", "36501"])
def test_an_age_out_of_range_is_refused(days: str) -> None:
    with pytest.raises(CommandError, match=f"--older-than was {days}; allowed are 1 to 36500"):
        output("--older-than", days)
