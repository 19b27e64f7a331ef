"""An account's sessions replayed tick by tick, each compared with the rows it left."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from paper_trading.bot.accounts import deposit_rows
from paper_trading.bot.market_analyzer import thought_row
from paper_trading.bot.replay.checks import NoJournal, same, same_count, same_decision, same_rows
from paper_trading.bot.replay.export import StageEntry, TickEntry
from paper_trading.bot.replay.final_check import same_account
from paper_trading.bot.replay.happenings import happened
from paper_trading.bot.replay.market import MemoryStep
from paper_trading.bot.replay.stored import TickRows, broken_of
from paper_trading.bot.replay.ticks import MemoryTick, trades_of
from paper_trading.bot.session_metrics import metrics_row
from paper_trading.bot.trade_executor import equity_row
from paper_trading.bot.trade_rows import posting_rows, trade_row, transaction_rows
from paper_trading.engine.account import Position
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Stage, TradeStatus
from paper_trading.engine.steps import StepResult
from paper_trading.engine.track import metrics_due
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence import book as books
from paper_trading.intelligence.book import Book
from paper_trading.intelligence.decision_json import decision_from_json, decision_to_json
from paper_trading.models import (
    AccountEvent,
    AccountEventKind,
    PaperAIThoughtLog,
    PaperTrade,
    PaperTradingAccount,
    TickStatus,
)


class AccountReplay:
    """One account from its first deposit on: events and stages in the order of its versions."""

    def __init__(self, account: PaperTradingAccount, events: list[AccountEvent]) -> None:
        if not events or events[0].version != 1 or events[0].amount_usd is None:
            raise NoJournal(
                f"account {account.name} has no journal: it was opened before it was kept"
            )
        self.account = account
        self.step = timedelta(seconds=account.market.step_seconds)
        self.book: Book = books.opened(events[0].amount_usd)
        self.ticks_closed = 0
        #: Key of the open position of each token, learnt from the trade that opened it.
        self.positions: dict[int, int | None] = {}
        #: Ticks in which a venue raised, by name.
        self.broken: list[str] = []
        self._lines = 0
        #: What each closed position was before its last sale, by its key.
        self.closed: dict[int, tuple[Position, TradeRecord, Decimal]] = {}
        self._events = events[1:]
        self._same_deposit(events[0], None)

    def tick(self, entry: TickEntry, step: MemoryStep | None, rows: TickRows) -> None:
        """Run the stages that a tick came through and compare each with its rows."""
        tick = None
        if step is not None:
            experience = step.experience(entry.inputs.strategy)
            tick = MemoryTick(entry.inputs, step.view, experience, broken_of(rows))
            if any(tick.broken.values()):
                self.broken.append(entry.where)
        for stage in entry.stages:
            if tick is None:
                raise NoJournal(f"{entry.where} did stage {stage.stage} without a batch")
            self.catch_up(stage.version)
            where = f"{entry.where} stage {stage.stage}"
            same(where, "state_version", self.book.version, stage.version)
            self._run(entry, stage, tick, rows)
        self._same_end(entry, tick, rows)

    def catch_up(self, version: int) -> None:
        """Apply what happened to the account up to a version."""
        while self._events and self._events[0].version <= version:
            event = self._events.pop(0)
            where = f"account {self.account.pk} event"
            same(where, "version", self.book.version + 1, event.version)
            self._apply(event)

    def _apply(self, event: AccountEvent) -> None:
        if event.kind == AccountEventKind.DEPOSIT and event.amount_usd is not None:
            at = None if self.book.last_equity is None else self.book.last_equity[0]
            self._same_deposit(event, at)
        self.book = happened(self.book, event, event.amount_usd)

    def _same_deposit(self, event: AccountEvent, at: datetime | None) -> None:
        """Compare the postings of a deposit."""
        where = f"account {self.account.pk} deposit at version {event.version}"
        amount = event.amount_usd
        if amount is None:
            raise NoJournal(f"{where} names no amount")
        made = deposit_rows(self.account.pk, amount, self._lines, at)
        lines = self.account.ledger.filter(trade=None, line__gte=self._lines).order_by("line")
        self._lines += len(made)
        _same_lists(f"{where} posting", "postings", made, list(lines[: len(made)]))

    def _run(self, entry: TickEntry, done: StageEntry, tick: MemoryTick, rows: TickRows) -> None:
        before = self.book.account.positions
        if done.stage is Stage.AUTO_CLOSE:
            self.book = tick.auto_close(self.book)
            self._same_trades(entry, done.stage, tick.closing, rows)
            self._keep_closed(before, tick.closing, tick)
        elif done.stage is Stage.ANALYSIS:
            listed = tick.view.chunk(done.chunk, entry.row.chunks_total)
            made = tick.analyze(listed, self.book.state(), rows.failed)
            self._same_decisions(entry, made, rows)
        elif done.stage is Stage.EXECUTION:
            self.book = tick.execute(self.book, self.step)
            self._same_trades(entry, done.stage, tick.executed, rows)
            self._keep_closed(before, tick.executed, tick)
        else:
            made_metrics = tick.measure(self.book)
            stored = rows.metrics
            same_count(entry.where, "metrics rows", 1, int(stored is not None))
            if stored is not None:
                row = metrics_row(entry.row, made_metrics)
                same_rows(f"{entry.where} metrics", row, stored)

    def _same_trades(
        self, entry: TickEntry, stage: Stage, result: StepResult | None, rows: TickRows
    ) -> None:
        made = () if result is None else result.trades
        stored = rows.trades(stage)
        for record, row in zip(made, stored, strict=False):
            self._same_trade(entry, stage, record, row, rows)
        same_count(f"{entry.where} stage {stage}", "trades", len(made), len(stored))

    def _same_trade(
        self,
        entry: TickEntry,
        stage: Stage,
        record: TradeRecord,
        stored: PaperTrade,
        rows: TickRows,
    ) -> None:
        where = f"{entry.where} stage {stage} trade {record.sequence}"
        filled = record.status is TradeStatus.FILLED
        token = record.token.id
        if filled and token not in self.positions:
            self.positions[token] = stored.position_id
        row = trade_row(entry.row, stage, record, None)
        row.position_id = self.positions.get(token)
        same_rows(where, row, stored)
        row.pk = stored.pk
        made = transaction_rows(row, record)
        _same_lists(f"{where} transaction", "transactions", made, rows.transactions(stored.pk))
        posted = posting_rows(row, record)
        _same_lists(f"{where} posting", "postings", posted, rows.postings(stored.pk))

    def _keep_closed(
        self, before: Mapping[int, Position], result: StepResult | None, tick: MemoryTick
    ) -> None:
        """Remember what was sold out: no later stage writes its row."""
        for record in () if result is None else result.trades:
            if record.closed is not None:
                key = self.positions.pop(record.token.id)
                if key is not None:
                    price = tick.view.batch.quotes[record.token.id].price_usd
                    self.closed[key] = (before[record.token.id], record, price)

    def _same_decisions(self, entry: TickEntry, made: tuple[Decision, ...], rows: TickRows) -> None:
        for decision in made:
            where = f"{entry.where} decision on {decision.symbol}"
            stored = rows.thought(decision.token_id)
            same_count(where, "rows", 1, int(stored is not None))
            if stored is None:
                continue
            same_decision(where, decision, _decision(where, stored))
            names = (sorted(decision_to_json(decision)), sorted(stored.evidence))
            same(where, "evidence", *names)
            same_rows(where, thought_row(entry.row, decision), stored, skip=["evidence"])

    def _same_end(self, entry: TickEntry, tick: MemoryTick | None, rows: TickRows) -> None:
        """Compare what a tick left behind when it ended."""
        row, where = entry.row, entry.where
        closed = row.status == TickStatus.CLOSED
        same(where, "status", rows.reached_close, closed)
        executed = None if tick is None else tick.executed
        closing = None if tick is None else tick.closing
        last = executed or closing
        same(where, "trading_state", "" if last is None else last.state, row.trading_state)
        if executed is not None and tick is not None:
            same(where, "chunks_total", _chunks(entry), row.chunks_total)
            same(where, "chunks_done", _chunks(entry), row.chunks_done)
            due = metrics_due(self.ticks_closed)
            same(where, "metrics", due and closed, entry.did(Stage.METRICS) and closed)
        point = rows.equity
        same_count(where, "equity points", int(executed is not None), int(point is not None))
        if executed is not None and point is not None:
            same_rows(f"{where} equity point", equity_row(row, executed.equity), point)
        self._nothing_else(entry, tick, rows)
        self.ticks_closed += int(closed)

    def _nothing_else(self, entry: TickEntry, tick: MemoryTick | None, rows: TickRows) -> None:
        """Count what a tick left: a stage that was not done has left nothing."""
        decided = 0 if tick is None else len(tick.decisions)
        traded = 0 if tick is None else len(trades_of(tick))
        measured = int(entry.did(Stage.METRICS))
        same_count(entry.where, "decisions", decided, rows.count_thoughts())
        same_count(entry.where, "trades", traded, rows.count_trades())
        same_count(entry.where, "metrics rows", measured, int(rows.metrics is not None))

    def same_end(self) -> None:
        """Compare where the account stands when nothing came after the replayed ticks."""
        self.catch_up(self.account.state_version)
        where = f"account {self.account.pk}"
        same_count(where, "events to come", 0, len(self._events))
        paid = self.account.ledger.filter(trade=None).count()
        same_count(where, "postings of deposits", self._lines, paid)
        same_account(self.account, self.book, self.closed, self.positions)


def _chunks(entry: TickEntry) -> int:
    return sum(1 for done in entry.stages if done.stage is Stage.ANALYSIS)


def _decision(where: str, stored: PaperAIThoughtLog) -> Decision:
    """Read a stored decision; one that cannot be read is a difference."""
    try:
        return decision_from_json(stored.evidence)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        same(where, "evidence", "a decision", repr(error))
        raise


def _same_lists(where: str, what: str, made: list[Any], stored: list[Any]) -> None:
    for number, (row, found) in enumerate(zip(made, stored, strict=False)):
        same_rows(f"{where} {number}", row, found)
    same_count(where, what, len(made), len(stored))
