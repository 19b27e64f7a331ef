"""What people see of a live market's prices: who says them, how good they are, what to do."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.enums import PriceVerdict
from paper_trading.models import FeedMode, Market, MarketToken, PriceBatch, Quote
from paper_trading.services import live_markets
from paper_trading.services.price_feed_service import FRESH_STEPS
from paper_trading.services.sources import usage
from paper_trading.services.sources.live.base import Reason
from paper_trading.services.sources.usage import Statistics

#: Verdicts on what a source said just now; others are on what is left from before.
SERVED = (PriceVerdict.FRESH, PriceVerdict.DISPUTED, PriceVerdict.CASH_UNSURE)
#: How far back the statistics of sources reach.
PERIOD = timedelta(hours=24)

_NETWORK = (
    "No price source can be reached: check the network of the workers. Nothing is traded until"
    " prices are back. `up --prices simulated` needs no network."
)
_LIMITS = (
    "The calls of the price sources are used up for now: `manage.py price_plan` shows them against"
    " each limit. A longer interval, fewer tokens or a key of another source helps."
)
_KEYS = "A price source refused its key: check the DEX_ variables that docs/DEPLOYMENT.md names."
_ANSWERS = "The price sources answer with nothing that can be used: worker.log says what came."
_INSIDE = (
    "Reading the price sources failed inside: the traceback is in the admin under internal errors."
)
_ADVICE: Mapping[str, str] = {
    Reason.UNREACHABLE: _NETWORK,
    Reason.TIMED_OUT: _NETWORK,
    Reason.NOT_TLS: _NETWORK,
    Reason.THROTTLED: _LIMITS,
    Reason.NO_BUDGET: _LIMITS,
    Reason.COOLING: _LIMITS,
    Reason.MONTH_SPENT: _LIMITS,
    Reason.KEY_REFUSED: _KEYS,
    Reason.INTERNAL_ERROR: _INSIDE,
}


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """One token's price in the newest batch; None where it has none."""

    symbol: str
    quote: Quote | None
    verdict: PriceVerdict
    #: Why there is none.
    reason: str = ""
    #: Of the quote, at the market time of its batch.
    age: timedelta | None = None

    @property
    def price_usd(self) -> Decimal | None:
        """Return USD for one whole token."""
        return None if self.quote is None else self.quote.price_usd


@dataclass(frozen=True, slots=True)
class FeedView:
    """A live market's newest batch, and its sources of the last day."""

    batch: PriceBatch | None
    tokens: tuple[TokenPrice, ...]
    sources: tuple[Statistics, ...]
    is_stale: bool
    #: The source that the plan has serve the ticks.
    first: str = ""

    @property
    def usable(self) -> int:
        """Return how many tokens could be bought at their price."""
        return sum(one.verdict is PriceVerdict.FRESH for one in self.tokens)

    @property
    def state(self) -> str:
        """Return good, stand-in (all is fresh, by another source than the first of the plan).

        Or degraded (some tokens cannot be traded), or down (none can).
        """
        if self.batch is None or self.is_stale or self.usable == 0:
            return "down"
        if self.usable < len(self.tokens):
            return "degraded"
        return "stand-in" if self.stands_in else "good"

    @property
    def stands_in(self) -> str:
        """Say who serves and for whom; empty while the first of the plan says any price."""
        served = any(one.verdict in SERVED for one in self.tokens)
        names = self.batch.source.split("+") if self.batch is not None and served else []
        if not names or not self.first or self.first in names:
            return ""
        return f"{names[0]} stands in for {self.first}"

    @property
    def advice(self) -> str:
        """Return what to do when there are no prices; empty when there are some."""
        if self.batch is None:
            return (
                "The market has no prices yet: its sources have not answered. If this stays, check"
                " the network of the workers; worker.log says what came. `up --prices simulated`"
                " needs no network."
            )
        if self.is_stale:
            return "No worker has asked for prices lately: check that a session and workers run."
        return advice(self.batch.reasons) if self.usable == 0 else ""


def feed_view(market: Market, now: datetime) -> FeedView | None:
    """Return what is seen of a market's prices; None when it is not live."""
    if market.mode != FeedMode.LIVE:
        return None
    newest = market.batches.order_by("-step").first()
    oldest = now - 2 * FRESH_STEPS * timedelta(seconds=market.step_seconds)
    return FeedView(
        batch=newest,
        tokens=() if newest is None else _tokens(market, newest),
        sources=tuple(usage.statistics(now - PERIOD, now)),
        is_stale=newest is not None and newest.market_time < oldest,
        first=live_markets.source_plan(market).tick[0].source,
    )


def advice(reasons: Mapping[str, str]) -> str:
    """Return what to do about tokens without a price, by the reason that most of them have."""
    found = Counter(reasons.values())
    if not found:
        return ""
    ((reason, _),) = found.most_common(1)
    return _ADVICE.get(reason, _ANSWERS)


def _tokens(market: Market, batch: PriceBatch) -> tuple[TokenPrice, ...]:
    quotes = {quote.token_id: quote for quote in batch.quotes.all()}
    rows = MarketToken.objects.filter(market=market).select_related("token")
    return tuple(
        _token(row.token.symbol, quotes.get(row.token_id), batch)
        for row in rows.order_by("token__symbol")
    )


def _token(symbol: str, quote: Quote | None, batch: PriceBatch) -> TokenPrice:
    if quote is None:
        reason = batch.reasons.get(symbol, "")
        return TokenPrice(symbol, None, PriceVerdict.MISSING, reason)
    age = batch.market_time - quote.observed_at
    return TokenPrice(symbol, quote, PriceVerdict(quote.verdict), age=max(age, timedelta(0)))
