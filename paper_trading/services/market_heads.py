"""What a market remembers between two steps, in its rows: listings, bars, token lists."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from paper_trading.intelligence.bars import Bar as BarValue
from paper_trading.intelligence.bars import Spans
from paper_trading.intelligence.market_folding import Folded, Listing, MarketHead, Native, Terms
from paper_trading.intelligence.series import Series
from paper_trading.intelligence.user_signals import UserSignal
from paper_trading.models import Bar, FeedMode, Market, MarketSignal, MarketToken, TokenList
from paper_trading.models.bulk import update_rows
from paper_trading.services import market_signals
from paper_trading.services.market_rows import (
    bar_row,
    closed_bar,
    listed_to_json,
    token_list_seal,
    token_value,
)
from paper_trading.services.signal_folder import FolderReader


def terms_of(market: Market, signals: tuple[UserSignal, ...] = ()) -> Terms:
    """Return what a market is made of, with the user's signals in its rows."""
    return Terms(
        price_chain_id=market.price_chain_id,
        seed=market.seed,
        native_symbol=market.native_symbol,
        spans=Spans.for_step(market.step_seconds),
        signals=signals,
    )


def reader_of(user: list[MarketSignal]) -> FolderReader | None:
    """Return who reads the user's signals, when a market has any."""
    return FolderReader() if user else None


def head_of(market: Market, rows: list[MarketToken], user: list[MarketSignal]) -> MarketHead:
    """Return what a market remembers, read from its rows."""
    text = market.native_price_usd
    native = Native(Decimal(text) if text else None, market.native_observed_at)
    token_ids = [row.token_id for row in rows]
    recent = market_signals.recent_bars(market, token_ids, market_signals.values(user))
    live = market.mode == FeedMode.LIVE
    pools = {row.token.symbol: row.token_id for row in rows} if live else None
    listings = tuple(_listing(row, recent, pools) for row in rows)
    return MarketHead(listings, native, market_signals.off_of(user))


def bar_rows(market: Market, folded: Folded) -> list[Bar]:
    """Return the bars that a step closed as rows, not yet saved."""
    return [
        bar_row(market.pk, token, bar, folded.batch.market_time)
        for token, closed in folded.closed.items()
        for bar in closed
    ]


def listing_rows(market: Market) -> list[MarketToken]:
    """Return the tokens of a market by symbol."""
    return list(
        MarketToken.objects.filter(market=market)
        .select_related("token", "last_bar")
        .order_by("token__symbol")
    )


def _listing(
    row: MarketToken,
    recent: Mapping[int, tuple[BarValue, ...]],
    pools: Mapping[str, int] | None,
) -> Listing:
    return Listing(
        token=token_value(row.token, pools=pools),
        series=Series.from_json(row.series) if row.series else Series(),
        last_bar=None if row.last_bar is None else closed_bar(row.last_bar),
        recent=recent[row.token_id],
    )


def newest_bars(market: Market) -> list[Bar]:
    """Return the newest fast bar of each token."""
    fast = Bar.objects.filter(market=market, slow=False)
    return list(fast.order_by("token", "-closes_at").distinct("token"))


def save_head(
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


def token_list(market: Market, rows: list[MarketToken]) -> TokenList:
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
