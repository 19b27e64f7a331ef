"""Verify a session: replay its inputs in memory and compare everything that it stored."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from django.db import connection, transaction

from paper_trading.bot.replay import export, stored
from paper_trading.bot.replay.checks import Difference, Mismatch, NoJournal, same
from paper_trading.bot.replay.export import TickEntry
from paper_trading.bot.replay.market import MemoryStep
from paper_trading.bot.replay.market_check import ComparedStep, MarketReplay
from paper_trading.bot.replay.session_check import AccountReplay
from paper_trading.bot.replay.set_up_check import keys_of
from paper_trading.bot.replay.stored import TickRows
from paper_trading.engine.enums import Stage
from paper_trading.intelligence.brackets import key_of
from paper_trading.models import FeedMode, Market, PaperTradingSession, Tick, TickStatus

#: What a row can raise that holds something no code wrote.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

#: Told how many steps of the market were replayed, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared and found identical."""

    session: int
    #: Sessions of the account, earlier ones included: they make what this one starts from.
    sessions: int
    steps: int
    ticks: int
    closed: int
    #: The account's own row, positions and breakers too: nothing came after this session.
    to_the_end: bool
    #: Ticks in which a venue raised: its denials were taken as stored, all else was compared.
    broken: tuple[str, ...] = ()


def verify(session_id: int, progress: Progress = lambda step, last: None) -> Verified:
    """Replay a session and compare it with its rows; nothing is written.

    The account's earlier sessions are replayed first. A tick that is still open is left out.

    :raises Mismatch: at the first difference.
    :raises NoJournal: when the rows do not hold what a replay needs.
    """
    with snapshot():
        session = PaperTradingSession.objects.select_related("account__market").get(pk=session_id)
        earlier = session.account.sessions.filter(pk__lte=session.pk).order_by("pk")
        try:
            return Verification(session, list(earlier), progress).run()
        except UNREADABLE as error:
            where = f"session {session.pk}"
            raise Mismatch(Difference(where, "a row", "readable", repr(error))) from error


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything as of one moment, and refuse to write."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # A long replay computes between two statements.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def entries_of(session: PaperTradingSession) -> Iterator[tuple[TickEntry, TickRows]]:
    """Yield the ticks of a session with what they left behind."""
    entries = export.ticks_of(session)
    while portion := list(islice(entries, export.PORTION)):
        rows = stored.rows_of([entry.row.pk for entry in portion])
        for entry in portion:
            yield entry, rows[entry.row.pk]


def last_step(sessions: Iterable[PaperTradingSession]) -> int:
    """Return the newest step that a tick of some sessions is due at; -1 when none read a batch."""
    ticks = Tick.objects.filter(session__in=sessions, batch__isnull=False)
    newest = ticks.order_by("-step").first()
    return -1 if newest is None or newest.step is None else newest.step


def read_step(row: Tick, market: Market) -> int | None:
    """Return the step of a tick's batch: live, the newest one may have stood in for its own."""
    if row.batch is None or market.mode != FeedMode.LIVE:
        return row.step
    return row.batch.step


class Verification:
    """One run of `verify`: the market step by step, the account tick by tick, then its end."""

    def __init__(
        self,
        session: PaperTradingSession,
        sessions: list[PaperTradingSession],
        progress: Progress,
    ) -> None:
        self.session = session
        self.sessions = sessions
        self.progress = progress
        self.market = MarketReplay(session.account.market, keys_of(sessions))
        account = session.account
        self.replay = AccountReplay(account, export.events_of(account.pk))

    def run(self) -> Verified:
        """Replay all ticks in order, then compare where the account stands."""
        first, last = self.market.first_step, last_step(self.sessions)
        steps = self.market.steps(last)
        count = closed = 0
        for session in self.sessions:
            self.replay.ticks_closed = 0
            for entry, rows in entries_of(session):
                self.replay.tick(entry, self._step(entry, steps), rows)
                self.progress((entry.row.step or first) - first + 1, last - first + 1)
                count += 1
            found = self.replay.ticks_closed
            same(f"session {session.pk}", "ticks_closed", found, session.ticks_closed)
            closed += found
        self.market.same_head()
        if not count:
            raise NoJournal(f"session {self.session.pk} has no tick that was begun")
        return Verified(
            session=self.session.pk,
            sessions=len(self.sessions),
            steps=max(0, last - first + 1),
            ticks=count,
            closed=closed,
            to_the_end=self._same_end(),
            broken=tuple(self.replay.broken),
        )

    def _step(self, entry: TickEntry, steps: Iterator[ComparedStep]) -> MemoryStep | None:
        """Replay the market up to a tick's step and return what the tick read there."""
        row, where = entry.row, entry.where
        if row.batch_id is None:
            return None
        key = key_of(entry.inputs.strategy)
        for step in steps:
            if step.made.number == read_step(row, self.session.account.market):
                same(where, "batch", step.batch_id, row.batch_id)
                same(where, "market_time", step.made.market_time, row.market_time)
                # A tick that ended before its analysis may not have read any.
                if row.experience_id is not None or entry.did(Stage.ANALYSIS):
                    same(where, "experience", step.experiences[key], row.experience_id)
                return step.made
        raise NoJournal(f"{where} reads step {row.step}, which has no batch")

    def _same_end(self) -> bool:
        """Compare the account's own rows when nothing came after the replayed ticks."""
        account = self.session.account
        later = account.sessions.filter(pk__gt=self.session.pk).exists()
        busy = Tick.objects.filter(session__account=account, status=TickStatus.OPEN).exists()
        if later or busy:
            return False
        self.replay.same_end()
        return True
