"""One step of a market, folded into bars and signals: the same live, in back-fill and in replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from paper_trading.engine import gas, money
from paper_trading.engine.fills import round_trip_percent
from paper_trading.engine.market import Batch, GasConditions, Quote, Token
from paper_trading.intelligence.bars import Bar, Observation, Spans
from paper_trading.intelligence.observed import (
    BASE_FEE,
    SourceQuote,
    SourceStep,
    l1_fees,
    other_pools,
)
from paper_trading.intelligence.said_quotes import quoted_swaps
from paper_trading.intelligence.series import ClosedBar, Series, advance
from paper_trading.intelligence.user_signals import (
    Reader,
    SignalFailed,
    SwitchedOff,
    UserSignal,
    UserSignals,
)

#: The cost reading of a bar uses one size for all, so that a score belongs to the market.
REFERENCE_NOTIONAL_USD = Decimal(250)

#: How long the native token's last price may stand in for a missing one, for gas only.
NATIVE_PRICE_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Native:
    """The last known price of the chain's native token.

    A price without a time is a stated constant: a recorded market whose file has no such token.
    """

    price_usd: Decimal | None = None
    observed_at: datetime | None = None

    def after(self, quote: SourceQuote | None) -> "Native":
        """Return the price after a step that may carry a new one."""
        if quote is None or not quote.trusted:
            return self
        return Native(money.price(quote.close), quote.observed_at)

    def at(self, market_time: datetime) -> Decimal | None:
        """Return the price for gas at a market time; None when unknown or too old."""
        if self.observed_at is None:
            return self.price_usd
        return self.price_usd if market_time - self.observed_at <= NATIVE_PRICE_LIFE else None


@dataclass(frozen=True, slots=True)
class Listing:
    """A token of a market with the head of its series and its newest fast bar."""

    token: Token
    series: Series
    last_bar: ClosedBar | None = None
    #: The newest closed fast bars, as many as the user's signals look back; oldest first.
    recent: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a market is made of, for as long as it lasts."""

    price_chain_id: int
    seed: int
    #: Whose quotes price gas; empty when the market has no such token.
    native_symbol: str
    spans: Spans
    #: The user's signals that it was made with.
    signals: tuple[UserSignal, ...] = ()


@dataclass(frozen=True, slots=True)
class MarketHead:
    """Everything that a market remembers between two steps."""

    #: Sorted by symbol.
    listings: tuple[Listing, ...]
    native: Native
    #: The user's signals that it goes on without.
    off: tuple[SwitchedOff, ...] = ()


@dataclass(frozen=True, slots=True)
class Folded:
    """What one step made: the new head, the bars that closed, and the batch as a value."""

    head: MarketHead
    #: By token id, oldest first.
    closed: Mapping[int, tuple[ClosedBar, ...]]
    batch: Batch


def fold_step(
    step: SourceStep, head: MarketHead, terms: Terms, reader: Reader | None = None
) -> Folded:
    """Fold a source's step into every listing of its market.

    A user's signal that fails on any token is switched off in the new head, and the whole step
    is folded without it: it is off from a step on, whatever the order of the tokens.
    """
    while True:
        off = frozenset(one.name for one in head.off)
        try:
            return _fold(step, head, terms, UserSignals(terms.signals, reader, off))
        except SignalFailed as failed:
            gone = SwitchedOff(failed.name, step.number, failed.reason, failed.slow)
            head = replace(head, off=(*head.off, gone))


def _fold(step: SourceStep, head: MarketHead, terms: Terms, user: UserSignals) -> Folded:
    conditions = gas_of(step.said, terms.price_chain_id, terms.seed, step.market_time)
    native = head.native.after(step.quotes.get(terms.native_symbol))
    before = _batch(step, head.listings, native, conditions)
    after: list[Listing] = []
    closed: dict[int, tuple[ClosedBar, ...]] = {}
    for listing in head.listings:
        quote = step.quotes.get(listing.token.symbol)
        if quote is None or not quote.trusted or _is_behind(listing, quote):
            after.append(listing)
            continue
        advanced, bars = _advance(listing, quote, before, terms.spans, user)
        after.append(advanced)
        closed[listing.token.id] = bars
    batch = _batch(step, after, native, conditions)
    return Folded(MarketHead(tuple(after), native, head.off), closed, batch)


def gas_of(
    said: Mapping[str, Any] | None, chain_id: int, seed: int, market_time: datetime
) -> GasConditions:
    """Return what gas costs: the modelled path, with the chain's own fees where they are known."""
    found = gas.conditions(chain_id, seed, market_time)
    fee, l1 = None if said is None else said.get(BASE_FEE), l1_fees(said)
    if fee is not None:
        found = replace(found, base_fee_wei=fee)
    return found if l1 is None else found.charged(l1)


def _is_behind(listing: Listing, quote: SourceQuote) -> bool:
    """Say whether a quote is from before where the token's bars go on.

    Of a live market: its back-fill leaves the bars at the start of the next whole one.
    """
    end = listing.series.end
    return end is not None and quote.start < end


def _advance(
    listing: Listing, quote: SourceQuote, batch: Batch, spans: Spans, user: UserSignals
) -> tuple[Listing, tuple[ClosedBar, ...]]:
    cost = None
    if batch.native_price_usd is not None:
        cost = round_trip_percent(listing.token.id, REFERENCE_NOTIONAL_USD, batch)
    observation = Observation(
        start=quote.start,
        end=quote.observed_at,
        open=quote.open,
        high=quote.high,
        low=quote.low,
        close=quote.close,
        volume_usd=quote.volume_usd,
        round_trip_percent=cost,
    )
    series, bars = advance(listing.series, observation, spans, user, listing.recent)
    fast = [bar for bar in bars if not bar.slow]
    last = fast[-1] if fast else listing.last_bar
    recent = newest((*listing.recent, *(one.bar for one in fast)), user.longest)
    return Listing(listing.token, series, last, recent), bars


def newest(bars: Sequence[Bar], count: int) -> tuple[Bar, ...]:
    """Return the last `count` of some bars."""
    return tuple(bars[max(0, len(bars) - count) :])


def _batch(
    step: SourceStep,
    listings: Sequence[Listing],
    native: Native,
    conditions: GasConditions,
) -> Batch:
    quotes = {
        listing.token.id: Quote(
            token=listing.token,
            price_usd=money.price(found.price_usd),
            observed_at=found.observed_at,
            source=found.source,
            liquidity_usd=None if found.liquidity_usd is None else money.usd(found.liquidity_usd),
            verdict=found.verdict,
            depth=found.depth,
            others=other_pools(listing.token, found.beside),
        )
        for listing in listings
        if (found := step.quotes.get(listing.token.symbol)) is not None
    }
    return Batch(
        id=0,
        step=step.number,
        market_time=step.market_time,
        quotes=quotes,
        gas=conditions,
        cash_price_usd=money.price(step.cash_price_usd),
        native_price_usd=native.at(step.market_time),
        sigma_annual={
            listing.token.id: listing.last_bar.sigma_annual
            for listing in listings
            if listing.last_bar is not None and listing.last_bar.sigma_annual is not None
        },
        chain_quotes=quoted_swaps(
            step.said, {listing.token.symbol: listing.token.id for listing in listings}
        ),
    )
