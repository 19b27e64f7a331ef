"""A session's rows are what a replay of its inputs makes, and any changed digit is named."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import models, transaction

from paper_trading.bot import accounts, controls
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.bot.replay.market_check import MarketReplay
from paper_trading.bot.replay.verify import verify
from paper_trading.engine.enums import BreakerKind
from paper_trading.models import (
    AccountEvent,
    Bar,
    BreakerState,
    EquityPoint,
    LedgerEntry,
    Market,
    MarketGenesis,
    OutcomeDay,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
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

pytestmark = pytest.mark.django_db

TICKS = 24

#: Columns that decide nothing: real times, delivery, and words for people.
CLOCK = {"created_at", "opened_at", "closed_at", "fetched_at"}
LEFT: dict[type[models.Model], set[str]] = {
    Tick: {"slot", "trigger", "reason", "stage", "attempt", "lease_until", "deadline_at"}
    | {"chunks_done"},
    TickStage: {"attempt", "started_at", "finished_at", "detail", "tick"},
    PriceBatch: {"market"},
    PaperTradingSession: {"strategy", "intel_level", "interval_ms", "status", "stop_reason"}
    | {"entries_paused", "halted", "tick_limit", "last_slot", "last_number", "started_at"}
    | {"stopped_at"},
    StrategyVersion: {"strategy", "number"},
    AccountEvent: {"requested_by"},
    PaperPosition: {"session"},
    PaperTradingAccount: {"owner", "name", "archived_at"},
    BreakerState: {"account", "reset_by", "reset_at"},
    MarketGenesis: {"market"},
    TokenList: {"market"},
}
#: Columns whose change shows first somewhere else: as a row that is missing or of another place.
ELSEWHERE = {
    (TickStage, "stage"): "",
    (TickStage, "chunk"): "",
    (TokenList, "number"): "token_list",
    (TokenList, "tokens"): "token list 1: ",
    (StrategyVersion, "parameters"): "strategy Strategy",
    (Bar, "market"): "",
}


def world(market: Market) -> PaperTradingSession:
    """Run a session that has everything: fills, exits, denials, a reset, a deposit, metrics."""
    session = worlds.running_session(market, max_losing_exits=1)
    worlds.run_ticks(session, 8)
    accounts.deposit(session.account, Decimal("1234.5"))
    held = session.account.positions.filter(is_open=True).order_by("token__symbol")[0]
    controls.request_close(session, held.token, session.account.owner)
    worlds.run_ticks(session, 4)
    tripped = BreakerState.objects.get(kind=BreakerKind.LOSING_EXITS)
    assert tripped.tripped
    controls.reset_breaker(tripped, session.account.owner)
    worlds.run_ticks(session, TICKS - 12)
    return session


def test_a_session_replays_identically(market: Market) -> None:
    session = world(market)
    found = verify(session.pk)
    assert (found.ticks, found.closed, found.to_the_end) == (TICKS, TICKS, True)


def missed(session: PaperTradingSession, rows: models.QuerySet[Any]) -> list[str]:
    """Change each column of a model in turn; return those that no message names."""
    model = rows.model
    found: list[str] = []
    for field in columns(model, LEFT.get(model, set()) | CLOCK):
        for key, value in candidates(rows, field):
            with transaction.atomic():
                if tamper(model, key, field, changed(field, value)):
                    said = _said(session)
                    wanted = ELSEWHERE.get((model, field.name), field.name)
                    if said is None or wanted not in said:
                        found.append(f"{model.__name__}.{field.name}: {said}")
                transaction.set_rollback(True)
    return found


def _said(session: PaperTradingSession) -> str | None:
    try:
        verify(session.pk)
    except (Mismatch, NoJournal) as error:
        return str(error)
    return None


def test_a_changed_input_is_named(market: Market) -> None:
    session = world(market)
    found = [
        text
        for rows in (
            Tick.objects.all(),
            TickStage.objects.filter(state_version__isnull=False),
            PriceBatch.objects.all(),
            Quote.objects.all(),
            TokenList.objects.all(),
            MarketGenesis.objects.all(),
            Bar.objects.filter(slow=False),
            ScoreQuantiles.objects.all(),
            StrategyVersion.objects.all(),
            PaperTradingSession.objects.all(),
            AccountEvent.objects.all(),
        )
        for text in missed(session, rows)
    ]
    assert not found, "\n".join(found)


def test_a_changed_output_is_named(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    session = world(market)
    # The market's side is the same every time: it is replayed once.
    steps = list(MarketReplay(market).steps(session.start_step + TICKS - 1))
    monkeypatch.setattr(MarketReplay, "steps", lambda self, last: iter(steps))
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
            PaperPosition.objects.filter(is_open=True),
            PaperPosition.objects.filter(is_open=False),
            PaperTradingAccount.objects.all(),
            BreakerState.objects.filter(kind=BreakerKind.DRAWDOWN),
            BreakerState.objects.filter(tripped=True),
            OutcomeDay.objects.all(),
        )
        for text in missed(session, rows)
    ]
    assert not found, "\n".join(found)
