"""Performance of a session's account since it was opened, from equity points and sells."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from paper_trading.bot.position_manager import view_of
from paper_trading.engine.enums import LedgerAccount, Side, TradeStatus
from paper_trading.engine.metrics import Performance, performance
from paper_trading.engine.money import ZERO, usd
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
SELECT DISTINCT ON (hour) market_time, equity_usd FROM (
  SELECT ceil(extract(epoch FROM market_time - %(start)s::timestamptz) / 3600) AS hour,
         market_time, equity_usd
  FROM paper_trading_equitypoint WHERE account_id = %(account)s
) AS points
ORDER BY hour, market_time DESC
"""

#: A deposit was made after the equity point whose market time it carries.
_JUST_AFTER = timedelta(microseconds=1)


def measure(tick: Tick, account: PaperTradingAccount) -> PaperPerformanceMetrics:
    """Compute and save the metrics of a tick; figures that are undefined stay null."""
    held = list(PaperPosition.objects.filter(account=account, is_open=True).select_related("token"))
    deposits = _deposits(account)
    found = performance(
        account_value(account, held),
        _points(account, deposits),
        _realized(account),
        [(at + _JUST_AFTER, paid) for at, paid in deposits if at is not None],
    )
    point = EquityPoint.objects.get(tick=tick)
    cost = sum((row.cost_usd for row in held), ZERO) * view_of(tick).batch.cash_price_usd
    return PaperPerformanceMetrics.objects.create(
        session_id=tick.session_id,
        tick=tick,
        market_time=point.market_time,
        equity_usd=point.equity_usd,
        unrealized_usd=usd(point.positions_usd - cost),
        **_figures(found),
    )


def _deposits(account: PaperTradingAccount) -> list[tuple[datetime | None, Decimal]]:
    """Return when (market time; None before the first tick) and how much was paid in."""
    rows = account.ledger.filter(trade=None, book=LedgerAccount.CASH)
    return list(rows.order_by("line").values_list("market_time", "amount_usd"))


def _points(
    account: PaperTradingAccount, deposits: Sequence[tuple[datetime | None, Decimal]]
) -> list[tuple[datetime, Decimal]]:
    """Return the equity of every hour, from the first deposits one step before the first tick.

    The first equity point already bears the cost of the first trades, so it is no start.
    """
    first = account.equity_points.order_by("market_time").first()
    if first is None:
        return []
    start = first.market_time - timedelta(seconds=account.market.step_seconds)
    paid = sum((amount for at, amount in deposits if at is None), ZERO)
    with connection.cursor() as cursor:
        cursor.execute(_HOURLY, {"account": account.pk, "start": start})
        points: list[tuple[datetime, Decimal]] = cursor.fetchall()
    return [(start, paid), *points]


def _realized(account: PaperTradingAccount) -> list[Decimal]:
    """Return what each sell made, its gas taken off."""
    sells = PaperTrade.objects.filter(
        account=account, side=Side.SELL, status=TradeStatus.FILLED
    ).values_list("realized_usd", "gas_usd")
    return [usd(made - gas) for made, gas in sells if made is not None]


def _figures(found: Performance) -> dict[str, Decimal | int | None]:
    return {
        "total_return_percent": found.total_return_percent,
        "realized_usd": found.realized_usd,
        "gas_usd": found.gas_usd,
        "max_drawdown_percent": found.max_drawdown_percent,
        "winning_trades": found.wins,
        "losing_trades": found.losses,
        "win_rate_percent": found.win_rate_percent,
        "profit_factor": found.profit_factor,
        "expectancy_usd": found.expectancy_usd,
        "sharpe_ratio": found.sharpe,
        "sortino_ratio": found.sortino,
        "volatility_percent": found.volatility_percent,
        "returns_count": found.hours,
    }
