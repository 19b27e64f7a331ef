"""A price file replayed in memory: the market, the account and the stages, without a database."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from paper_trading.bot.accounts import STARTING_CASH_USD
from paper_trading.bot.replay.market import MemoryMarket, MemoryStep
from paper_trading.bot.replay.ticks import MemoryTick, run_tick, trades_of
from paper_trading.engine import accounting
from paper_trading.engine.enums import ExitReason, TradeStatus
from paper_trading.engine.money import ZERO
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.track import Metrics
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence import book as books
from paper_trading.intelligence.book import Book
from paper_trading.intelligence.brackets import key_of
from paper_trading.intelligence.inputs import TickInputs
from paper_trading.intelligence.market_view import ListedToken
from paper_trading.intelligence.observed import SourceStep, exact_step
from paper_trading.intelligence.user_signals import SwitchedOff
from paper_trading.services import market_setup, signal_folder
from paper_trading.services.sources.base import BACKFILL_STEPS
from paper_trading.services.sources.recorded import RecordedFile, RecordedSource

logger = logging.getLogger(__name__)

#: Told the ticks that are done and the ticks that there are.
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class LevelRun:
    """One level on a file: its account, and what it did."""

    level: int
    strategy: Strategy
    seed: int
    book: Book = field(default_factory=lambda: books.opened(STARTING_CASH_USD))
    ticks: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    trades: int = 0
    closed: Counter[str] = field(default_factory=Counter)
    denials: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    #: Gas and the terms of the shortfall, in USD, over all fills and failures.
    costs: dict[str, Decimal] = field(default_factory=dict)
    metrics: Metrics | None = None

    def tick(self, step: MemoryStep, length: timedelta) -> MemoryTick:
        """Run a tick on a step of the market and count what it did."""
        inputs = TickInputs(self.seed, self.level, self.strategy)
        experience = step.experience(self.strategy)
        made, self.book = run_tick(inputs, step.view, experience, self.book, length, self.ticks)
        self.ticks += 1
        for decision in made.decisions:
            self.decisions[decision.action.value] += 1
            self.codes[decision.code.value] += 1
        for record in trades_of(made):
            self._count(record)
        self.metrics = made.metrics or self.metrics
        return made

    def _count(self, record: TradeRecord) -> None:
        if record.status is TradeStatus.DENIED:
            self.denials[record.code.value] += 1
            return
        if record.status is TradeStatus.FAILED:
            self.failures[record.code.value] += 1
        else:
            self.trades += 1
        if record.closed is not None and record.exit_reason is not None:
            self.closed[ExitReason(record.exit_reason).value] += 1
        if record.swap is not None:
            for name in ("fee_usd", "impact_usd", "drift_usd", "mev_usd", "gas_usd"):
                paid = getattr(record.swap, name)
                self.costs[name] = self.costs.get(name, ZERO) + paid

    def result(self) -> dict[str, Any]:
        """Return what the level did, in the words of the report of a limited run."""
        account, equity = self.book.account, self.book.last_equity
        worth = account.cash_usd if equity is None else equity[1]
        wins = account.winning_trades
        return {
            "level": self.level,
            "ticks": self.ticks,
            "decisions": dict(sorted(self.decisions.items())),
            "codes": dict(sorted(self.codes.items())),
            "trades": self.trades,
            "positions_open": len(account.positions),
            "positions_closed": dict(sorted(self.closed.items())),
            "denials": dict(sorted(self.denials.items())),
            "failures": dict(sorted(self.failures.items())),
            "equity_usd": _text(worth),
            "realized_usd": _text(account.realized_usd),
            "max_drawdown_percent": _text(account.max_drawdown_percent),
            "winning_trades": wins,
            "losing_trades": account.losing_trades,
            "costs": {name: _text(paid) for name, paid in sorted(self.costs.items())},
            "ledger_ok": accounting.cash_identity(account) == 0,
        }


class FileMarket:
    """A recorded file as a market in memory, its back-fill folded.

    It follows the set-ups of the strategies that are to trade on it.
    """

    def __init__(self, file: RecordedFile, strategies: Iterable[Strategy]) -> None:
        self.source = RecordedSource(file)
        signals = signal_folder.signals()
        terms, native = market_setup.recorded_terms(file, signals)
        self.seed = terms.seed
        self.length = timedelta(seconds=file.step_seconds)
        self.ticks = file.steps - BACKFILL_STEPS
        self._tokens: tuple[ListedToken, ...] = market_setup.recorded_tokens(file)
        reader = signal_folder.FolderReader() if signals else None
        keys = {key_of(strategy) for strategy in strategies}
        self._memory = MemoryMarket(terms, self._tokens, native, keys, reader)
        self._told = 0
        self._memory.backfill(self._step(number) for number in range(BACKFILL_STEPS))
        self._tell()

    @property
    def off(self) -> tuple[SwitchedOff, ...]:
        """Return the user's signals that were switched off on the way."""
        return self._memory.head.off

    def steps(self, ticks: int) -> Iterator[MemoryStep]:
        """Yield the steps of so many ticks, one after the other; once only."""
        for number in range(BACKFILL_STEPS, BACKFILL_STEPS + min(ticks, self.ticks)):
            made = self._memory.step(self._step(number), self._tokens)
            self._tell()
            yield made

    def _tell(self) -> None:
        """Log which of the user's signals were switched off since the last call."""
        for one in self.off[self._told :]:
            logger.error(
                "Signal %s is switched off from step %d on: %s", one.name, one.step, one.reason
            )
        self._told = len(self.off)

    def _step(self, number: int) -> SourceStep:
        return exact_step(self.source.step(number, {}))


def run_file(
    file: RecordedFile,
    levels: Sequence[int],
    strategy: Strategy,
    ticks: int | None = None,
    progress: Progress = lambda done, all_: None,
) -> list[LevelRun]:
    """Replay a file, or its first ticks, for some levels on one market."""
    market = FileMarket(file, [strategy])
    wanted = market.ticks if ticks is None else min(ticks, market.ticks)
    runs = [LevelRun(level, strategy, market.seed) for level in levels]
    for done, step in enumerate(market.steps(wanted), 1):
        for run in runs:
            run.tick(step, market.length)
        progress(done, wanted)
    return runs


def digests(
    file: RecordedFile, level: int, strategy: Strategy, ticks: int
) -> list[Mapping[str, str]]:
    """Return one digest a tick of what a level decided, traded and was worth."""
    market = FileMarket(file, [strategy])
    run = LevelRun(level, strategy, market.seed)
    found: list[Mapping[str, str]] = []
    for step in market.steps(ticks):
        made = run.tick(step, market.length)
        point = None if made.executed is None else made.executed.equity
        parts = {"decisions": made.decisions, "trades": trades_of(made), "equity": point}
        found.append({name: _digest(part) for name, part in parts.items()})
    return found


def _digest(part: object) -> str:
    return hashlib.sha256(repr(part).encode()).hexdigest()


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
