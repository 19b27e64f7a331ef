"""Stage prices: one bulk batch of quotes for every token and session of the market."""

import logging
from datetime import datetime
from decimal import Decimal

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from paper_trading.bot import endings, events, failures, feed_events, logs, progress
from paper_trading.bot.clock import ClockTimestamp
from paper_trading.bot.rules import strategy_of
from paper_trading.engine.enums import Stage
from paper_trading.intelligence.brackets import key_of
from paper_trading.models import (
    FeedMode,
    Market,
    MarketToken,
    PaperTradingSession,
    PriceBatch,
    Quote,
    SessionStatus,
    StopReason,
    Tick,
    TickReason,
)
from paper_trading.services import set_ups
from paper_trading.services.live_markets import LiveSources
from paper_trading.services.market_view import market_view
from paper_trading.services.price_feed_service import PriceFeedService
from paper_trading.services.sources.base import EndOfRecord, LiveFeed, NoPrices
from paper_trading.services.sources.catalogue import RecordChanged

logger = logging.getLogger(__name__)

#: Prices a token kept at hand for short-term looks; every quote is stored.
PRICE_HISTORY_LENGTH = 100


class RealPriceManager:
    """The prices of one market, by batches that all of its sessions share."""

    def __init__(self, market: Market, live: LiveFeed | None = None) -> None:
        self.market = market
        self._tick_id: int | None = None
        if live is None and market.mode == FeedMode.LIVE:
            live = LiveSources(market, self._keep_error)
        self._feed = PriceFeedService(market, live=live, on_made=feed_events.after_fetch)

    async def initialize(self) -> None:
        """Open the price source. RecordChanged when its file is not the one it began with.

        Live sources have nothing to open: each step asks them anew. Rows are read in the thread
        that a caller without an event loop waits in.
        """
        if self.market.mode != FeedMode.LIVE:
            await sync_to_async(self._feed.open_source)()

    def update_all_prices(self, step: int) -> tuple[PriceBatch, bool]:
        """Return the batch of a step, and whether it had to be fetched.

        One bulk call serves all tokens. EndOfRecord when the source has no such step.
        """
        return self._feed.batch_for(step)

    def run(self, tick: Tick) -> bool:
        """Run the stage for a tick; False when the source ended and the session stopped."""
        started = timezone.now()
        self._tick_id = tick.pk
        if tick.step is None:
            raise ValueError(f"{tick} names no step")
        try:
            batch, fetched = self.update_all_prices(tick.step)
        except EndOfRecord:
            return self._stop(tick, StopReason.RECORD_ENDED, TickReason.RECORD_ENDED)
        except RecordChanged as changed:
            logger.warning("%s: the price feed failed: %s", tick, changed)
            return self._stop(tick, StopReason.RECORD_CHANGED, TickReason.RECORD_CHANGED)
        except NoPrices as missing:
            logger.warning("%s: no prices: %s", tick, missing)
            return self._skip(tick, TickReason.NO_PRICES)
        if self.market.mode == FeedMode.LIVE and _has_read(tick, batch):
            return self._skip(tick, TickReason.SAME_PRICES)
        self._complete(tick, batch, fetched, started)
        return True

    def get_token_list(self) -> list[str]:
        """Return the symbols of the market, sorted."""
        return list(
            MarketToken.objects.filter(market=self.market)
            .order_by("token__symbol")
            .values_list("token__symbol", flat=True)
        )

    def get_token_price(self, symbol: str) -> Decimal | None:
        """Return the newest price of a token in USD, or None."""
        history = self.get_price_history(symbol, 1)
        return history[-1] if history else None

    def get_price_history(self, symbol: str, length: int = PRICE_HISTORY_LENGTH) -> list[Decimal]:
        """Return the last prices of a token in USD, oldest first."""
        newest = (
            Quote.objects.filter(batch__market=self.market, token__symbol=symbol)
            .order_by("-batch__step")
            .values_list("price_usd", flat=True)[:length]
        )
        return list(newest)[::-1]

    def get_statistics(self) -> dict[str, int]:
        """Return how many bulk fetches were made and how many quotes they brought."""
        return {
            "bulk_fetches": self.market.batches.count(),
            "quotes": Quote.objects.filter(batch__market=self.market).count(),
        }

    def _keep_error(self, text: str) -> None:
        """Keep what failed inside a source with the tick that asked it."""
        failures.keep(self._tick_id, Stage.PRICES, text)

    def _complete(self, tick: Tick, batch: PriceBatch, fetched: bool, started: datetime) -> None:
        tokens = len(market_view(batch.pk).listed)
        key = key_of(strategy_of(tick))
        experience = set_ups.experience_soon(batch.market_id, key, batch.market_time)
        with transaction.atomic():
            progress.complete(
                tick,
                started,
                {
                    "tokens": tokens,
                    "missing": batch.missing,
                    **({"reasons": batch.reasons} if batch.reasons else {}),
                    "source": batch.source,
                    "calls": int(fetched),
                },
                Stage.AUTO_CLOSE,
                batch=batch,
                market_time=batch.market_time,
                experience=experience,
                chunks_total=min(tokens, settings.ANALYSIS_WIDTH),
            )
            logs.prices(tick, batch, tokens, fetched=fetched)

    def _skip(self, tick: Tick, reason: TickReason) -> bool:
        """Record a tick that has nothing new to read as SKIPPED; the session goes on."""
        with transaction.atomic():
            if not endings.skip(tick, reason):
                raise progress.Fenced(f"{tick} was taken over")
        return False

    def _stop(self, tick: Tick, stop: StopReason, reason: TickReason) -> bool:
        """End the session with its reason; the tick did nothing and is SKIPPED."""
        with transaction.atomic():
            self._skip(tick, reason)
            PaperTradingSession.objects.filter(
                pk=tick.session_id, status=SessionStatus.RUNNING
            ).update(status=SessionStatus.STOPPED, stop_reason=stop, stopped_at=ClockTimestamp())
            events.status(
                tick.session.account.owner_id,
                tick.session.account_id,
                tick.session_id,
                "stopped",
                f"Session stopped: {stop.replace('_', ' ').lower()}.",
            )
        return False


def _has_read(tick: Tick, batch: PriceBatch) -> bool:
    """Say whether the account has read a batch, or a later one: its time never stands still."""
    read = Tick.objects.filter(session__account=tick.session.account_id).exclude(pk=tick.pk)
    return read.filter(market_time__gte=batch.market_time).exists()


def create_price_manager(market: Market) -> RealPriceManager:
    """Make and initialise a price manager."""
    manager = RealPriceManager(market)
    async_to_sync(manager.initialize)()
    return manager
