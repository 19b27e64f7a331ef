"""A decision on a terminal, as JSON, and proved."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from paper_trading.engine.enums import Action
from paper_trading.models import Market, PaperAIThoughtLog, PaperTradingSession, Quote
from tests.bot import worlds
from tests.bot.worlds import Snapshot

pytestmark = pytest.mark.django_db
#: Ticks of each session that are made again from their rows.
PROVED = 20


@pytest.fixture
def market(db: None, whole: Snapshot) -> Market:
    """The back-filled market with all of its bars: quantiles are frozen again."""
    return whole.restore()


@pytest.fixture
def session(market: Market) -> PaperTradingSession:
    made = worlds.running_session(market)
    worlds.run_ticks(made, 6)
    return made


def explain(*arguments: str) -> str:
    out = StringIO()
    call_command("explain", *arguments, stdout=out)
    return out.getvalue()


def test_a_decision_reads_well_in_80_columns(session: PaperTradingSession) -> None:
    thought = PaperAIThoughtLog.objects.filter(action=Action.BUY).order_by("-pk")[0]
    said = explain(str(thought.tick_id), thought.token.symbol.lower(), "--verify")
    lines = said.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == (
        f"{thought.token.symbol} at tick {thought.tick_id}: session {session.pk}, "
        f"number {thought.tick.number}"
    )
    for start in (
        "Inputs",
        "Signals",
        "Families",
        "Gates",
        "Conclusion  BUY OK",
        "Order",
        "Levels",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert sum("|" in line and "#" in line for line in lines) >= 6
    assert "\x1b[" not in said
    assert [line for line in lines if line.startswith(" * 10")] == [" * 10  BUY  OK"]
    assert lines[-1] == "identical: 1 decision"


def test_colour_is_for_terminals(session: PaperTradingSession) -> None:
    assert "\x1b[32m" in explain(f"{session.pk}:3", "MOON", "--force-color")


def test_a_decision_is_one_json_object(session: PaperTradingSession) -> None:
    found = json.loads(explain(f"{session.pk}:3", "MOON", "--json"))
    assert (found["session"], found["number"]) == (session.pk, 3)
    assert len(found["levels"]) == 10
    assert found["quote"]["source"]
    assert found["decision"]["inputs"][0] >= 1


def test_the_cash_says_that_nothing_was_looked_at(session: PaperTradingSession) -> None:
    said = explain(f"{session.pk}:3", "USDC")
    assert "nothing was looked at" in said
    assert "SKIP TOKEN_IS_CASH" in said
    assert "Levels" not in said


def test_a_tick_and_a_session_are_proved_as_a_whole(session: PaperTradingSession) -> None:
    assert explain(f"{session.pk}:3", "--all", "--verify") == "identical: 7 decisions\n"
    assert explain("--session", str(session.pk), "--verify") == "identical: 42 decisions\n"
    assert json.loads(explain(f"{session.pk}:3", "--all", "--verify", "--json")) == {"identical": 7}


def test_a_changed_quote_ends_with_1(session: PaperTradingSession) -> None:
    tick = session.ticks.get(number=3)
    assert tick.batch is not None
    Quote.objects.filter(batch=tick.batch, token__symbol="MOON").update(source="elsewhere")
    with pytest.raises(CommandError, match="source") as caught:
        explain(str(tick.pk), "MOON", "--verify")
    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "WETH"], "TICK was 'x'; allowed are a tick's id, or SESSION:NUMBER"),
        (["999999999", "WETH"], "there is no tick 999999999"),
        (["1"], "allowed are TICK TOKEN, TICK --all, or --session ID"),
        ([], "allowed are TICK TOKEN, TICK --all, or --session ID"),
        (["1", "WETH", "--all"], "allowed are TICK TOKEN, TICK --all, or --session ID"),
        (["--session", "999999999"], "there is no session 999999999"),
        (["1", "--session", "1"], "--session stands alone"),
    ],
)
def test_what_cannot_be_explained_ends_with_2(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError) as caught:
        explain(*arguments)
    assert said in str(caught.value)
    assert caught.value.returncode == 2


def test_an_unknown_token_is_told_the_known_ones(session: PaperTradingSession) -> None:
    with pytest.raises(CommandError, match=r"TOKEN was 'GONE'; tick .* decided on CRASH") as caught:
        explain(f"{session.pk}:3", "GONE")
    assert caught.value.returncode == 2


def test_every_decision_of_whole_sessions_is_proved(market: Market) -> None:
    """Three sessions of other levels go through a good part of the record."""
    count = decisions = 0
    sessions = []
    for level in (1, 5, 9):
        made = worlds.running_session(market, level=level)
        sessions.append(made)
    for _ in range(PROVED):
        for made in sessions:
            worlds.run_tick(made)
            count += 1
    assert count == 3 * PROVED
    for made in sessions:
        said = explain("--session", str(made.pk), "--verify")
        decisions += int(said.split()[1])
    assert decisions == 7 * count
