"""Ticks in memory: the same steps as the stages run on rows, over a book and a market."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from paper_trading.engine.codes import Code
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Stage, TradeStatus, TradingState
from paper_trading.engine.steps import Rules, StepResult, auto_close, execute
from paper_trading.engine.track import Metrics, Worth, measure, metrics_due, worth_of
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence import book as books
from paper_trading.intelligence.analysis import AccountState, analyze, skipped, wanted
from paper_trading.intelligence.book import Book
from paper_trading.intelligence.experience import Experience
from paper_trading.intelligence.inputs import TickInputs
from paper_trading.intelligence.market_view import Listed, MarketView


@dataclass(slots=True)
class MemoryTick:
    """A tick at work: stages are called in order, and each leaves its result here."""

    inputs: TickInputs
    view: MarketView
    #: What was frozen of matured set-ups for the key of the tick's strategy.
    experience: Experience | None
    #: By stage, the tokens whose orders a venue raised at when it was run: it is not asked again.
    broken: Mapping[Stage, frozenset[int]] = field(default_factory=dict)
    closing: StepResult | None = None
    decisions: tuple[Decision, ...] = ()
    executed: StepResult | None = None
    metrics: Metrics | None = None

    def auto_close(self, book: Book) -> Book:
        """Run the stage auto_close."""
        self.closing = auto_close(
            book.account,
            self.view.batch,
            book.breakers,
            self._rules(Stage.AUTO_CLOSE),
            self.inputs.manual_closes,
        )
        return books.after_step(book, self.closing)

    def analyze(
        self,
        listed: Iterable[Listed],
        state: AccountState,
        failed: frozenset[int] = frozenset(),
    ) -> tuple[Decision, ...]:
        """Run the analysis of some tokens; their decisions are kept.

        `failed` are the tokens whose analysis raised when it was run: it is not tried again.
        """
        engine = self.inputs.engine()
        made = tuple(
            skipped(engine, one, Code.INTERNAL_ERROR)
            if one.token.id in failed
            else analyze(engine, one, self.view, state, self.experience)
            for one in listed
        )
        self.decisions += made
        return made

    def execute(self, book: Book, step: timedelta) -> Book:
        """Run the stage execution; `step` is the market's."""
        self.executed = execute(
            book.account,
            self.view.batch,
            book.breakers,
            self._rules(Stage.EXECUTION),
            wanted(self.decisions, self._reverted()),
            TradingState.ACTIVE if self.closing is None else self.closing.state,
        )
        after = books.after_step(book, self.executed)
        return books.after_tick(after, self._worth(self.executed), self.view.prices(), step)

    def measure(self, book: Book) -> Metrics:
        """Run the stage metrics."""
        if self.executed is None:
            raise ValueError("metrics are measured after the execution")
        self.metrics = measure(book.account, self._worth(self.executed), book.record)
        return self.metrics

    def _rules(self, stage: Stage) -> Rules:
        return self.inputs.rules(self.broken.get(stage, frozenset()))

    def _worth(self, result: StepResult) -> Worth:
        return worth_of(result.equity)

    def _reverted(self) -> frozenset[int]:
        trades = () if self.closing is None else self.closing.trades
        return frozenset(one.token.id for one in trades if one.status is TradeStatus.FAILED)


def trades_of(tick: MemoryTick) -> tuple[TradeRecord, ...]:
    """Return the records of a tick, exits first."""
    closing = () if tick.closing is None else tick.closing.trades
    return (*closing, *(() if tick.executed is None else tick.executed.trades))


def run_tick(
    inputs: TickInputs,
    view: MarketView,
    experience: Experience | None,
    book: Book,
    step: timedelta,
    ticks_closed: int,
) -> tuple[MemoryTick, Book]:
    """Take a tick through all of its stages."""
    tick = MemoryTick(inputs, view, experience)
    book = tick.auto_close(book)
    tick.analyze(view.listed, book.state())
    book = tick.execute(book, step)
    if metrics_due(ticks_closed):
        tick.measure(book)
    return tick, book
