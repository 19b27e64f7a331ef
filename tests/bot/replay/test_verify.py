"""A session's rows are what a replay of its inputs makes, and any changed digit is named."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import models, transaction

from paper_trading.bot import accounts, controls, endings, journal, stages
from paper_trading.bot.circuit_breakers import CircuitBreakerManager
from paper_trading.bot.price_service_integration import RealPriceManager
from paper_trading.bot.replay.checks import Mismatch, NoJournal
from paper_trading.bot.replay.market_check import MarketReplay
from paper_trading.bot.replay.set_up_check import keys_of
from paper_trading.bot.replay.verify import UNREADABLE, Verification, verify
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import BreakerKind, Stage
from paper_trading.engine.seal import seal
from paper_trading.intelligence.evidence import Evidence
from paper_trading.intelligence.intel_slider import IntelSliderEngine
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
from paper_trading.services.sources.catalogue import RecordChanged
from tests.bot import worlds
from tests.bot.replay.tampering import candidates, changed, columns, tamper

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


def test_a_session_replays_identically(market: Market) -> None:
    session = world(market)
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


def market_once(
    session: PaperTradingSession, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replay the market's side once: it is the same every time."""
    steps = list(MarketReplay(market, keys_of([session])).steps(session.start_step + TICKS - 1))
    monkeypatch.setattr(MarketReplay, "steps", lambda self, last: iter(steps))


def test_a_changed_input_of_a_session_is_named(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world(market)
    market_once(session, market, monkeypatch)
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


def test_a_changed_input_of_a_market_is_named(market: Market) -> None:
    session = world(market)
    found = [
        text
        for rows in (
            PriceBatch.objects.all(),
            Quote.objects.all(),
            TokenList.objects.all(),
            MarketGenesis.objects.all(),
            Market.objects.all(),
            Bar.objects.filter(slow=False).order_by("-pk"),
            ScoreQuantiles.objects.all(),
            MarketToken.objects.all(),
        )
        for text in missed(session, rows, lambda: market_said(session))
    ]
    assert not found, "\n".join(found)


def test_a_changed_output_of_a_tick_is_named(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world(market)
    market_once(session, market, monkeypatch)
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
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world(market)
    market_once(session, market, monkeypatch)
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


def test_chunks_may_read_the_account_before_and_after_a_deposit(market: Market) -> None:
    """Let a later chunk come first: the one before it then reads the newer version."""
    session = worlds.running_session(market)
    worlds.run_ticks(session, 3)
    tick = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    stages.run(Stage.ANALYSIS, tick.pk, 1)
    accounts.deposit(session.account, Decimal(1000))
    stages.run_to_end(tick.pk)
    read = dict(tick.stages.filter(stage=Stage.ANALYSIS).values_list("chunk", "state_version"))
    assert (read[0] or 0) == (read[1] or 0) + 1
    assert verify(session.pk).to_the_end


@pytest.mark.internal_errors
def test_a_decision_in_place_of_a_failed_analysis_is_compared(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure that comes back on the same input must not stop the replay either."""
    decide = IntelSliderEngine.decide

    def failing(self: IntelSliderEngine, evidence: Evidence) -> Decision:
        if evidence.token.symbol == "MOON":
            raise RuntimeError("as ever")
        return decide(self, evidence)

    monkeypatch.setattr(IntelSliderEngine, "decide", failing)
    session = worlds.running_session(market)
    worlds.run_ticks(session, 2)
    verify(session.pk)
    row = PaperAIThoughtLog.objects.filter(code="INTERNAL_ERROR")[0]
    row.action = row.evidence["action"] = "BUY"
    row.save()
    assert "decision on MOON: evidence action" in (_said(session) or "")


def trade_of_an_expired_tick(session: PaperTradingSession) -> None:
    trade = PaperTrade.objects.filter(status="DENIED")[0]
    trade.pk, trade.tick = None, Tick.objects.get(status="EXPIRED")
    trade.save(force_insert=True)


def decision_of_an_expired_tick(session: PaperTradingSession) -> None:
    thought = PaperAIThoughtLog.objects.latest("pk")
    thought.pk, thought.tick = None, Tick.objects.get(status="EXPIRED")
    thought.save(force_insert=True)


def metrics_out_of_turn(session: PaperTradingSession) -> None:
    row = PaperPerformanceMetrics.objects.get()
    row.pk, row.tick = None, session.ticks.get(number=5)
    row.save(force_insert=True)


def deposit_without_an_event(session: PaperTradingSession) -> None:
    paid = session.account.ledger.filter(trade=None).order_by("-line")[:2]
    for row in list(paid):
        row.pk, row.line = None, row.line + 2
        row.save(force_insert=True)


def event_without_a_version(session: PaperTradingSession) -> None:
    event = AccountEvent.objects.latest("version")
    event.pk, event.version = None, event.version + 1000
    event.seal = seal(journal.event_columns(event))
    event.save(force_insert=True)


@pytest.mark.parametrize(
    ("add", "words"),
    [
        (trade_of_an_expired_tick, "number of trades"),
        (decision_of_an_expired_tick, "number of decisions"),
        (metrics_out_of_turn, "tick 5: number of metrics rows"),
        (deposit_without_an_event, "number of postings of deposits"),
        (event_without_a_version, "number of events to come"),
    ],
)
def test_what_no_stage_has_left_is_found(market: Market, add: Any, words: str) -> None:
    session = worlds.running_session(market, max_daily_trades=6)
    worlds.run_ticks(session, 20)
    late = worlds.run_until(worlds.open_tick(session), Stage.ANALYSIS)
    endings.expire([late.pk])
    verify(session.pk)
    add(session)
    assert words in (_said(session) or "")


def test_a_buy_names_the_position_that_it_opened(market: Market) -> None:
    session = worlds.running_session(market)
    worlds.run_tick(session)
    one, other = PaperTrade.objects.filter(status="FILLED").order_by("pk")[:2]
    for trade, key in ((one, other.position_id), (other, one.position_id)):
        PaperTrade.objects.filter(pk=trade.pk).update(position=key)
    assert "position of its first trade" in (_said(session) or "")


def test_a_step_that_could_not_be_read_has_no_number(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the file be away for a moment while a person stops the session."""

    def away(self: RealPriceManager, step: int) -> Any:
        raise RecordChanged(f"no file at step {step}")

    session = worlds.running_session(market)
    worlds.run_ticks(session, 2)
    tick = worlds.open_tick(session)
    controls.stop(session)
    with monkeypatch.context() as patch:
        patch.setattr(RealPriceManager, "update_all_prices", away)
        stages.run_to_end(tick.pk)
    controls.start(session)
    assert worlds.run_ticks(session, 2).number == 5
    assert verify(session.pk).ticks == 4
