"""The price feed of a market: one batch a step, made once, shared by every session."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from paper_trading.engine.market import Batch
from paper_trading.engine.trust import CLOCK_SKEW, Absent
from paper_trading.intelligence.live_step import Pinned, Said, Seen, live_step
from paper_trading.intelligence.market_folding import (
    Folded,
    fold_step,
)
from paper_trading.intelligence.observed import SourceStep, exact_step, step_seal
from paper_trading.models import (
    Bar,
    FeedMode,
    Market,
    MarketToken,
    PriceBatch,
    Quote,
    TokenList,
)
from paper_trading.services import clock, live_turns, market_signals
from paper_trading.services.frozen_quantiles import freeze_when_due
from paper_trading.services.market_beginning import begin, fold_past
from paper_trading.services.market_heads import (
    bar_rows,
    head_of,
    listing_rows,
    reader_of,
    save_head,
    terms_of,
    token_list,
)
from paper_trading.services.market_rows import quote_row
from paper_trading.services.sources.base import LiveFeed, NoPrices, PriceSource
from paper_trading.services.sources.catalogue import source_of

#: How many steps back the newest batch of a live market may stand in for one that failed.
FRESH_STEPS = 2
#: How long a market whose sources answer still waits for its past.
PATIENCE = timedelta(minutes=3)
_PRICED_SINCE = "priced_since"


class PriceFeedService:
    """Makes and finds the batches of one market."""

    def __init__(
        self,
        market: Market,
        source: PriceSource | None = None,
        live: LiveFeed | None = None,
        on_made: Callable[[PriceBatch], None] = lambda _: None,
    ) -> None:
        """`on_made` is called in the transaction of each live batch."""
        self.market = market
        self._source = source
        self._live = live
        self._on_made = on_made

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
        market = self.market
        if market.head_step >= 0:
            return 0
        if market.mode == FeedMode.LIVE:
            begin_live(market, live_step_of(clock.now(), market.step_seconds))
            return 0
        rows, user = listing_rows(market), market_signals.rows_of(market)
        steps = (self._next_step(market) for _ in range(market.backfill_steps))
        past = fold_past(market, rows, user, steps, clock.now())
        return len(past.bars) if begin(market, rows, user, past) else 0

    def _in_turn(self, step: int) -> tuple[PriceBatch, bool]:
        """Fetch a step of a live market when it is this process's turn, or find what was made."""
        with live_turns.turn(self.market.pk) as mine:
            found = self._find(step)
            if found is None and mine and not self._is_past(step):
                return self._fetch(step)
        return found or self._newest_fresh(), False

    def _is_past(self, step: int) -> bool:
        """Say whether the market went on beyond a step meanwhile: then nobody is asked for it."""
        return Market.objects.values_list("head_step", flat=True).get(pk=self.market.pk) >= step

    def _fetch(self, step: int) -> tuple[PriceBatch, bool]:
        if self._live is None:
            raise ValueError(f"{self.market} is live and was given no sources")
        said = self._live.said(pinned_of(self.market), clock.now())
        with transaction.atomic():
            market = Market.objects.select_for_update(no_key=True).get(pk=self.market.pk)
            if market.head_step >= step:
                return self._newest_fresh(), False
            if market.head_step >= 0 or _begins_late(market, step, said, clock.now()):
                # A token may have been added while the sources were asked: it was not said.
                pinned = pinned_of(market)
                made = live_step(step, clock.now(), said, market.head_state, pinned)
                batch = self._make(market, _taken(market, made), said.source)
                self._on_made(batch)
                return batch, True
        raise NoPrices(f"{market} has not begun: {_why_not(said)}")

    def _newest_fresh(self) -> PriceBatch:
        newest, now = self.market.batches.order_by("-step").first(), clock.now()
        oldest = now - FRESH_STEPS * timedelta(seconds=self.market.step_seconds)
        if newest is None or newest.market_time < oldest:
            raise NoPrices(f"{self.market} has no batch of the last {FRESH_STEPS} steps")
        if newest.market_time > now + CLOCK_SKEW:
            raise NoPrices(f"{self.market} has a batch of {newest.market_time}, which is to come")
        return newest

    def _find(self, step: int) -> PriceBatch | None:
        return PriceBatch.objects.filter(market=self.market, step=step).first()

    def _next_step(self, market: Market) -> SourceStep:
        source = self.open_source(market)
        return _taken(market, source.step(market.head_step + 1, market.head_state))

    def _make(self, market: Market, step: SourceStep, source: str) -> PriceBatch:
        rows = listing_rows(market)
        user = market_signals.rows_of(market)
        terms = terms_of(market, market_signals.values(user))
        folded = fold_step(step, head_of(market, rows, user), terms, reader_of(user))
        market_signals.switch_off(market, user, folded.head.off)
        bars = Bar.objects.bulk_create(bar_rows(market, folded))
        save_head(market, rows, folded.head, bars)
        tokens = token_list(market, rows)
        freeze_when_due(market, step.market_time, tokens)
        batch = _save_batch(market, step, folded, tokens, rows, source)
        market.save()
        return batch


def begin_live(market: Market, first_step: int) -> None:
    """Write the genesis of a live market without a past: no bars before its first step."""
    now = clock.now()
    market.head_step = first_step - 1
    rows, user = listing_rows(market), market_signals.rows_of(market)
    begin(market, rows, user, fold_past(market, rows, user, [], now))
    market.refresh_from_db()


def _begins_late(market: Market, step: int, said: Said, now: datetime) -> bool:
    """Begin a live market without a past, once its sources have said prices for a while.

    Until then it has no batch, so that what is tried again may still bring its past.
    """
    if not any(isinstance(found, Seen) for found in said.seen.values()):
        return False
    priced_since = market.head_state.get(_PRICED_SINCE)
    if priced_since is None:
        market.head_state = {_PRICED_SINCE: now.isoformat()}
        market.save(update_fields=["head_state"])
        return False
    if now - datetime.fromisoformat(priced_since) < PATIENCE:
        return False
    begin_live(market, step)
    market.head_state = {}
    return True


def _why_not(said: Said) -> str:
    """Return the reasons of the sources, or that the past is waited for."""
    reasons = sorted({one.reason for one in said.seen.values() if isinstance(one, Absent)})
    if any(isinstance(one, Seen) for one in said.seen.values()) or not reasons:
        return "its past is waited for"
    return f"no source has said a price yet ({', '.join(reasons)})"


def live_step_of(moment: datetime, step_seconds: int) -> int:
    """Return the step of a live market at a time of the database's clock."""
    return int(moment.timestamp()) // step_seconds


def _taken(market: Market, step: SourceStep) -> SourceStep:
    """Move a market's head to a step and return it at the scales that rows keep."""
    exact = exact_step(step)
    market.head_step = exact.number
    market.head_state = dict(exact.state)
    return exact


def pinned_of(market: Market) -> list[Pinned]:
    """Return the tokens of a live market with the pools that price them, as they stand now."""
    return [
        Pinned(row.token.symbol, row.token.pool_address.lower(), row.token.is_cash)
        for row in listing_rows(market)
    ]


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
