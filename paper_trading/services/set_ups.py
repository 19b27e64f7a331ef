"""The books of a market's set-ups: brought up to a step from the bars that it stored.

Normal flow and a bracket that appears later are one path: whatever bars a book has not seen are
folded into it, a market day at most in one transaction. Each tick does so for its own bracket
when it has its prices; of sessions that share one, the first folds and the others find it done.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from paper_trading.engine.equity import market_day
from paper_trading.intelligence import experience as experiences
from paper_trading.intelligence import learner, quantiles
from paper_trading.intelligence.brackets import BookKey
from paper_trading.intelligence.experience import Experience
from paper_trading.intelligence.experience_json import day_from_json
from paper_trading.intelligence.set_up_folding import BookStep, fold_bars
from paper_trading.intelligence.setups import Matured, Pending
from paper_trading.models import (
    Bar,
    FrozenExperience,
    MarketGenesis,
    ScoreQuantiles,
    SetUp,
    SetUpBook,
    SetUpDay,
)
from paper_trading.models.bulk import update_rows
from paper_trading.services import set_up_rows
from paper_trading.services.market_rows import buyable_at, closed_bar, points_of

#: Bars that are folded in one transaction at most: a part of a second, for who waits for the lock.
PORTION = 500
#: How long to leave a book alone that another process is folding.
PAUSE_SECONDS = 0.05


def experience_at(
    market_id: int,
    key: BookKey,
    market_time: datetime,
    between: Callable[[], None] = lambda: None,
) -> FrozenExperience | None:
    """Bring a market's book of a key up to a market time and return what is in force there.

    None before the first ready bar after the market's back-fill. A bracket that appears late on
    a long market takes a second or two a market day: `between` is called after each commit. While
    another process folds the book nobody queues for its lock, however many want it: each looks
    again after `PAUSE_SECONDS`, calls `between`, and goes on with what is left.
    """
    book = _book(market_id, key)
    if _unseen(book, market_time).exists():
        while _fold_portion(book.pk, market_time):
            between()
    return newest(book, market_time)


def experience_soon(market_id: int, key: BookKey, market_time: datetime) -> FrozenExperience | None:
    """Do as `experience_at` when there is little to fold, a portion of bars at most.

    None when there is more, too: `is_behind` tells the two apart.
    """
    book = _book(market_id, key)
    count = _unseen(book, market_time)[: PORTION + 1].count()
    if count > PORTION:
        return None
    more = count > 0
    while more:
        more = _fold_portion(book.pk, market_time)
    return newest(book, market_time)


def is_behind(market_id: int, key: BookKey, market_time: datetime) -> bool:
    """Say whether a book has bars to fold before its experience at a market time is known."""
    return _unseen(_book(market_id, key), market_time).exists()


def newest(book: SetUpBook, market_time: datetime) -> FrozenExperience | None:
    """Return what is in force in a book at a market time."""
    found = FrozenExperience.objects.filter(book=book, frozen_at__lte=market_time)
    return found.order_by("-frozen_at").first()


def frozen_again(row: FrozenExperience) -> Experience:
    """Freeze again from rows what was frozen then; nothing is written.

    :raises ValueError: when no ready bar was known at its time: nothing could be frozen then.
    """
    book, at = row.book, row.frozen_at
    stored = SetUpDay.objects.filter(book=book, day__lt=market_day(at)).order_by("day")
    days = [day_from_json(one.day, one.counts) for one in stored]
    entered = SetUp.objects.filter(
        book=book, entered_at__gt=at - quantiles.SCORE_WINDOW, bar__known_at__lt=at
    )
    bars = Bar.objects.filter(market=book.market_id, slow=False, known_at=at).order_by("pk")
    ready = [bar for bar in map(closed_bar, bars) if bar.ready]
    if not ready:
        raise ValueError(f"no ready bar of {book.market} was known at {at}; one is needed")
    scores = list(entered.values_list("learned_score", flat=True))
    return experiences.freeze(set_up_rows.key_value(book), at, days, scores, learner.base_of(ready))


def find_book(market_id: int, key: BookKey) -> SetUpBook | None:
    """Return a market's book of a key; None when no session of that key has traded yet."""
    return SetUpBook.objects.filter(**_columns(market_id, key)).first()


def _columns(market_id: int, key: BookKey) -> dict[str, Any]:
    return {
        "market_id": market_id,
        "stop_percent": key.bracket.stop_percent,
        "target_percent": key.bracket.target_percent,
        "hold_hours": key.bracket.hold_hours,
        "confidence_threshold": key.confidence_threshold,
        "exit_volatility_percent": key.exit_volatility_percent,
    }


def _book(market_id: int, key: BookKey) -> SetUpBook:
    found = find_book(market_id, key)
    if found is not None:
        return found
    genesis = MarketGenesis.objects.filter(market_id=market_id).first()
    # Nothing is ranked during a back-fill: its bars are no set-ups.
    first = 0 if genesis is None else genesis.last_bar_id
    return SetUpBook.objects.get_or_create(
        **_columns(market_id, key), defaults={"last_bar_id": first}
    )[0]


def _unseen(book: SetUpBook, market_time: datetime) -> QuerySet[Bar]:
    return Bar.objects.filter(
        market_id=book.market_id, slow=False, pk__gt=book.last_bar_id, known_at__lte=market_time
    )


def _fold_portion(book_id: int, market_time: datetime) -> bool:
    """Fold the next bars of a book; say whether there may be more."""
    with transaction.atomic():
        free = SetUpBook.objects.select_for_update(no_key=True, skip_locked=True)
        book = free.filter(pk=book_id).first()
        if book is not None:
            rows, more = _whole_steps(_unseen(book, market_time).order_by("pk"))
            if rows:
                _Portion(book, rows).fold()
                book.last_bar_id = rows[-1].pk
                book.save(update_fields=["last_bar_id"])
            return more
    SetUpBook.objects.get(pk=book_id)
    # Another process folds it.
    time.sleep(PAUSE_SECONDS)
    return True


def _whole_steps(unseen: QuerySet[Bar]) -> tuple[list[Bar], bool]:
    """Return the first bars that make whole steps of one market day, and whether there are more.

    They are `PORTION` at most, unless the first step alone closed more: a step is folded whole.
    """
    read = list(unseen[: PORTION + 1])
    rows = [row for row in read if _day(row) == _day(read[0])]
    if len(rows) <= PORTION:
        return rows, len(rows) < len(read)
    before = [row for row in rows if row.known_at != rows[-1].known_at]
    return before or list(unseen.filter(known_at=rows[0].known_at)), True


def _day(row: Bar) -> date:
    return market_day(_known_at(row))


def _known_at(row: Bar) -> datetime:
    if row.known_at is None:
        raise ValueError(f"bar {row.pk} does not say when it was known to be closed")
    return row.known_at


@dataclass(slots=True)
class _Portion:
    """Some steps of a book within one market day, in memory until they are written."""

    book: SetUpBook
    bars: Sequence[Bar]
    key: BookKey = field(init=False)
    #: Rows that wait, by token and entry; those that mature are written.
    waiting: dict[tuple[int, datetime], SetUp] = field(default_factory=dict)
    matured: list[SetUp] = field(default_factory=list)
    entered: list[SetUp] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = set_up_rows.key_value(self.book)

    def fold(self) -> None:
        """Fold step by step, then write in a fixed number of statements."""
        pending = self._pending()
        known = newest(self.book, _known_at(self.bars[-1]))
        experience = None if known is None else set_up_rows.experience_value(known)
        sets = _Sets(self.book.market_id, _known_at(self.bars[-1]))
        lists = buyable_at(self.book.market_id, {_known_at(bar) for bar in self.bars})
        for known_at, group in groupby(self.bars, _known_at):
            rows = list(group)
            step = fold_bars(
                known_at,
                [(row.token_id, closed_bar(row)) for row in rows],
                lists.get(known_at, frozenset()),
                sets.at(known_at),
                self.key,
                pending,
                experience,
                self._freeze,
            )
            experience = step.experience
            self._keep(step, rows)
        update_rows([row for row in self.matured if row.pk], set_up_rows.MATURED)
        SetUp.objects.bulk_create(self.entered)

    def _keep(self, step: BookStep, bars: Sequence[Bar]) -> None:
        by_end = {(bar.token_id, bar.closes_at): bar.pk for bar in bars}
        for made in step.entered:
            at = (made.token_id, made.entered_at)
            row = set_up_rows.set_up_row(self.book.pk, by_end[at], made)
            self.waiting[at] = row
            self.entered.append(row)
        for ended in step.matured:
            row = self.waiting.pop((ended.set_up.token_id, ended.set_up.entered_at))
            set_up_rows.end(row, ended)
            self.matured.append(row)

    def _pending(self) -> Pending:
        """Return the waiting set-ups that some bar of the portion may end; the rest stays."""
        pending = Pending(self.key.bracket.hold)
        rows = SetUp.objects.filter(_ended_by(self.bars, self.key), book=self.book, matured_at=None)
        for row in rows.select_related("bar").defer("bar__readings").order_by("entered_at"):
            self.waiting[row.token_id, row.entered_at] = row
            pending.add(set_up_rows.set_up_value(row, with_signals=False))
        return pending

    def _freeze(self, at: datetime, base: Mapping[str, Decimal]) -> Experience:
        """Count the days that have finished since, and freeze what all of them say."""
        stored = SetUpDay.objects.filter(book=self.book).order_by("day")
        days = [day_from_json(row.day, row.counts) for row in stored]
        fresh = list(self._finished(at, days[-1].day if days else None))
        SetUpDay.objects.bulk_create(set_up_rows.day_row(self.book.pk, day) for day in fresh)
        scores = SetUp.objects.filter(
            book=self.book, entered_at__gt=at - quantiles.SCORE_WINDOW
        ).values_list("learned_score", flat=True)
        made = experiences.freeze(self.key, at, [*days, *fresh], list(scores), base)
        set_up_rows.experience_row(self.book.pk, made).save(force_insert=True)
        return made

    def _finished(self, at: datetime, last: date | None) -> Iterator[experiences.SetUpDay]:
        """Yield the finished days after the last one that was counted."""
        rows = SetUp.objects.filter(book=self.book, matured_at__lt=_midnight(market_day(at)))
        if last is not None:
            rows = rows.filter(matured_at__gte=_midnight(last, days_later=1))
        by_day: dict[date, list[Matured]] = defaultdict(list)
        for row in rows.select_related("bar").order_by("matured_at", "pk"):
            ended = set_up_rows.matured_value(row)
            by_day[market_day(ended.at)].append(ended)
        for day in sorted(by_day):
            yield experiences.day_of(day, by_day[day], self.key)


class _Sets:
    """The quantiles that were in force at the steps of one market day."""

    def __init__(self, market_id: int, last: datetime) -> None:
        rows = ScoreQuantiles.objects.filter(market_id=market_id, frozen_at__lte=last)
        # Frozen once a market day: at most one of the day, and one of before.
        newest_first = rows.order_by("-frozen_at").values_list("frozen_at", "pk")
        self._found = list(newest_first[:2])

    def at(self, known_at: datetime) -> tuple[Decimal, ...] | None:
        for frozen_at, key in self._found:
            if frozen_at <= known_at:
                return points_of(key)
        return None


def _ended_by(bars: Sequence[Bar], key: BookKey) -> Q:
    """Match every waiting set-up that some of the bars may end."""
    by_token: dict[int, list[Bar]] = defaultdict(list)
    for bar in bars:
        by_token[bar.token_id].append(bar)
    found = Q(pk=None)
    for token_id, own in by_token.items():
        oldest = max(bar.closes_at for bar in own) - key.bracket.hold
        low, high = min(bar.close for bar in own), max(bar.close for bar in own)
        reached = Q(lower_usd__gte=low) | Q(upper_usd__lte=high) | Q(entered_at__lte=oldest)
        found |= Q(token_id=token_id) & reached
    return found


def _midnight(day: date, days_later: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=days_later)
