"""One record, one seed: worker, inline, taking turns, and replay are one program to the digit."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from paper_trading.bot import progress, stages, track_check
from paper_trading.bot.ledger_check import all_problems
from paper_trading.bot.replay.file_run import run_file
from paper_trading.bot.replay.verify import verify
from paper_trading.models import (
    InternalError,
    PaperPosition,
    PaperTrade,
    PaperTradingSession,
    Tick,
    TickStatus,
)
from paper_trading.services import market_setup
from paper_trading.services.sources.recorded import RecordedFile
from tasks.sending import send
from tests.bot import worlds
from tests.e2e.stack import wait_for
from tests.e2e.workers import threads

pytestmark = pytest.mark.django_db(transaction=True)
TICKS = 160
LEVEL = 10


def send_to_worker(tick: Tick) -> None:
    send(progress.next_steps(tick.pk))


def run_inline(tick: Tick) -> None:
    stages.run_to_end(tick.pk)


def all_closed() -> bool:
    return not Tick.objects.filter(status=TickStatus.OPEN).exists()


def run_together(worker: Any, inline: Any, turns: Any) -> None:
    """Take three sessions on tick by tick: by the worker, inline, and by each in turns."""
    for number in range(1, TICKS + 1):
        ticks = [worlds.open_tick(session) for session in (worker, inline, turns)]
        send_to_worker(ticks[0])
        run_inline(ticks[1])
        (send_to_worker if number % 2 else run_inline)(ticks[2])
        wait_for(all_closed, "the ticks are closed", every=0.02)
    for session in (worker, inline, turns):
        session.refresh_from_db()
        assert session.ticks_closed == TICKS


def test_every_driver_gives_the_same_digits(tmp_path: Path) -> None:
    # A day ends on the way: what is counted by the day begins anew.
    start = worlds.START + timedelta(hours=14)
    record = worlds.write_record(tmp_path / "walks.csv", TICKS, worlds.WALKS, start)
    market = market_setup.recorded_market(record)
    # Pending orders are carried from tick to tick, and so from driver to driver.
    managed = {**worlds.TIGHT, "use_transaction_manager": True}
    sessions = [worlds.running_session(market, LEVEL, **managed) for _ in range(3)]
    with threads():
        run_together(*sessions)
    outcomes = [worlds.outcome(session) for session in sessions]
    has_everything(sessions[0])
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0]["metrics"]) == TICKS // 20
    for session in sessions:
        found = verify(session.pk)
        assert (found.ticks, found.closed, found.to_the_end) == (TICKS, TICKS, True)
    same_as_the_file(record, sessions[0])
    assert all_problems() == []
    assert track_check.all_problems() == []
    assert not InternalError.objects.exists()


def has_everything(session: PaperTradingSession) -> None:
    """Make sure that the record asks for all that could differ."""
    trades = PaperTrade.objects.filter(session=session)
    codes = Counter(trades.values_list("code", flat=True))
    assert codes["MINIMUM_OUT_NOT_MET"] >= 3
    assert codes["STATE_REDUCING"] >= 3
    assert codes["OK"] >= 10
    assert len(set(trades.dates("market_time", "day"))) == 2
    closed = PaperPosition.objects.filter(account=session.account, is_open=False)
    assert {"STOP_LOSS", "TAKE_PROFIT"} <= set(closed.values_list("exit_reason", flat=True))


def same_as_the_file(record: Path, session: PaperTradingSession) -> None:
    """Compare with a replay of the file that knows nothing of the rows."""
    strategy = session.strategy.current_version().as_strategy()
    replayed = run_file(RecordedFile.open(record), [LEVEL], strategy)[0]
    account, row = replayed.book.account, session.account
    row.refresh_from_db()
    for name in ("cash_usd", "realized_usd", "gas_usd", "max_drawdown_percent", "nonce"):
        assert getattr(account, name) == getattr(row, name), name
    point = row.equity_points.latest("market_time")
    assert replayed.book.last_equity == (point.market_time, point.equity_usd)
    newest = session.metrics.latest("market_time")
    assert replayed.metrics is not None
    assert replayed.metrics.performance.sharpe == newest.sharpe_ratio
    assert replayed.trades == PaperTrade.objects.filter(session=session, status="FILLED").count()
