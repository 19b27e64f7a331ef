"""A market in memory: steps folded one after the other into what a tick reads."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.bot.replay.set_ups import MemoryBook, MemoryBookStep
from paper_trading.engine.market import Token
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence import quantiles
from paper_trading.intelligence.brackets import BookKey, key_of
from paper_trading.intelligence.experience import Experience
from paper_trading.intelligence.market_folding import (
    Folded,
    Listing,
    MarketHead,
    Native,
    Terms,
    fold_step,
    newest,
)
from paper_trading.intelligence.market_view import ListedToken, MarketView, buyable
from paper_trading.intelligence.observed import SourceStep
from paper_trading.intelligence.series import ClosedBar, Series
from paper_trading.intelligence.user_signals import Reader, SwitchedOff, digest, longest


@dataclass(frozen=True, slots=True)
class Frozen:
    """Quantiles as they were frozen, and from how many scores."""

    at: datetime
    sample_size: int
    points: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class MemoryStep:
    """What one step made of a market."""

    number: int
    market_time: datetime
    folded: Folded
    #: The quantiles in force, and whether they were frozen at this step.
    frozen: Frozen | None
    froze: bool
    view: MarketView
    #: What it made of each book of set-ups that the market follows.
    books: Mapping[BookKey, MemoryBookStep] = field(default_factory=dict)

    def experience(self, strategy: Strategy) -> Experience | None:
        """Return what the decisions of a strategy read of matured set-ups.

        :raises ValueError: when the market does not follow the strategy's key.
        """
        key = key_of(strategy)
        found = self.books.get(key)
        if found is None:
            raise ValueError(f"this market was not told to follow {key}")
        return found.experience


class MemoryMarket:
    """A market that is folded step by step, as `PriceFeedService` does it in rows."""

    def __init__(
        self,
        terms: Terms,
        tokens: Sequence[ListedToken],
        native: Native,
        keys: Iterable[BookKey] = (),
        reader: Reader | None = None,
    ) -> None:
        ordered = sorted(tokens, key=lambda one: one.token.symbol)
        self.terms = terms
        self._reader = reader
        self._signals = digest(terms.signals)
        self.head = MarketHead(tuple(Listing(one.token, Series()) for one in ordered), native)
        self.frozen: Frozen | None = None
        #: Tokens that can be bought: only they are ranked, and make set-ups.
        self._buyable = buyable(tokens)
        #: When a fast bar closed, its token and its score; older than the window, they are dropped.
        self._scores: deque[tuple[datetime, int, Decimal]] = deque()
        #: Books of set-ups by their key; told before the first step, for they have no past.
        self._books = {key: MemoryBook(key) for key in keys}

    def begin(
        self,
        heads: Mapping[str, Series],
        native: Native,
        closed: Iterable[tuple[int, ClosedBar]],
        market_time: datetime,
    ) -> None:
        """Take up a market where its back-fill ended; `closed` are its bars, oldest first."""
        fast: dict[int, list[ClosedBar]] = {one.token.id: [] for one in self.head.listings}
        for token_id, bar in closed:
            if not bar.slow:
                fast[token_id].append(bar)
                self._remember(token_id, bar)
        listings = (
            # A token that was added before the first batch has no head in the genesis.
            self._listing(one.token, heads.get(one.token.symbol, Series()), fast[one.token.id])
            for one in self.head.listings
        )
        self.head = MarketHead(tuple(listings), native)
        self._freeze(market_time)

    def _listing(self, token: Token, series: Series, fast: list[ClosedBar]) -> Listing:
        recent = newest([one.bar for one in fast], longest(self.terms.signals))
        return Listing(token, series, fast[-1] if fast else None, recent)

    def switch_off(self, off: Iterable[SwitchedOff]) -> None:
        """Go on without some of the user's signals: they are not asked again."""
        known = {one.name for one in self.head.off}
        new = (one for one in off if one.name not in known)
        self.head = replace(self.head, off=(*self.head.off, *new))

    def backfill(self, steps: Iterable[SourceStep]) -> None:
        """Fold steps on which nothing is traded."""
        market_time = None
        for step in steps:
            self._fold(step)
            market_time = step.market_time
        if market_time is not None:
            self._freeze(market_time)

    def step(self, step: SourceStep, tokens: Sequence[ListedToken]) -> MemoryStep:
        """Fold a step and return what a tick reads at it."""
        self._retoken(tokens)
        folded = self._fold(step)
        due = quantiles.is_due(None if self.frozen is None else self.frozen.at, step.market_time)
        froze = due and self._freeze(step.market_time)
        bars = {
            listing.token.id: listing.last_bar
            for listing in folded.head.listings
            if listing.last_bar is not None and listing.token.id in folded.batch.quotes
        }
        points = None if self.frozen is None else self.frozen.points
        view = MarketView.of(folded.batch, points, tokens, bars, self._signals)
        books = self._fold_books(step.market_time, folded, points)
        return MemoryStep(step.number, step.market_time, folded, self.frozen, froze, view, books)

    def _fold_books(
        self, known_at: datetime, folded: Folded, points: Sequence[Decimal] | None
    ) -> dict[BookKey, MemoryBookStep]:
        fast = [
            (token_id, bar)
            for token_id, closed in folded.closed.items()
            for bar in closed
            if not bar.slow
        ]
        return {
            key: book.step(known_at, fast, self._buyable, points)
            for key, book in self._books.items()
        }

    def _retoken(self, tokens: Sequence[ListedToken]) -> None:
        """Take tokens as they stand at a step: a fee tier may be edited, a token may be new."""
        self._buyable = buyable(tokens)
        listed = {one.token.symbol: one for one in self.head.listings}
        known = [listed.get(one.token.symbol) for one in tokens]
        if len(listed) == len(tokens) and all(
            found is not None and found.token is one.token
            for found, one in zip(known, tokens, strict=True)
        ):
            return
        listings = [
            Listing(one.token, Series()) if found is None else replace(found, token=one.token)
            for found, one in zip(known, tokens, strict=True)
        ]
        listings.sort(key=lambda listing: listing.token.symbol)
        self.head = replace(self.head, listings=tuple(listings))

    def _fold(self, step: SourceStep) -> Folded:
        folded = fold_step(step, self.head, self.terms, self._reader)
        self.head = folded.head
        for token_id, closed in folded.closed.items():
            for bar in closed:
                self._remember(token_id, bar)
        return folded

    def _remember(self, token_id: int, bar: ClosedBar) -> None:
        if not bar.slow and bar.score is not None:
            self._scores.append((bar.bar.end, token_id, bar.score))

    def _freeze(self, market_time: datetime) -> bool:
        """Freeze the quantiles of the window's scores; False while there are too few."""
        scores = list(self._window(market_time))
        if len(scores) < quantiles.MINIMUM_SCORES:
            return False
        self.frozen = Frozen(market_time, len(scores), quantiles.freeze(scores))
        return True

    def _window(self, market_time: datetime) -> Iterator[Decimal]:
        oldest = market_time - quantiles.SCORE_WINDOW
        # A gap in one token lets a bar close late: drop from the front, then look at each.
        while self._scores and self._scores[0][0] <= oldest - timedelta(days=1):
            self._scores.popleft()
        for closed_at, token_id, score in self._scores:
            if oldest < closed_at <= market_time and token_id in self._buyable:
                yield score
