"""The replay command: what it says, how it exits, and that it writes nothing."""

import json
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from paper_trading.bot.replay.bias import Bias
from paper_trading.engine.venues import DirectVenue
from paper_trading.management.commands import replay as command
from paper_trading.models import (
    EquityPoint,
    Market,
    MarketGenesis,
    PaperTradingSession,
    Tick,
)
from tests.bot import worlds
from tests.bot.worlds import Snapshot

HEADER = "timestamp,symbol,open,high,low,close,volume_usd"


def replay(*arguments: str) -> str:
    out = StringIO()
    call_command("replay", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        replay(*arguments)
    return caught.value.returncode, str(caught.value)


@pytest.fixture
def session(committed_market: Market) -> PaperTradingSession:
    session = worlds.running_session(committed_market)
    worlds.run_ticks(session, 3)
    return session


@pytest.fixture
def snapshot(whole: Snapshot) -> Snapshot:
    """The market with all of its bars."""
    return whole


@pytest.mark.django_db(transaction=True)
def test_a_session_is_verified_and_nothing_is_written(session: PaperTradingSession) -> None:
    before = worlds.tables()
    said = replay("--session", str(session.pk), "--verify")
    assert said.startswith(f"identical: session {session.pk}, 3 ticks (3 closed)")
    assert worlds.tables() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.internal_errors
def test_a_tick_whose_venue_raised_is_named(
    committed_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = worlds.running_session(committed_market)
    with monkeypatch.context() as patched:
        patched.setattr(DirectVenue, "send", lambda *_: 1 // 0)
        worlds.run_ticks(session, 1)
    worlds.run_ticks(session, 2)
    first, *others = replay("--session", str(session.pk), "--verify").splitlines()
    assert first.startswith(f"identical: session {session.pk}, 3 ticks (3 closed)")
    assert others == [
        f"session {session.pk} tick 1: an error inside is stored of its venue; the orders that it"
        " denied are not comparable and were taken as stored"
    ]


@pytest.mark.django_db(transaction=True)
def test_a_difference_is_told_with_both_sides(session: PaperTradingSession) -> None:
    point = EquityPoint.objects.latest("market_time")
    true, point.equity_usd = point.equity_usd, point.equity_usd + 1
    point.save()
    code, said = refused("--session", str(session.pk), "--verify")
    assert code == 1
    assert f"session {session.pk} tick 3 equity point: equity_usd" in said
    assert f"replayed {true}" in said
    assert f"stored {point.equity_usd}" in said


@pytest.mark.django_db(transaction=True)
def test_a_back_fill_of_an_earlier_program_cannot_be_looked_at(
    session: PaperTradingSession,
) -> None:
    genesis = MarketGenesis.objects.get(market=session.account.market)
    del genesis.seal["bar.round_trip_percent"]
    genesis.save()
    code, said = refused("--session", str(session.pk), "--verify")
    assert code == 2
    assert "has no seal of bar.round_trip_percent: rows of an older program" in said


@pytest.mark.django_db(transaction=True)
def test_a_session_without_a_journal_is_named(session: PaperTradingSession) -> None:
    Tick.objects.filter(number=2).update(seal={})
    code, said = refused("--session", str(session.pk), "--verify")
    assert code == 2
    assert f"session {session.pk} tick 2 has no seal" in said
    PaperTradingSession.objects.update(seal={})
    assert (
        f"session {session.pk} has no seal" in refused("--session", str(session.pk), "--verify")[1]
    )


@pytest.mark.django_db
def test_a_session_that_is_not_there_is_named() -> None:
    assert refused("--session", "77", "--verify") == (2, "there is no session 77")


@pytest.mark.django_db
def test_what_the_database_refuses_is_no_difference() -> None:
    """Let an unmigrated database be one that cannot be looked at, not a session that differs."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE paper_trading_papertradingsession RENAME TO away")
        code, said = refused("--session", "1", "--verify")
        transaction.set_rollback(True)
    assert code == 2
    assert said.startswith("no database to read: relation")
    assert "\n" not in said


@pytest.mark.django_db(transaction=True)
def test_a_genesis_of_another_score_cannot_be_replayed(session: PaperTradingSession) -> None:
    row = MarketGenesis.objects.get()
    row.heads["MOON"]["version"] = 0
    row.save()
    code, said = refused("--session", str(session.pk), "--verify")
    assert code == 2
    assert "heads cannot be read: series version was 0" in said


@pytest.mark.django_db(transaction=True)
def test_a_market_of_an_older_program_cannot_be_verified(session: PaperTradingSession) -> None:
    """Take the columns away that a back-fill did not have before set-ups were kept."""
    row = MarketGenesis.objects.get()
    for name in ("bar.round_trip_percent", "bar.known_at"):
        del row.seal[name]
    row.save()
    code, said = refused("--session", str(session.pk), "--verify")
    assert code == 2
    assert "has no seal of bar.known_at, bar.round_trip_percent" in said
    assert "rows of an older program cannot be verified" in said


def test_a_file_gives_a_table_and_json(record: Path) -> None:
    said = replay("--prices", str(record), "--levels", "9-10", "--ticks", "6").splitlines()
    assert said[0].split()[:3] == ["level", "ticks", "trades"]
    assert [line.split()[:2] for line in said[1:3]] == [["9", "6"], ["10", "6"]]
    found = json.loads(said[-1])
    assert (found["ticks"], found["tokens"]) == (6, 7)
    assert [level["level"] for level in found["levels"]] == [9, 10]
    assert all(level["ledger_ok"] for level in found["levels"])


def test_settings_change_what_a_file_does(record: Path) -> None:
    def results(*more: str) -> object:
        said = replay("--prices", str(record), "--levels", "10", "--ticks", "40", *more)
        return json.loads(said.splitlines()[-1])["levels"]

    assert results() != results("--set", "allowed_tokens=MOON")
    assert results("--set", "confidence_threshold=none") == results()
    plain = results("--set", "blocked_tokens=MOON, FLAT")
    assert plain == results("--set", 'blocked_tokens=["MOON", "FLAT"]') != results()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["speed=3"], ["unknown setting speed", "stop_loss_percent"]),
        (["stop_loss_percent=99"], ["stop_loss_percent was '99'", "50"]),
        (["stop_loss_percent=low"], ["stop_loss_percent was 'low'"]),
        (["stop_loss_percent"], ["NAME=VALUE"]),
        (["trailing_distance_percent=2"], ["both or none"]),
        (["allowed_tokens=WETH,NOSUCH"], ["allowed_tokens was 'NOSUCH'", "MOON"]),
        (["stop_loss_percent=5", "stop_loss_percent=6"], ["stop_loss_percent twice"]),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    record: Path, settings: list[str], words: list[str]
) -> None:
    given = [word for text in settings for word in ("--set", text)]
    code, said = refused("--prices", str(record), *given)
    assert code == 2
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["2026-01-05T00:00:00Z,A,1,1,1,1,1"], ["601"]),
        (
            ["2026-01-05T00:05:00Z,A,1,1,1,1,1", "2026-01-05T00:00:00Z,A,1,1,1,1,1"],
            ["line 3", "goes back"],
        ),
        (
            ["2026-01-05T00:05:00Z,A,1,1,1,1,1", "2026-01-05T00:05:00Z,A,1,1,1,1,1"],
            ["line 3", "second time"],
        ),
    ],
    ids=["ends early", "unsorted", "overlapping"],
)
def test_a_file_that_cannot_be_replayed_is_named(
    tmp_path: Path, rows: list[str], words: list[str]
) -> None:
    file = tmp_path / "odd.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    code, said = refused("--prices", str(file))
    assert code == 2
    assert all(word in said for word in ["odd.csv", *words]), said
    assert refused("--prices", str(tmp_path / "gone.csv"))[0] == 2


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path, tmp_path / "pipe.csv"):
        assert refused("--prices", str(path)) == (2, f"{path}: is not a file")


def test_a_level_is_named_once() -> None:
    with pytest.raises(CommandError, match="level 5 stands twice"):
        replay("--prices", "a.csv", "--levels", "4-6,5")


def test_look_ahead_is_looked_for(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["--prices", str(record), "--check-bias", "--levels", "10", "--ticks", "24"]
    assert replay(*asked).startswith("no look-ahead: 3 cuts")
    found = [Bias(cut=6, change="shuffled", tick=4, part="trades")]
    monkeypatch.setattr(command, "biases", lambda *_, **__: found)
    told = "tick 4: trades changed when the file was shuffled from tick 7 on"
    assert refused(*asked) == (1, told)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--session", "1"],
        ["--session", "1", "--verify", "--ticks", "3"],
        ["--session", "1", "--verify", "--levels", "7"],
        ["--prices", "a.csv", "--verify"],
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str]) -> None:
    assert refused(*arguments)[0] == 2
