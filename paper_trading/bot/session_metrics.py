"""Performance of a session's account since it was opened, from equity points and sells."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from paper_trading.bot.position_manager import view_of
from paper_trading.engine.enums import LedgerAccount, Side, TradeStatus
from paper_trading.engine.metrics import Point
from paper_trading.engine.track import Metrics, TrackRecord, Worth, measure, net_of_sell, start_of
from paper_trading.models import (
    EquityPoint,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    Tick,
)
from paper_trading.services.account_state import account_value

# The last point of every hour since the start: rows grow with hours of market time, not ticks.
_HOURLY = """
SELECT DISTINCT ON (hour) hour::int, market_time, equity_usd FROM (
  SELECT ceil(extract(epoch FROM market_time - %(start)s::timestamptz) / 3600) AS hour,
         market_time, equity_usd
  FROM paper_trading_equitypoint WHERE account_id = %(account)s
) AS points
ORDER BY hour, market_time DESC
"""


def update(tick: Tick, account: PaperTradingAccount) -> PaperPerformanceMetrics:
    """Compute and save the metrics of a tick; figures that are undefined stay null."""
    held = PaperPosition.objects.filter(account=account, is_open=True).select_related("token")
    value = account_value(account, held)
    point = EquityPoint.objects.get(tick=tick)
    worth = Worth(
        at=point.market_time,
        equity_usd=point.equity_usd,
        positions_usd=point.positions_usd,
        cash_price_usd=view_of(tick).batch.cash_price_usd,
    )
    row = metrics_row(tick, measure(value, worth, track_record(account)))
    row.save(force_insert=True)
    return row


def track_record(account: PaperTradingAccount) -> TrackRecord:
    """Read what the metrics of an account are computed from."""
    first = account.equity_points.order_by("market_time").first()
    start = None
    if first is not None:
        start = start_of(first.market_time, timedelta(seconds=account.market.step_seconds))
    paid = account.ledger.filter(trade=None, book=LedgerAccount.CASH).order_by("line")
    return TrackRecord(
        start=start,
        hourly={} if start is None else _hourly(account, start),
        deposits=tuple(paid.values_list("market_time", "amount_usd")),
        realized=_realized(account),
    )


def metrics_row(tick: Tick, made: Metrics) -> PaperPerformanceMetrics:
    """Return the row of a tick's metrics, not yet saved."""
    found = made.performance
    return PaperPerformanceMetrics(
        session_id=tick.session_id,
        tick=tick,
        market_time=made.market_time,
        equity_usd=made.equity_usd,
        unrealized_usd=made.unrealized_usd,
        total_return_percent=found.total_return_percent,
        realized_usd=found.realized_usd,
        gas_usd=found.gas_usd,
        max_drawdown_percent=found.max_drawdown_percent,
        winning_trades=found.wins,
        losing_trades=found.losses,
        win_rate_percent=found.win_rate_percent,
        profit_factor=found.profit_factor,
        expectancy_usd=found.expectancy_usd,
        sharpe_ratio=found.sharpe,
        sortino_ratio=found.sortino,
        volatility_percent=found.volatility_percent,
        returns_count=found.hours,
    )


def _hourly(account: PaperTradingAccount, start: datetime) -> dict[int, Point]:
    with connection.cursor() as cursor:
        cursor.execute(_HOURLY, {"account": account.pk, "start": start})
        return {hour: (at, equity) for hour, at, equity in cursor.fetchall()}


def _realized(account: PaperTradingAccount) -> tuple[Decimal, ...]:
    """Return what each sell made, its gas taken off."""
    sells = PaperTrade.objects.filter(
        account=account, side=Side.SELL, status=TradeStatus.FILLED
    ).values_list("realized_usd", "gas_usd")
    return tuple(net_of_sell(made, gas) for made, gas in sells if made is not None)
