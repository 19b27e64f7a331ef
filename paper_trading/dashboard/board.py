"""What one page of one account shows, loaded at most once and only when a panel asks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import QuerySet

from paper_trading.engine.account import TokenLock
from paper_trading.engine.enums import TradeStatus
from paper_trading.models import (
    BreakerState,
    EquityPoint,
    MarketSignal,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    SessionStatus,
    Tick,
    TickStatus,
    Token,
)
from paper_trading.services import account_view
from paper_trading.services.account_state import locks_from_json
from paper_trading.services.account_view import AccountFigures
from paper_trading.services.feed_view import FeedView, feed_view
from paper_trading.services.transaction_manager import WaitingOrder, get_transaction_manager

TICKS = 10
TRADES = 8
DENIALS = 5
CLOSED = 8
#: A running session whose newest tick is older than this many intervals is stale.
STALE_INTERVALS = 4
LEAST_STALE = timedelta(seconds=10)


class Board:
    """The rows behind the panels of an account."""

    def __init__(self, account: PaperTradingAccount, now: datetime) -> None:
        self.account = account
        self.now = now

    @cached_property
    def session(self) -> PaperTradingSession | None:
        """The newest session; None before the first."""
        return account_view.latest_session(self.account)

    @property
    def is_running(self) -> bool:
        """Whether ticks are expected."""
        return self.session is not None and self.session.status == SessionStatus.RUNNING

    @cached_property
    def positions(self) -> list[PaperPosition]:
        """What is held, by symbol."""
        return account_view.open_positions(self.account)

    @cached_property
    def orders(self) -> Sequence[WaitingOrder]:
        """Swaps on their way, by nonce."""
        return get_transaction_manager(self.account).waiting(self.market_now)

    @cached_property
    def point(self) -> EquityPoint | None:
        """The newest equity point."""
        return account_view.latest_point(self.account)

    @cached_property
    def figures(self) -> AccountFigures:
        """Equity and what it is made of."""
        return account_view.figures(self.account, self.positions, self.point)

    @cached_property
    def metrics(self) -> PaperPerformanceMetrics | None:
        """The newest metrics; None before the first."""
        return account_view.latest_metrics(self.account)

    @cached_property
    def ticks(self) -> list[Tick]:
        """The newest executed ticks with their stages."""
        return [] if self.session is None else account_view.latest_ticks(self.session, TICKS)

    @cached_property
    def last_closed(self) -> Tick | None:
        """The newest tick that ran to its end."""
        if self.session is None:
            return None
        closed = self.session.ticks.filter(status=TickStatus.CLOSED)
        return closed.order_by("-opened_at").first()

    @property
    def market_now(self) -> datetime | None:
        """Market time of the newest tick that closed."""
        return None if self.last_closed is None else self.last_closed.market_time

    @property
    def stale_after(self) -> timedelta:
        """Age at which the newest tick of a running session says that something is wrong."""
        if self.session is None:
            return LEAST_STALE
        return max(STALE_INTERVALS * timedelta(milliseconds=self.session.interval_ms), LEAST_STALE)

    @property
    def is_stale(self) -> bool:
        """Whether a running session has gone without a closed tick for too long."""
        if not self.is_running or self.session is None:
            return False
        last = self.last_closed
        since = self.session.started_at if last is None else last.closed_at or last.opened_at
        return self.now - since > self.stale_after

    @cached_property
    def skipped(self) -> dict[str, int]:
        """How many slots were skipped since the oldest tick shown, by reason."""
        if self.session is None:
            return {}
        return account_view.skipped_since(self.session, self.ticks)

    @cached_property
    def decisions(self) -> list[PaperAIThoughtLog]:
        """The decisions of the newest tick that has any, an open one's being incomplete."""
        finished = [tick for tick in self.ticks if tick.status != TickStatus.OPEN]
        thoughts = account_view.decisions_of(finished)
        return [row for row in thoughts if row.tick_id == thoughts[0].tick_id]

    @property
    def trades(self) -> list[PaperTrade]:
        """The newest fills and failures, and fewer denials, which come by the dozen."""
        newest = self.account.trades.select_related("token", "tick").order_by("-created_at", "-pk")
        sent = newest.exclude(status=TradeStatus.DENIED)[:TRADES]
        denied = newest.filter(status=TradeStatus.DENIED)[:DENIALS]
        return sorted([*sent, *denied], key=lambda row: (row.created_at, row.pk), reverse=True)

    @property
    def closed(self) -> QuerySet[PaperPosition]:
        """The positions closed last."""
        gone = self.account.positions.filter(is_open=False).select_related("token")
        return gone.order_by("-closed_at")[:CLOSED]

    @cached_property
    def feed(self) -> FeedView | None:
        """The prices of a live market and their sources; None of others."""
        return feed_view(self.account.market, self.now)

    @cached_property
    def signals_off(self) -> list[MarketSignal]:
        """The user's signals that the market goes on without, by name."""
        if not self.account.market.signals:
            return []
        off = self.account.market.user_signals.filter(off_step__isnull=False)
        return list(off.order_by("name"))

    @cached_property
    def locks(self) -> list[tuple[str, TokenLock]]:
        """The locks of tokens, by symbol."""
        found = locks_from_json(self.account.locks)
        symbols = Token.objects.in_bulk(found)
        return sorted(
            ((symbols[key].symbol, lock) for key, lock in found.items()), key=lambda one: one[0]
        )

    @cached_property
    def breakers(self) -> list[BreakerState]:
        """The stored breakers."""
        return list(self.account.breakers.select_related("reset_by").order_by("pk"))
