"""With signals of the user's own, rows and memory still agree to the digit, or say why not."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import DjangoDbBlocker

from paper_trading.bot import banner
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.bot.replay.file_run import FileMarket, LevelRun
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.seal import seal
from paper_trading.intelligence.inputs import PROGRAM
from paper_trading.models import (
    Bar,
    Market,
    MarketSignal,
    PaperAIThoughtLog,
    PaperTradingSession,
    Tick,
)
from paper_trading.services import market_setup, market_signals, signal_folder
from paper_trading.services.signal_process import SignalProcess, TooSlow
from paper_trading.services.sources.recorded import RecordedFile
from tests.bot import worlds
from tests.bot.replay.tampering import candidates, changed, columns, tamper
from tests.bot.worlds import Snapshot
from tests.services.signal_files import GOOD, RANGE, Folder, body, use

pytestmark = pytest.mark.django_db
TICKS = 12
#: Fails on the sixth step behind the back-fill, on tokens whose price is not 100.
FAILED_STEP = 605
_END = (worlds.START + FAILED_STEP * worlds.STEP).timestamp()
FAILS = body(f"return 0.5 / int(bars.start[-1] < {_END} or bars.close[-1] == 100)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return with_two(use(tmp_path / "signals", monkeypatch))


def with_two(folder: Folder) -> Folder:
    folder.write("good", GOOD)
    folder.write("range", RANGE)
    return folder


def kept(record: Path, path: Path, blocker: DjangoDbBlocker, *, fails: bool) -> Snapshot:
    """Back-fill the record with both signals, and a third that will fail, as rows."""
    with pytest.MonkeyPatch.context() as patch, blocker.unblock(), transaction.atomic():
        folder = with_two(use(path, patch))
        if fails:
            folder.write("fails", FAILS)
        found = Snapshot.of(market_setup.recorded_market(record), whole=True)
        transaction.set_rollback(True)
    return found


@pytest.fixture(scope="module")
def two(
    record: Path,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Snapshot:
    """The back-filled market of the record with both signals, as rows."""
    return kept(record, tmp_path_factory.mktemp("signals"), django_db_blocker, fails=False)


@pytest.fixture(scope="module")
def three(
    record: Path,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Snapshot:
    """The same with a third signal that fails behind the back-fill."""
    return kept(record, tmp_path_factory.mktemp("signals"), django_db_blocker, fails=True)


@pytest.fixture
def market(db: None, two: Snapshot, folder: Folder) -> Market:
    return two.restore()


def run(market: Market, ticks: int = TICKS) -> PaperTradingSession:
    session = worlds.running_session(market)
    worlds.run_ticks(session, ticks)
    return session


@pytest.fixture
def failing(db: None, three: Snapshot, folder: Folder) -> PaperTradingSession:
    """A session on a market whose third signal has failed on the way."""
    folder.write("fails", FAILS)
    return run(three.restore())


def test_a_session_with_user_signals_replays_identically(market: Market, folder: Folder) -> None:
    session = run(market)
    assert verify(session.pk).ticks == TICKS
    assert set(Tick.objects.values_list("program", flat=True)) == {
        f"{PROGRAM}, signals {market.signals[:12]}"
    }
    thought = PaperAIThoughtLog.objects.filter(token__symbol="MOON").latest("pk")
    rows = {row[0]: row for row in thought.evidence["signals"]}
    assert len(rows) == 14
    assert rows["good"][1] == "momentum"
    assert rows["good"][3] == "0.086956521739"
    assert rows["range"][1] == "mean_reversion"


def test_a_good_signal_changes_scores(
    record: Path, market: Market, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = run(market, 3)
    monkeypatch.setattr(settings, "SIGNALS_DIR", None)
    plain = run(market_setup.recorded_market(record), 3)
    assert verify(plain.pk).ticks == 3
    scores = [
        dict(
            PaperAIThoughtLog.objects.filter(tick__session=session, tick__number=3).values_list(
                "token__symbol", "score"
            )
        )
        for session in (mine, plain)
    ]
    assert scores[0].keys() == scores[1].keys()
    assert all(scores[0][symbol] != scores[1][symbol] for symbol in ("MOON", "CRASH", "NOISE"))


def test_a_file_replays_to_what_the_stages_wrote(
    record: Path, market: Market, folder: Folder
) -> None:
    session = run(market)
    strategy = session.strategy.current_version().as_strategy()
    memory = FileMarket(RecordedFile.open(record), [strategy])
    level = LevelRun(session.intel_level, strategy, memory.seed)
    for number, step in enumerate(memory.steps(TICKS), 1):
        made = level.tick(step, memory.length)
        stored = PaperAIThoughtLog.objects.filter(tick__session=session, tick__number=number)
        assert {one.symbol: (one.score, one.action) for one in made.decisions} == {
            row.token.symbol: (row.score, row.action) for row in stored.select_related("token")
        }
    assert memory.off == ()


def test_a_signal_that_fails_on_the_way_replays_identically(
    record: Path, failing: PaperTradingSession, folder: Folder
) -> None:
    session = failing
    row = MarketSignal.objects.get(name="fails")
    assert row.off_step == FAILED_STEP
    assert row.off_reason == "ZeroDivisionError: float division by zero"
    assert verify(session.pk).ticks == TICKS
    folder.write("broken", "def signal(")
    told = "\n".join(banner.lines(session))
    assert "Signal broken: off: line 1 is not Python" in told
    assert f"fails: trend, weight 0.05, off from step {row.off_step} on: ZeroDivision" in told
    assert "good: momentum, weight 0.1, on" in told
    market = FileMarket(RecordedFile.open(record), [])
    assert len(list(market.steps(TICKS))) == TICKS
    (off,) = market.off
    assert (off.name, off.step, off.reason) == ("fails", row.off_step, row.off_reason)


def test_a_signal_switched_off_is_not_asked_in_the_replay(market: Market, folder: Folder) -> None:
    """Take the step from the row: what was too slow then may be fast enough now."""
    session = run(market, 3)
    folder.write("good", GOOD.replace("20 *", "30 *"))
    worlds.run_ticks(session, 3)
    folder.write("good", GOOD)
    assert MarketSignal.objects.get(name="good").off_step == 603
    assert verify(session.pk).ticks == 6


def denied(path: Path) -> None:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("changed", "good.py was changed: it is "),
        ("gone", "good.py is not in the signal folder"),
        ("no folder", "good.py is not in the signal folder"),
        ("unreadable", "good.py cannot be read: Permission denied"),
    ],
)
def test_another_set_of_files_is_refused(
    market: Market, folder: Folder, what: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = run(market, 2)
    if what == "changed":
        folder.write("good", f"{GOOD}\n")
    elif what == "gone":
        folder.remove("good")
    elif what == "no folder":
        monkeypatch.setattr(settings, "SIGNALS_DIR", None)
    else:
        monkeypatch.setattr(signal_folder, "load", denied)
    with pytest.raises(CommandError) as found:
        call_command("replay", "--session", str(session.pk), "--verify")
    assert found.value.returncode == 2
    assert words in str(found.value)
    assert "was made with another set of signals" in str(found.value)


def test_a_signal_that_is_slow_now_does_not_blame_the_rows(
    market: Market, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = run(market, 2)

    def slow(*_: object) -> float:
        raise TooSlow("took more than 0.05 s; less is allowed")

    monkeypatch.setattr(SignalProcess, "read", slow)
    with pytest.raises(NoJournal, match=r"was in time at step 600 and is not now: it took more"):
        verify(session.pk)


def test_a_file_that_was_off_in_the_back_fill_is_not_needed(market: Market, folder: Folder) -> None:
    row = MarketSignal.objects.get(name="good")
    row.off_step, row.off_reason = 599, "as told"
    row.seal = seal(market_signals.columns(row))
    row.save()
    session = run(market, 2)
    folder.remove("good")
    assert verify(session.pk).ticks == 2


def test_more_files_than_the_market_was_made_with_do_not_matter(
    market: Market, folder: Folder
) -> None:
    session = run(market, 2)
    folder.write("third", RANGE)
    assert verify(session.pk).ticks == 2


def test_a_changed_column_of_a_signal_is_named(failing: PaperTradingSession) -> None:
    session = failing
    missed = []
    for field in columns(MarketSignal, {"created_at", "market"}):
        rows = MarketSignal.objects.filter(name="fails")
        for key, value in candidates(rows, field):
            other = changed(field, value)
            tamper(MarketSignal, key, field, other[-64:] if field.name == "sha256" else other)
            with pytest.raises((Mismatch, NoJournal)) as found:
                verify(session.pk)
            if field.name not in str(found.value) and field.name != "seal":
                missed.append(f"{field.name}: {found.value}")
            tamper(MarketSignal, key, field, value)
    assert missed == []
    assert verify(session.pk).ticks == TICKS


def test_a_row_that_is_sealed_anew_is_still_found(failing: PaperTradingSession) -> None:
    session = failing
    row = MarketSignal.objects.get(name="fails")
    row.off_step, row.off_reason = None, ""
    row.seal = seal(market_signals.columns(row))
    row.save()
    with pytest.raises(Mismatch, match=r"off_step: replayed from step 605 on: ZeroDivision"):
        verify(session.pk)
    row.weight += 1
    row.seal = seal(market_signals.columns(row))
    row.save()
    with pytest.raises(Mismatch, match="signals: replayed"):
        verify(session.pk)


def test_a_market_that_forgets_its_signals_is_found(market: Market, folder: Folder) -> None:
    session = run(market, 2)
    Market.objects.filter(pk=market.pk).update(signals="")
    with pytest.raises((Mismatch, NoJournal), match="signals"):
        verify(session.pk)


def test_a_changed_reading_of_a_user_signal_is_found(market: Market, folder: Folder) -> None:
    session = run(market, 2)
    bar = Bar.objects.filter(slow=False, closes_at__gt=worlds.START + 600 * worlds.STEP)[0]
    bar.readings["signals"][-1][2] = "0.123"
    bar.save()
    with pytest.raises(Mismatch, match="readings"):
        verify(session.pk)
