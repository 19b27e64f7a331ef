"""The past of a live market, asked of its sources and folded into bars before its first tick."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.money import ONE
from paper_trading.engine.trust import Reading
from paper_trading.intelligence.bars import floor
from paper_trading.intelligence.live_step import Seen
from paper_trading.intelligence.market_folding import MarketHead
from paper_trading.intelligence.observed import SourceQuote, SourceStep, exact_step
from paper_trading.models import FeedMode, Market, MarketToken, Token
from paper_trading.services import clock, market_signals
from paper_trading.services.market_beginning import begin, fold_past
from paper_trading.services.market_heads import listing_rows, terms_of
from paper_trading.services.patience import Ask, Patience, may_pass
from paper_trading.services.price_feed_service import live_step_of
from paper_trading.services.sources.live.base import (
    LiveToken,
    PoolSource,
    SourceFailure,
)
from paper_trading.services.sources.live.candles import (
    CONTRADICTORY,
    HARMLESS,
    Candle,
    Candles,
    CoinGeckoChart,
    GeckoTerminalCandles,
    Span,
)
from paper_trading.services.sources.live.sound_candles import sound

logger = logging.getLogger(__name__)

LENGTH = timedelta(days=7)
#: Calls a token: 2016 candles of five minutes, a thousand a call.
PAGES = 3


@dataclass(frozen=True, slots=True)
class PastSources:
    """Who is asked for a market's past."""

    candles: GeckoTerminalCandles
    #: Asked for tokens whose pools have no candles; None without a key.
    chart: CoinGeckoChart | None = None
    #: Says how deep the pools are now, which stands for their depth in the past, and their
    #: prices, which the newest candles are judged by.
    depths: PoolSource | None = None


@dataclass(slots=True)
class TokenPast:
    """What was found of one token."""

    candles: dict[datetime, Candle] = field(default_factory=dict)
    source: str = ""
    dropped: Counter[str] = field(default_factory=Counter)
    #: By source, as it stands: a later answer takes it away.
    failures: dict[str, str] = field(default_factory=dict)
    #: Where the next page ends; None: there is no more to ask.
    before: datetime | None = None
    #: Its last call failed in a way that may pass.
    may_pass: bool = False

    @property
    def failure(self) -> str:
        """Say what failed, or nothing."""
        return "; ".join(self.failures.values())

    def failed(self, source: str, failure: SourceFailure) -> None:
        """Keep a failure: final, or to be tried again."""
        self.failures[source] = str(failure)
        self.may_pass = may_pass(failure)

    def took(self, read: Candles, source: str) -> None:
        """Keep candles; those that are known already stay as they are."""
        self.failures.pop(source, None)
        for candle in read.candles:
            self.candles.setdefault(candle.start, candle)
        self.dropped.update(read.dropped)
        if self.candles:
            self.source = source

    def leave_spikes_out(self, token: LiveToken, now: Reading | None) -> None:
        """Drop candles that contradict those beside them, or what the pool says now."""
        known = [self.candles[start] for start in sorted(self.candles)]
        kept = sound(known, now.price_usd if now else None, is_cash=token.is_cash)
        if len(kept) < len(known):
            self.dropped[CONTRADICTORY] += len(known) - len(kept)
            self.candles = {one.start: one for one in kept}


@dataclass(frozen=True, slots=True)
class BackFilled:
    """How a back-fill went."""

    #: Bars that were written.
    bars: int
    #: The market has its beginning now, by this back-fill or an earlier one.
    begun: bool
    #: Tokens without a past, each with the reason; "" when the sources know none.
    without: Mapping[str, str]


def back_fill(
    market: Market,
    sources: PastSources,
    ask: Ask,
    wait: Callable[[float], object] = time.sleep,
) -> BackFilled:
    """Fetch a live market's last week and begin the market with it.

    Nothing is locked while sources are asked. A market that has begun is left as it is. When no
    token has a past, nothing is written: the market can be back-filled again until its first
    tick begins it without bars.

    :raises ValueError: when the market is not live.
    """
    if market.mode != FeedMode.LIVE:
        raise ValueError(f"{market} is {market.mode}; only a live market has sources to ask")
    if market.head_step >= 0:
        return BackFilled(0, True, {})
    rows = listing_rows(market)
    tokens = [live_token(row.token) for row in rows]
    search = _Search(sources, ask, wait, Span.before(clock.now(), LENGTH))
    found = search.run(tokens)
    now = search.readings(tokens) if any(one.candles for one in found.values()) else {}
    for token in tokens:
        found[token.symbol].leave_spikes_out(token, now.get(token.symbol))
    without = {symbol: one.failure for symbol, one in found.items() if not one.candles}
    _log(market, found, search.span)
    if len(without) == len(found):
        logger.error(
            "%s has no past yet (%s): it can be back-filled again until its first tick",
            market, _reasons(without),
        )  # fmt: skip
        return BackFilled(0, False, without)
    depths = {symbol: one.liquidity_usd for symbol, one in now.items()}
    bars = _write(market, rows, found, depths)
    return BackFilled(bars, market.head_step >= 0, without)


def live_token(token: Token) -> LiveToken:
    """Return a token as live sources ask for it."""
    return LiveToken(
        symbol=token.symbol,
        price_chain_id=token.price_chain_id,
        address=token.price_address.lower(),
        decimals=token.decimals,
        pool=token.pool_address.lower(),
        pool_kind=token.pool_kind,
        pool_fee_pips=token.pool_fee_pips,
        coingecko_id=token.coingecko_id,
        is_cash=token.is_cash,
        pool_quote=token.pool_quote,
    )


class _Search:
    """One look for the past of tokens: a page of each in turn, the newest first.

    So a budget that ends early leaves every token its newest days, without a hole in them.
    """

    def __init__(
        self, sources: PastSources, ask: Ask, wait: Callable[[float], object], span: Span
    ) -> None:
        self.span = span
        self._sources = sources
        self._patience = Patience(ask, wait)
        self._found: dict[str, TokenPast] = {}

    def run(self, tokens: Sequence[LiveToken]) -> dict[str, TokenPast]:
        """Return what is found of each token, by symbol."""
        self._found = {one.symbol: TokenPast(before=self.span.until) for one in tokens}
        self._twice(tokens, self._pages)
        self._twice([one for one in tokens if not self._found[one.symbol].candles], self._charts)
        return self._found

    def readings(self, tokens: Sequence[LiveToken]) -> dict[str, Reading]:
        """Return what pools say now, by symbol, as far as their source says it."""
        source, found = self._sources.depths, dict[str, Reading]()
        if source is None:
            return found
        for request in source.requests(tokens):
            try:
                said = source.read(request, self._patience.asked_twice(source.name, request))
            except SourceFailure as failure:
                logger.warning("No depths of pools from %s: %s", request.shown, failure)
                continue
            for symbol, one in said.items():
                if isinstance(one, Seen):
                    found[symbol] = one.reading
        return found

    def _twice(
        self, tokens: Sequence[LiveToken], once: Callable[[Sequence[LiveToken]], None]
    ) -> None:
        """Make a pass over tokens, and one more over those whose failure may be over by then."""
        once(tokens)
        failed = [one for one in tokens if self._found[one.symbol].may_pass]
        if failed and self._patience.again():
            for token in failed:
                self._found[token.symbol].may_pass = False
            once(failed)
        for token in failed:
            self._found[token.symbol].may_pass = False

    def _pages(self, tokens: Sequence[LiveToken]) -> None:
        for _ in range(PAGES):
            for token in tokens:
                past = self._found[token.symbol]
                if past.before is not None and not past.may_pass:
                    self._page(token, past, past.before)

    def _page(self, token: LiveToken, past: TokenPast, before: datetime) -> None:
        source = self._sources.candles
        request = source.request(token, before)
        if request is None:
            past.before = None
            return
        try:
            read = source.read(token, self._patience.asked(source.name, request), self.span)
        except SourceFailure as failure:
            past.failed(source.name, failure)
            past.before = before if past.may_pass else None
            return
        past.took(read, source.name)
        # A page that reaches no further back than the one before it would come for ever.
        goes_on = read.oldest is not None and self.span.since < read.oldest < before
        past.before = read.oldest if goes_on else None

    def _charts(self, tokens: Sequence[LiveToken]) -> None:
        source = self._sources.chart
        if source is None:
            return
        for token in tokens:
            past, request = self._found[token.symbol], source.request(token)
            if request is None:
                continue
            try:
                read = source.read(token, self._patience.asked(source.name, request), self.span)
            except SourceFailure as failure:
                past.failed(source.name, failure)
            else:
                past.took(read, source.name)


def _write(
    market: Market,
    rows: list[MarketToken],
    found: Mapping[str, TokenPast],
    depths: Mapping[str, Decimal | None],
) -> int:
    """Fold what was found, and begin the market where it ends."""
    user = market_signals.rows_of(market)
    cash = next((row.token.symbol for row in rows if row.token.is_cash), "")
    steps = _steps(found, depths, cash, market.step_seconds)
    past = fold_past(market, rows, user, steps, clock.now())
    now = clock.now()
    fast = terms_of(market).spans.fast_seconds
    goes_on = floor(now, fast) + timedelta(seconds=fast)
    market.head_step = live_step_of(now, market.step_seconds) - 1
    past = replace(past, head=_going_on(past.head, goes_on), market_time=now)
    written = begin(market, rows, user, past)
    market.refresh_from_db()
    return len(past.bars) if written else 0


def _steps(
    found: Mapping[str, TokenPast],
    depths: Mapping[str, Decimal | None],
    cash: str,
    step_seconds: int,
) -> Iterator[SourceStep]:
    """Yield a step for each candle time, oldest first. Cash is at par until a candle says else."""
    starts = sorted({start for past in found.values() for start in past.candles})
    cash_price = ONE
    for start in starts:
        quotes = {
            symbol: _quote(symbol, past.candles[start], past.source, depths.get(symbol))
            for symbol, past in sorted(found.items())
            if start in past.candles
        }
        if cash in quotes:
            cash_price = quotes[cash].price_usd
        end = next(iter(quotes.values())).observed_at
        number = live_step_of(end, step_seconds)
        yield exact_step(SourceStep(number, end, quotes, cash_price, state={}))


def _quote(symbol: str, candle: Candle, source: str, depth: Decimal | None) -> SourceQuote:
    return SourceQuote(
        symbol=symbol,
        price_usd=candle.close,
        liquidity_usd=depth,
        source=source,
        start=candle.start,
        observed_at=candle.end,
        open=candle.open,
        high=candle.high,
        low=candle.low,
        volume_usd=candle.volume_usd,
    )


def _going_on(head: MarketHead, at: datetime) -> MarketHead:
    """Let bars go on at a time: the bar under construction is known by half, and is left out."""
    listings = (replace(one, series=replace(one.series, end=at)) for one in head.listings)
    return replace(head, listings=tuple(listings))


def _log(market: Market, found: Mapping[str, TokenPast], span: Span) -> None:
    for symbol, past in found.items():
        bad = {name: count for name, count in past.dropped.items() if name not in HARMLESS}
        if bad:
            logger.warning("Back-fill of %s: rows of %s left out: %s", market, symbol, bad)
        if past.failure or not past.candles:
            why = past.failure or "its sources have no candles of it"
            logger.warning("Back-fill of %s: %s is not whole: %s", market, symbol, why)
    counts = ", ".join(f"{symbol} {len(past.candles)}" for symbol, past in found.items())
    logger.info("Back-fill of %s from %s to %s: %s", market, span.since, span.until, counts)


def _reasons(without: Mapping[str, str]) -> str:
    return "; ".join(sorted({reason or "no candles" for reason in without.values()}))[:500]
