"""A session's rows are what a replay of its inputs makes, and any changed digit is named."""

import pickle
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import models, transaction
from pytest_django import DjangoDbBlocker

from paper_trading.bot import accounts, controls
from paper_trading.bot.circuit_breakers import CircuitBreakerManager
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.bot.replay.export import BatchEntry
from paper_trading.bot.replay.market import MemoryMarket
from paper_trading.bot.replay.market_check import MarketReplay
from paper_trading.bot.replay.set_up_check import keys_of
from paper_trading.bot.replay.verify import UNREADABLE, Verification, verify
from paper_trading.engine.enums import BreakerKind
from paper_trading.models import (
    AccountEvent,
    Bar,
    BreakerState,
    EquityHour,
    EquityPoint,
    LedgerEntry,
    Market,
    MarketGenesis,
    MarketToken,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrackRecord,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    PriceBatch,
    Quote,
    ScoreQuantiles,
    SimulatedTransaction,
    StrategyVersion,
    Tick,
    TickStage,
    TokenList,
)
from tests.bot import worlds
from tests.bot.replay.tampering import candidates, changed, columns, tamper
from tests.bot.worlds import Snapshot
from tests.kept import kept

pytestmark = pytest.mark.django_db

TICKS = 24

#: Columns that decide nothing: real times, delivery, and words for people.
CLOCK = {"created_at", "opened_at", "closed_at", "fetched_at"}
LEFT: dict[type[models.Model], set[str]] = {
    Tick: {"slot", "trigger", "reason", "stage", "attempt", "lease_until", "deadline_at"},
    TickStage: {"attempt", "started_at", "finished_at", "detail", "tick"},
    PriceBatch: {"market"},
    PaperTradingSession: {"strategy", "intel_level", "interval_ms", "status", "stop_reason"}
    | {"entries_paused", "halted", "tick_limit", "last_slot", "last_number", "started_at"}
    | {"stopped_at"},
    StrategyVersion: {"strategy", "number"},
    AccountEvent: {"requested_by"},
    PaperPosition: {"session"},
    PaperTradingAccount: {"owner", "name", "archived_at"},
    BreakerState: {"account", "reset_by", "reset_at", "reset_reason"},
    MarketGenesis: {"market"},
    TokenList: {"market"},
    Market: {"name", "mode", "chain_id", "profile", "file_path", "file_sha256", "assumptions"}
    | {"head_state"},
}
#: Columns whose change shows first somewhere else: as a row that is missing or of another place.
ELSEWHERE = {
    (TickStage, "stage"): "",
    (TickStage, "chunk"): "",
    (TokenList, "number"): "token_list",
    (TokenList, "tokens"): "token list 1: ",
    (StrategyVersion, "parameters"): "strategy Strategy",
    (Bar, "market"): "",
    (MarketToken, "market"): "",
}


def world(market: Market) -> PaperTradingSession:
    """Run a session that has everything: fills, exits, denials, a reset, a deposit, metrics."""
    session = worlds.running_session(
        market,
        max_losing_exits=1,
        take_profit_steps=[["3", "50"]],
        exit_volatility_percent=Decimal(300),
    )
    worlds.run_ticks(session, 8)
    accounts.deposit(session.account, Decimal("1234.5"))
    held = session.account.positions.filter(is_open=True).order_by("token__symbol")[0]
    controls.request_close(session, held.token, session.account.owner)
    worlds.run_ticks(session, 4)
    tripped = BreakerState.objects.get(kind=BreakerKind.LOSING_EXITS)
    assert tripped.tripped
    assert PaperTrade.objects.filter(steps_taken=1).exists()
    CircuitBreakerManager(session.account_id).reset(
        BreakerKind.LOSING_EXITS, session.account.owner, "Looked at."
    )
    worlds.run_ticks(session, TICKS - 12)
    return session


@pytest.fixture(scope="module")
def made(
    whole: Snapshot, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[int]:
    with kept(django_db_blocker, lambda: world(whole.restore()).pk) as key:
        yield key


@pytest.fixture
def session(db: None, made: int) -> PaperTradingSession:
    return PaperTradingSession.objects.select_related("account__market").get(pk=made)


def test_a_session_replays_identically(session: PaperTradingSession) -> None:
    found = verify(session.pk)
    assert (found.ticks, found.closed, found.to_the_end) == (TICKS, TICKS, True)


#: What a check says of rows; None when it finds nothing.
Said = Callable[[], str | None]


def missed(session: PaperTradingSession, rows: models.QuerySet[Any], said: Said) -> list[str]:
    """Change each column of a model in turn; return those that no message names.

    `said` runs the part of the verification that reads the model; the whole of it must find
    the first change, too.
    """
    model = rows.model
    assert rows.exists(), model
    found: list[str] = []
    checks = [lambda: _said(session), said]
    for field in columns(model, LEFT.get(model, set()) | CLOCK):
        for key, value in candidates(rows, field):
            with transaction.atomic():
                if tamper(model, key, field, changed(field, value)):
                    wanted = ELSEWHERE.get((model, field.name), field.name)
                    found += [
                        f"{model.__name__}.{field.name}: {words}"
                        for words in (check() for check in checks)
                        if words is None or wanted not in words
                    ]
                    checks = [said]
                transaction.set_rollback(True)
    return found


def _said(session: PaperTradingSession) -> str | None:
    return _words(lambda: verify(session.pk))


def _words(check: Callable[[], object]) -> str | None:
    try:
        check()
    except (Mismatch, NoJournal) as error:
        return str(error)
    except UNREADABLE as error:
        return repr(error)
    return None


def market_said(session: PaperTradingSession) -> str | None:
    """Verify the market alone."""

    def check() -> None:
        market = Market.objects.get(pk=session.account.market_id)
        replay = MarketReplay(market, keys_of([session]))
        for _ in replay.steps(session.start_step + TICKS - 1):
            pass
        replay.same_head()

    return _words(check)


def at_the_end(session: PaperTradingSession) -> Said:
    """Replay all ticks once; what is said compares where the account stands, each time anew."""
    account = PaperTradingAccount.objects.select_related("market").get(pk=session.account_id)
    whole = PaperTradingSession.objects.get(pk=session.pk)
    whole.account = account
    done = Verification(whole, [whole], lambda step, last: None)
    assert done.run().to_the_end

    def check() -> None:
        account.refresh_from_db()
        done.replay.same_end()

    return lambda: _words(check)


def market_once(session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replay the market's side once: it is the same every time."""
    market = session.account.market
    steps = list(MarketReplay(market, keys_of([session])).steps(session.start_step + TICKS - 1))
    monkeypatch.setattr(MarketReplay, "steps", lambda self, last: iter(steps))


def test_a_changed_input_of_a_session_is_named(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    market_once(session, monkeypatch)
    found = [
        text
        for rows in (
            Tick.objects.all(),
            TickStage.objects.filter(state_version__isnull=False),
            StrategyVersion.objects.all(),
            PaperTradingSession.objects.all(),
            AccountEvent.objects.all(),
        )
        for text in missed(session, rows, lambda: _said(session))
    ]
    assert not found, "\n".join(found)


def begun_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the back-fill up once: each replay begins with a copy of what was made of it."""
    begin = MarketReplay._begun
    kept_bytes: list[bytes] = []

    def begun(self: MarketReplay, first: BatchEntry) -> MemoryMarket:
        if not kept_bytes:
            made = begin(self, first)
            kept_bytes.append(pickle.dumps((made, self._newest, self._in_force)))
        else:
            next(self._quantiles)
        found: MemoryMarket
        found, self._newest, self._in_force = pickle.loads(kept_bytes[0])  # noqa: S301
        return found

    monkeypatch.setattr(MarketReplay, "_begun", begun)


def test_a_changed_past_of_a_market_is_named(session: PaperTradingSession) -> None:
    found = [
        text
        for rows in (
            TokenList.objects.all(),
            MarketGenesis.objects.all(),
            Market.objects.all(),
            ScoreQuantiles.objects.all(),
        )
        for text in missed(session, rows, lambda: market_said(session))
    ]
    assert not found, "\n".join(found)


def test_a_changed_step_of_a_market_is_named(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_once(monkeypatch)
    assert market_said(session) is None
    found = [
        text
        for rows in (
            PriceBatch.objects.all(),
            Quote.objects.all(),
            Bar.objects.filter(slow=False).order_by("-pk"),
            MarketToken.objects.all(),
        )
        for text in missed(session, rows, lambda: market_said(session))
    ]
    assert market_said(session) is None
    assert not found, "\n".join(found)


def test_a_changed_output_of_a_tick_is_named(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    market_once(session, monkeypatch)
    found = [
        text
        for rows in (
            PaperTrade.objects.filter(status="FILLED", side="SELL"),
            PaperTrade.objects.filter(status="DENIED"),
            SimulatedTransaction.objects.all(),
            LedgerEntry.objects.filter(trade__isnull=False),
            LedgerEntry.objects.filter(trade=None),
            PaperAIThoughtLog.objects.filter(action="BUY"),
            EquityPoint.objects.all(),
            PaperPerformanceMetrics.objects.all(),
        )
        for text in missed(session, rows, lambda: _said(session))
    ]
    assert not found, "\n".join(found)


def test_a_changed_column_of_an_account_is_named(
    session: PaperTradingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    market_once(session, monkeypatch)
    said = at_the_end(session)
    found = [
        text
        for rows in (
            PaperPosition.objects.filter(is_open=True),
            PaperPosition.objects.filter(is_open=False),
            PaperTradingAccount.objects.all(),
            BreakerState.objects.filter(kind=BreakerKind.DRAWDOWN),
            BreakerState.objects.filter(tripped=True),
            PaperTrackRecord.objects.all(),
            EquityHour.objects.all(),
        )
        for text in missed(session, rows.order_by("-pk"), said)
    ]
    assert not found, "\n".join(found)
