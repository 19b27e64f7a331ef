"""Performance of a session's account since it was opened, from its track record."""

from dataclasses import replace

from paper_trading.bot import track_rows
from paper_trading.engine.track import Metrics, TrackRecord, Worth, measure
from paper_trading.engine.track_json import details
from paper_trading.models import (
    EquityPoint,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTradingAccount,
    Tick,
)
from paper_trading.services.account_state import account_value

#: Columns of the row that are named like the figures they keep.
_SAME = (
    "total_return_percent",
    "annual_return_percent",
    "realized_usd",
    "gas_usd",
    "max_drawdown_percent",
    "win_rate_percent",
    "profit_factor",
    "expectancy_usd",
    "expectancy_percent",
    "volatility_percent",
    "var_percent",
    "cvar_percent",
    "exposure_percent",
    "turnover",
)


def update(tick: Tick, account: PaperTradingAccount) -> PaperPerformanceMetrics:
    """Compute and save the metrics of a tick; figures that are undefined stay null."""
    held = PaperPosition.objects.filter(account=account, is_open=True).select_related("token")
    value = account_value(account, held)
    point = EquityPoint.objects.get(tick=tick)
    worth = Worth(
        at=point.market_time,
        equity_usd=point.equity_usd,
        positions_usd=point.positions_usd,
        cash_price_usd=point.cash_price_usd,
    )
    row = metrics_row(tick, measure(value, worth, track_record(account)))
    row.save(force_insert=True)
    return row


def track_record(account: PaperTradingAccount) -> TrackRecord:
    """Read what the metrics of an account are computed from, its hours included."""
    return replace(track_rows.load(account), hours=track_rows.load_hours(account.pk))


def metrics_row(tick: Tick, made: Metrics) -> PaperPerformanceMetrics:
    """Return the row of a tick's metrics, not yet saved."""
    found = made.performance
    return PaperPerformanceMetrics(
        session_id=tick.session_id,
        tick=tick,
        market_time=made.market_time,
        equity_usd=made.equity_usd,
        unrealized_usd=made.unrealized_usd,
        winning_trades=found.wins,
        losing_trades=found.losses,
        sharpe_ratio=found.sharpe,
        sortino_ratio=found.sortino,
        calmar_ratio=found.calmar,
        returns_count=found.hours,
        details=details(found),
        **{name: getattr(found, name) for name in _SAME},
    )
