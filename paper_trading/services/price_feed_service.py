"""The price feed of a market: one batch a step, made once, shared by every session."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from paper_trading.engine.market import Batch
from paper_trading.intelligence import quantiles
from paper_trading.intelligence.bars import Bar as BarValue
from paper_trading.intelligence.bars import Spans
from paper_trading.intelligence.live_step import Pinned, live_step
from paper_trading.intelligence.market_folding import (
    Folded,
    Listing,
    MarketHead,
    Native,
    Terms,
    fold_step,
)
from paper_trading.intelligence.market_view import buyable
from paper_trading.intelligence.observed import SourceStep, exact_step, step_seal
from paper_trading.intelligence.series import Series
from paper_trading.intelligence.user_signals import UserSignal
from paper_trading.models import (
    Bar,
    FeedMode,
    Market,
    MarketSignal,
    MarketToken,
    PriceBatch,
    Quote,
    ScoreQuantiles,
    TokenList,
)
from paper_trading.models.bulk import copy_rows, update_rows
from paper_trading.services import clock, genesis, live_turns, market_signals
from paper_trading.services.market_rows import (
    bar_row,
    buyable_at,
    closed_bar,
    first_buyable,
    listed_from_json,
    listed_to_json,
    quote_row,
    token_list_seal,
    token_value,
)
from paper_trading.services.signal_folder import FolderReader
from paper_trading.services.sources.base import LiveFeed, NoPrices, PriceSource
from paper_trading.services.sources.catalogue import source_of

#: How many steps back the newest batch of a live market may stand in for one that failed.
FRESH_STEPS = 2


class PriceFeedService:
    """Makes and finds the batches of one market."""

    def __init__(
        self, market: Market, source: PriceSource | None = None, live: LiveFeed | None = None
    ) -> None:
        self.market = market
        self._source = source
        self._live = live

    def open_source(self, market: Market | None = None) -> PriceSource:
        """Return the market's price source, opened when it is first needed."""
        if self._source is None:
            self._source = source_of(market or self.market)
        return self._source

    def batch_for(self, step: int) -> tuple[PriceBatch, bool]:
        """Return the batch of a step and whether this call made it.

        The market row is locked while batches are made: one process fetches, the others
        wait for its commit and then find the row. EndOfRecord when the source is at its end.
        A live market is fetched without a row locked, and NoPrices when nobody could.
        """
        found = self._find(step)
        if found is not None:
            return found, False
        if self.market.mode == FeedMode.LIVE:
            return self._in_turn(step)
        with transaction.atomic():
            market = Market.objects.select_for_update(no_key=True).get(pk=self.market.pk)
            if market.head_step >= step:
                return PriceBatch.objects.get(market=market, step=step), False
            while market.head_step < step:
                source = self.open_source(market).name
                batch = self._make(market, self._next_step(market), source)
        return batch, True

    def backfill(self) -> int:
        """Fold the first steps of a new market into bars; return the number of bars.

        Nothing is traded on these steps, so they leave bars and scores but no batches. The
        folding takes seconds and holds no lock; of two processes that do it, one writes.
        """
        market, rows = self.market, _listing_rows(self.market)
        if market.head_step >= 0:
            return 0
        if market.mode == FeedMode.LIVE:
            return self._begin_live()
        user = market_signals.rows_of(market)
        head, terms = _head(market, rows, user), terms_of(market, market_signals.values(user))
        reader = _reader(user)
        closed: list[Bar] = []
        for _ in range(market.backfill_steps):
            folded = fold_step(self._next_step(market), head, terms, reader)
            head = folded.head
            closed += _bar_rows(market, folded)
        with transaction.atomic():
            if Market.objects.select_for_update(no_key=True).get(pk=market.pk).head_step >= 0:
                return 0
            copy_rows(closed)
            _save_head(market, rows, head, _newest_bars(market))
            tokens = listed_from_json(_token_list(market, rows).tokens)
            _freeze(market, folded.batch.market_time, buyable(tokens))
            market_signals.switch_off(market, user, head.off)
            genesis.keep(market, folded.batch.market_time, head, closed)
            market.save()
        return len(closed)

    def _in_turn(self, step: int) -> tuple[PriceBatch, bool]:
        """Fetch a step of a live market when it is this process's turn, or find what was made."""
        with live_turns.turn(self.market.pk) as mine:
            found = self._find(step)
            if found is None and mine:
                return self._fetch(step)
        return found or self._newest_fresh(), False

    def _fetch(self, step: int) -> tuple[PriceBatch, bool]:
        if self._live is None:
            raise ValueError(f"{self.market} is live and was given no sources")
        said = self._live.said(_pinned(_listing_rows(self.market)), clock.now())
        with transaction.atomic():
            market = Market.objects.select_for_update(no_key=True).get(pk=self.market.pk)
            if market.head_step >= step:
                return self._newest_fresh(), False
            # A token may have been added while the sources were asked: it was not said.
            pinned = _pinned(_listing_rows(market))
            made = live_step(step, clock.now(), said, market.head_state, pinned)
            return self._make(market, _taken(market, made), said.source), True

    def _newest_fresh(self) -> PriceBatch:
        newest = self.market.batches.order_by("-step").first()
        oldest = clock.now() - FRESH_STEPS * timedelta(seconds=self.market.step_seconds)
        if newest is None or newest.market_time < oldest:
            raise NoPrices(f"{self.market} has no batch of the last {FRESH_STEPS} steps")
        return newest

    def _begin_live(self) -> int:
        """Write the genesis of a live market: it has no bars before its first tick."""
        with transaction.atomic():
            market = Market.objects.select_for_update(no_key=True).get(pk=self.market.pk)
            if market.head_step >= 0:
                return 0
            now = clock.now()
            market.head_step = live_step_of(now, market.step_seconds) - 1
            genesis.keep(market, now, _head(market, _listing_rows(market), []), [])
            market.save()
        self.market.refresh_from_db()
        return 0

    def _find(self, step: int) -> PriceBatch | None:
        return PriceBatch.objects.filter(market=self.market, step=step).first()

    def _next_step(self, market: Market) -> SourceStep:
        source = self.open_source(market)
        return _taken(market, source.step(market.head_step + 1, market.head_state))

    def _make(self, market: Market, step: SourceStep, source: str) -> PriceBatch:
        rows = _listing_rows(market)
        user = market_signals.rows_of(market)
        terms = terms_of(market, market_signals.values(user))
        folded = fold_step(step, _head(market, rows, user), terms, _reader(user))
        market_signals.switch_off(market, user, folded.head.off)
        bars = Bar.objects.bulk_create(_bar_rows(market, folded))
        _save_head(market, rows, folded.head, bars)
        tokens = _token_list(market, rows)
        _freeze_when_due(market, step.market_time, tokens)
        batch = _save_batch(market, step, folded, tokens, rows, source)
        market.save()
        return batch


def live_step_of(moment: datetime, step_seconds: int) -> int:
    """Return the step of a live market at a time of the database's clock."""
    return int(moment.timestamp()) // step_seconds


def _taken(market: Market, step: SourceStep) -> SourceStep:
    """Move a market's head to a step and return it at the scales that rows keep."""
    exact = exact_step(step)
    market.head_step = exact.number
    market.head_state = dict(exact.state)
    return exact


def _pinned(rows: Iterable[MarketToken]) -> list[Pinned]:
    return [
        Pinned(row.token.symbol, row.token.pool_address.lower(), row.token.is_cash) for row in rows
    ]


def terms_of(market: Market, signals: tuple[UserSignal, ...] = ()) -> Terms:
    """Return what a market is made of, with the user's signals in its rows."""
    return Terms(
        price_chain_id=market.price_chain_id,
        seed=market.seed,
        native_symbol=market.native_symbol,
        spans=Spans.for_step(market.step_seconds),
        signals=signals,
    )


def _reader(user: list[MarketSignal]) -> FolderReader | None:
    return FolderReader() if user else None


def _head(market: Market, rows: list[MarketToken], user: list[MarketSignal]) -> MarketHead:
    text = market.native_price_usd
    native = Native(Decimal(text) if text else None, market.native_observed_at)
    token_ids = [row.token_id for row in rows]
    recent = market_signals.recent_bars(market, token_ids, market_signals.values(user))
    listings = tuple(_listing(row, recent) for row in rows)
    return MarketHead(listings, native, market_signals.off_of(user))


def _bar_rows(market: Market, folded: Folded) -> list[Bar]:
    return [
        bar_row(market.pk, token, bar, folded.batch.market_time)
        for token, closed in folded.closed.items()
        for bar in closed
    ]


def _listing_rows(market: Market) -> list[MarketToken]:
    return list(
        MarketToken.objects.filter(market=market)
        .select_related("token", "last_bar")
        .order_by("token__symbol")
    )


def _listing(row: MarketToken, recent: Mapping[int, tuple[BarValue, ...]]) -> Listing:
    return Listing(
        token=token_value(row.token),
        series=Series.from_json(row.series) if row.series else Series(),
        last_bar=None if row.last_bar is None else closed_bar(row.last_bar),
        recent=recent[row.token_id],
    )


def _newest_bars(market: Market) -> list[Bar]:
    """Return the newest fast bar of each token."""
    fast = Bar.objects.filter(market=market, slow=False)
    return list(fast.order_by("token", "-closes_at").distinct("token"))


def _save_head(
    market: Market, rows: list[MarketToken], head: MarketHead, bars: Iterable[Bar]
) -> None:
    """Write the listings' rows; what the market itself remembers is saved with it."""
    price = head.native.price_usd
    market.native_price_usd = "" if price is None else str(price)
    market.native_observed_at = head.native.observed_at
    newest = {bar.token_id: bar for bar in bars if not bar.slow}
    for row, listing in zip(rows, head.listings, strict=True):
        row.series = listing.series.to_json()
        row.last_bar = newest.get(row.token_id, row.last_bar)
    update_rows(rows, ["series", "last_bar"])


def _save_batch(
    market: Market,
    step: SourceStep,
    folded: Folded,
    tokens: TokenList,
    rows: list[MarketToken],
    source: str,
) -> PriceBatch:
    value: Batch = folded.batch
    batch = PriceBatch.objects.create(
        market=market,
        step=step.number,
        market_time=step.market_time,
        source=source,
        quantiles=market.quantiles.filter(frozen_at__lte=step.market_time)
        .order_by("-frozen_at")
        .first(),
        cash_price_usd=value.cash_price_usd,
        native_price_usd=value.native_price_usd,
        base_fee_wei=value.gas.base_fee_wei,
        priority_fee_wei=value.gas.priority_fee_wei,
        l1_base_fee_wei=value.gas.l1_base_fee_wei,
        l1_blob_base_fee_wei=value.gas.l1_blob_base_fee_wei,
        missing=[row.token.symbol for row in rows if row.token_id not in value.quotes],
        reasons=dict(step.reasons),
        said=step.said,
        token_list=tokens,
        seal=step_seal(step, source, tokens.number),
    )
    Quote.objects.bulk_create(
        quote_row(batch, row.token_id, step.quotes[row.token.symbol], row.last_bar, value)
        for row in rows
        if row.token_id in value.quotes
    )
    return batch


def _token_list(market: Market, rows: list[MarketToken]) -> TokenList:
    """Return the market's token list as it stands, a new one when something was edited."""
    pools = market.mode == FeedMode.LIVE
    tokens = listed_to_json((row.token for row in rows), pools=pools)
    newest = market.token_lists.order_by("-number").first()
    if newest is not None and newest.tokens == tokens:
        return newest
    return TokenList.objects.create(
        market=market,
        number=1 if newest is None else newest.number + 1,
        tokens=tokens,
        seal=token_list_seal(tokens),
    )


def _freeze_when_due(market: Market, market_time: datetime, tokens: TokenList) -> None:
    """Freeze the quantiles once a market day, and as soon as there are enough scores."""
    newest = market.quantiles.order_by("-frozen_at").first()
    if quantiles.is_due(None if newest is None else newest.frozen_at, market_time):
        _freeze(market, market_time, buyable(listed_from_json(tokens.tokens)))


def _freeze(market: Market, market_time: datetime, tokens: Collection[int]) -> None:
    made = quantile_row(market, market_time, tokens)
    if made is not None:
        made.save(force_insert=True)


def quantiles_again(frozen: ScoreQuantiles) -> ScoreQuantiles | None:
    """Return what `quantile_row` makes now of what was known when quantiles were frozen."""
    market, at = frozen.market, frozen.frozen_at
    tokens = buyable_at(market.pk, [at]).get(at)
    # Before the first batch, they were frozen by the back-fill.
    return quantile_row(market, at, first_buyable(market.pk) if tokens is None else tokens)


def quantile_row(
    market: Market, market_time: datetime, tokens: Collection[int]
) -> ScoreQuantiles | None:
    """Return the quantiles of the scores known at a market time; None when these are too few.

    `tokens` are those that could be bought then: only they are ranked. The row is not saved.
    Made again later, it is the same: only bars closed until then count.
    """
    # A gap may have closed a bar later than its end says; a back-fill names no such time.
    scores = list(
        Bar.objects.filter(
            Q(known_at=None) | Q(known_at__lte=market_time),
            market=market,
            token__in=tokens,
            slow=False,
            score__isnull=False,
            closes_at__gt=market_time - quantiles.SCORE_WINDOW,
            closes_at__lte=market_time,
        ).values_list("score", flat=True)
    )
    if len(scores) < quantiles.MINIMUM_SCORES:
        return None
    points = quantiles.freeze([score for score in scores if score is not None])
    return ScoreQuantiles(
        market=market,
        frozen_at=market_time,
        sample_size=len(scores),
        points=[str(point) for point in points],
    )
