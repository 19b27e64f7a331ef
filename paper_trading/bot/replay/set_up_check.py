"""A market's books of set-ups, replayed with its steps and compared with their rows."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from django.db import models

from paper_trading.bot.replay.checks import Difference, Mismatch, same, same_rows
from paper_trading.bot.replay.set_ups import MemoryBookStep
from paper_trading.intelligence.brackets import BookKey, key_of
from paper_trading.intelligence.experience import Experience
from paper_trading.intelligence.setups import Matured, SetUp
from paper_trading.models import (
    Bar,
    FrozenExperience,
    PaperTradingSession,
    SetUpBook,
    SetUpDay,
    StrategyVersion,
)
from paper_trading.models import SetUp as SetUpRow
from paper_trading.services import set_up_rows

_Row = TypeVar("_Row", bound=models.Model)
#: Keys of the fast bars that a step closed, by token and end, in the order of their rows.
BarKeys = Mapping[tuple[int, datetime], int]


def keys_of(sessions: Iterable[PaperTradingSession]) -> set[BookKey]:
    """Return the keys of the books that the ticks of some sessions read."""
    versions = StrategyVersion.objects.filter(tick__session__in=list(sessions)).distinct()
    return {key_of(version.as_strategy()) for version in versions}


class BookReplay:
    """One book, compared step by step as far as its rows were folded."""

    def __init__(self, market_id: int, key: BookKey) -> None:
        rows = SetUpBook.objects.filter(market_id=market_id)
        found = (row for row in rows if set_up_rows.key_value(row) == key)
        self.book: SetUpBook | None = next(found, None)
        #: Key of what is in force after the compared steps.
        self.experience_id: int | None = None
        self._where = "book of set-ups" if self.book is None else f"book {self.book}"
        self._waiting: dict[tuple[int, datetime], SetUpRow] = {}
        self._done = self.book is None
        self._set_ups: Iterator[SetUpRow] = iter(())
        self._days: Iterator[SetUpDay] = iter(())
        self._frozen: Iterator[FrozenExperience] = iter(())
        if self.book is not None:
            self._set_ups = self.book.set_ups.order_by("bar_id").iterator(chunk_size=2_000)
            self._days = self.book.days.order_by("day").iterator()
            self._frozen = self.book.experiences.order_by("frozen_at").iterator()

    def step(self, step: MemoryBookStep, bars: BarKeys) -> None:
        """Compare what one step made of the book, unless its rows end before that step."""
        book = self.book
        if book is None or self._done or not bars:
            return
        newest = max(bars.values())
        if min(bars.values()) > book.last_bar_id:
            self.end()
            return
        same(self._where, "last_bar_id", True, newest <= book.last_bar_id)
        for day in step.finished:
            row = self._next(self._days, f"set-ups of {day.day}")
            same_rows(f"{self._where} set-ups of {day.day}", set_up_rows.day_row(book.pk, day), row)
        if step.made.froze and step.experience is not None:
            self._froze(book, step.experience)
        for made in step.made.entered:
            self._entered(book, made, bars)
        for ended in step.made.matured:
            self._matured(ended)
        if newest == book.last_bar_id:
            self.end()

    def end(self) -> None:
        """Compare what is left when the book's last bar was folded."""
        self._done = True
        for row in self._waiting.values():
            same(self._named(row.token_id, row.entered_at), "ended", "", row.ended)
        for what, rows in (
            ("set-up", self._set_ups),
            ("day", self._days),
            ("frozen_at", self._frozen),
        ):
            same(self._where, f"{what} after the last bar", None, next(rows, None))

    def same_end(self) -> None:
        """Check where the book stands when the replay has come to its end."""
        book = self.book
        # A live market that began without a past may have no bar yet: none is before its first.
        if book is None or self._done or book.last_bar_id == 0:
            return
        ahead = Bar.objects.filter(market_id=book.market_id, slow=False, pk=book.last_bar_id)
        same(self._where, "last_bar_id", True, ahead.exists())

    def _froze(self, book: SetUpBook, found: Experience) -> None:
        where = f"{self._where} experience of {found.frozen_at.isoformat()}"
        row = self._next(self._frozen, where)
        same_rows(where, set_up_rows.experience_row(book.pk, found), row)
        self.experience_id = row.pk

    def _entered(self, book: SetUpBook, made: SetUp, bars: BarKeys) -> None:
        at = (made.token_id, made.entered_at)
        where = self._named(*at)
        row = self._next(self._set_ups, where)
        wanted = set_up_rows.set_up_row(book.pk, bars[at], made)
        same_rows(where, wanted, row, skip=set_up_rows.MATURED)
        self._waiting[at] = row

    def _matured(self, ended: Matured) -> None:
        at = (ended.set_up.token_id, ended.set_up.entered_at)
        row = self._waiting.pop(at)
        wanted = type(row)()
        set_up_rows.end(wanted, ended)
        for name in set_up_rows.MATURED:
            same(self._named(*at), name, getattr(wanted, name), getattr(row, name))

    def _named(self, token_id: int, entered_at: datetime) -> str:
        return f"{self._where} set-up of token {token_id} at {entered_at.isoformat()}"

    def _next(self, rows: Iterator[_Row], where: str) -> _Row:
        row = next(rows, None)
        if row is None:
            raise Mismatch(Difference(where, "row", "one", "nothing"))
        return row
