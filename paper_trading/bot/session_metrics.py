"""Performance of a session's account, from its equity points and its sells."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from paper_trading.engine.enums import Side, TradeStatus
from paper_trading.engine.metrics import Performance, performance
from paper_trading.engine.money import usd
from paper_trading.models import (
    EquityPoint,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    Tick,
)
from paper_trading.services.account_state import account_value

# The first point, and the last of every hour of market time: rows grow with hours, not ticks.
_HOURLY = """
SELECT market_time, equity_usd FROM (
  SELECT DISTINCT ON (date_trunc('hour', market_time - interval '1 microsecond'))
         market_time, equity_usd
  FROM paper_trading_equitypoint WHERE account_id = %(account)s
  ORDER BY date_trunc('hour', market_time - interval '1 microsecond'), market_time DESC
) AS last_of_hour
UNION
(SELECT market_time, equity_usd FROM paper_trading_equitypoint
 WHERE account_id = %(account)s ORDER BY market_time LIMIT 1)
ORDER BY market_time
"""


def measure(tick: Tick, account: PaperTradingAccount) -> PaperPerformanceMetrics:
    """Compute and save the metrics of a tick; figures that are undefined stay null."""
    held = list(PaperPosition.objects.filter(account=account, is_open=True).select_related("token"))
    found = performance(account_value(account, held), _points(account.pk), _realized(account))
    point = EquityPoint.objects.get(tick=tick)
    cost = sum((row.cost_usd for row in held), Decimal(0))
    return PaperPerformanceMetrics.objects.create(
        session_id=tick.session_id,
        tick=tick,
        market_time=point.market_time,
        equity_usd=point.equity_usd,
        unrealized_usd=usd(point.positions_usd - cost),
        **_figures(found),
    )


def _points(account_id: int) -> Sequence[tuple[datetime, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(_HOURLY, {"account": account_id})
        points: list[tuple[datetime, Decimal]] = cursor.fetchall()
    return points


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
