"""What size kills: a session's decisions carried out again by accounts of other sizes.

The same steps of the market, the same decisions as they were stored, the same strategy, level
and luck; every deposit is scaled alike. Nothing is decided anew, and nothing is written.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from paper_trading.bot.replay import export
from paper_trading.bot.replay.capacity_tally import Size, Tally
from paper_trading.bot.replay.checks import Difference, Mismatch, NoJournal, same, same_count
from paper_trading.bot.replay.export import StageEntry, TickEntry
from paper_trading.bot.replay.happenings import happened
from paper_trading.bot.replay.market_check import ComparedStep, MarketReplay
from paper_trading.bot.replay.stored import TickRows, broken_of
from paper_trading.bot.replay.ticks import MemoryTick
from paper_trading.bot.replay.verify import (
    UNREADABLE,
    Progress,
    entries_of,
    last_step,
    read_step,
    snapshot,
)
from paper_trading.bot.trade_rows import SWAP_COLUMNS
from paper_trading.engine.decision import Decision
from paper_trading.engine.enums import Stage
from paper_trading.engine.money import HIGHEST_DEPOSIT_USD, ZERO, exact, require, usd
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence import book as books
from paper_trading.intelligence.book import Book
from paper_trading.intelligence.decision_json import decision_from_json
from paper_trading.intelligence.market_view import MarketView
from paper_trading.models import AccountEvent, PaperTrade, PaperTradingSession

#: Starting cash, in USD.
SIZES = tuple(Decimal(size) for size in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000))


@dataclass(frozen=True, slots=True)
class Capacity:
    """The curve of a session: its sizes from the smallest, its own among them."""

    session: int
    level: int
    ticks: int
    #: Sessions of the account, earlier ones included: they make what this one starts from.
    sessions: int
    sizes: tuple[Size, ...]


def capacity(
    session_id: int,
    sizes: Sequence[Decimal] = SIZES,
    progress: Progress = lambda step, last: None,
) -> Capacity:
    """Carry out a session's stored decisions at each size of its account, and at its own.

    A size is the account's first deposit in USD. The account's earlier sessions are carried out
    first. The own size must make the trades of the rows to the digit.

    :raises Mismatch: when it does not, or the market is not the one that was stored.
    :raises NoJournal: when the rows do not hold what a replay needs.
    :raises ValueError: when a scaled deposit is out of a deposit's range.
    """
    with snapshot():
        session = PaperTradingSession.objects.select_related("account__market").get(pk=session_id)
        events = export.events_of(session.account_id)
        if not events or events[0].version != 1 or events[0].amount_usd is None:
            raise NoJournal(
                f"account {session.account.name} has no journal: it was opened before it was kept"
            )
        first = events[0].amount_usd
        accounts = [Sized(first, size) for size in sorted({*sizes, first})]
        for account in accounts:
            account.check(events)
        try:
            return _Run(session, events[1:], accounts, progress).run()
        except UNREADABLE as error:
            where = f"session {session.pk}"
            raise Mismatch(Difference(where, "a row", "readable", repr(error))) from error


@dataclass(slots=True)
class Sized:
    """An account at one size; `own_usd` and `size_usd` are first deposits.

    :raises ValueError: when the size is out of a deposit's range.
    """

    own_usd: Decimal
    size_usd: Decimal
    book: Book = field(init=False)
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        """Open the account."""
        self.book = books.opened(self._scaled(self.own_usd))
        self.tally = Tally.begun(self.book)

    @property
    def own(self) -> bool:
        """Say whether this is the size that the rows are of."""
        return self.size_usd == self.own_usd

    def check(self, events: Iterable[AccountEvent]) -> None:
        """Refuse a size that makes of some deposit what no deposit is, with a ValueError."""
        for event in events:
            if event.amount_usd is not None:
                scaled = self._scaled(event.amount_usd)
                require("a scaled deposit", scaled, ZERO, HIGHEST_DEPOSIT_USD, above=True)

    def begin(self) -> None:
        """Count from here on: the session that is asked for begins."""
        self.tally = Tally.begun(self.book)

    def happen(self, event: AccountEvent) -> None:
        """Apply what happened to the account between two stages; a deposit is scaled."""
        amount = None if event.amount_usd is None else self._scaled(event.amount_usd)
        self.book = happened(self.book, event, amount)

    def stage(
        self, stage: Stage, tick: MemoryTick, decisions: tuple[Decision, ...], step: timedelta
    ) -> Sequence[TradeRecord]:
        """Run a stage that moves money and return its records; `step` is the market's."""
        if stage is Stage.AUTO_CLOSE:
            self.book = tick.auto_close(self.book)
            result = tick.closing
        else:
            tick.decisions = decisions
            self.book = tick.execute(self.book, step)
            result = tick.executed
        records = () if result is None else result.trades
        for record in records:
            self.tally.count(record)
        return records

    @exact
    def _scaled(self, amount_usd: Decimal) -> Decimal:
        return usd(amount_usd * self.size_usd / self.own_usd)


class _Run:
    """All sizes over the ticks of an account, stage by stage on one market."""

    def __init__(
        self,
        session: PaperTradingSession,
        events: list[AccountEvent],
        accounts: list[Sized],
        progress: Progress,
    ) -> None:
        self._session = session
        self._events = events
        self._accounts = accounts
        self._progress = progress
        self._step = timedelta(seconds=session.account.market.step_seconds)
        # Decisions are not made anew, so no book of set-ups is followed.
        self._market = MarketReplay(session.account.market, ())

    def run(self) -> Capacity:
        earlier = self._session.account.sessions.filter(pk__lte=self._session.pk)
        sessions = list(earlier.order_by("pk"))
        first, last = self._market.first_step, last_step(sessions)
        steps = self._market.steps(last)
        ticks = 0
        for session in sessions:
            ticks = 0
            for entry, rows in entries_of(session):
                if not ticks and session == self._session:
                    self._begin(entry)
                self._tick(entry, self._view(entry, steps), rows)
                self._progress((entry.row.step or first) - first + 1, last - first + 1)
                ticks += 1
        if not ticks:
            raise NoJournal(f"session {self._session.pk} has no tick that was begun")
        sizes = tuple(one.tally.size(one.size_usd, one.own, one.book) for one in self._accounts)
        level = self._session.intel_level
        return Capacity(self._session.pk, level, ticks, len(sessions), sizes)

    def _begin(self, entry: TickEntry) -> None:
        """Begin to count; what happened to the account before the session is no part of it."""
        if entry.stages:
            self._catch_up(entry.stages[0].version)
        for account in self._accounts:
            account.begin()

    def _view(self, entry: TickEntry, steps: Iterator[ComparedStep]) -> MarketView | None:
        """Replay the market up to a tick's step and return what the tick read there."""
        if entry.row.batch_id is None:
            return None
        wanted = read_step(entry.row, self._session.account.market)
        for step in steps:
            if step.made.number == wanted:
                return step.made.view
        raise NoJournal(f"{entry.where} reads step {entry.row.step}, which has no batch")

    def _tick(self, entry: TickEntry, view: MarketView | None, rows: TickRows) -> None:
        if view is None:
            if entry.stages:
                raise NoJournal(f"{entry.where} did stages without a batch")
            return
        broken = broken_of(rows)
        ticks = [MemoryTick(entry.inputs, view, None, broken) for _ in self._accounts]
        decisions = tuple(decision_from_json(row.evidence) for row in rows.thoughts())
        for done in entry.stages:
            self._catch_up(done.version)
            if done.stage in (Stage.AUTO_CLOSE, Stage.EXECUTION):
                self._money(entry, done, ticks, decisions, rows)

    def _money(
        self,
        entry: TickEntry,
        done: StageEntry,
        ticks: Iterable[MemoryTick],
        decisions: tuple[Decision, ...],
        rows: TickRows,
    ) -> None:
        for account, tick in zip(self._accounts, ticks, strict=True):
            where = f"{entry.where} stage {done.stage}"
            if account.own:
                same(where, "state_version", account.book.version, done.version)
            records = account.stage(done.stage, tick, decisions, self._step)
            if account.own:
                _same_trades(where, records, rows.trades(done.stage))

    def _catch_up(self, version: int) -> None:
        """Apply what happened to the account before a stage read it at a version."""
        while self._events and self._events[0].version <= version:
            event = self._events.pop(0)
            for account in self._accounts:
                account.happen(event)


def _same_trades(where: str, records: Sequence[TradeRecord], stored: Sequence[PaperTrade]) -> None:
    """Compare what the own size did with the rows, in every figure of an order."""
    for record, row in zip(records, stored, strict=False):
        named = f"{where} trade {record.sequence}"
        for name in ("side", "status", "code", "asked_usd", "allowed_usd", "limit"):
            same(named, name, getattr(record, name), getattr(row, name))
        same(named, "token", record.token.id, row.token_id)
        if record.swap is not None:
            for name in SWAP_COLUMNS:
                same(named, name, getattr(record.swap, name), getattr(row, name))
    same_count(where, "trades", len(records), len(stored))
