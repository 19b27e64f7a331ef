"""Circuit breaker states, equity points and performance metrics."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from paper_trading.engine.enums import BreakerKind
from paper_trading.engine.money import ONE
from paper_trading.models.account import PaperTradingAccount
from paper_trading.models.fields import PriceField, RatioField, UsdField, word_field
from paper_trading.models.session import PaperTradingSession
from paper_trading.models.tick import Tick


class BreakerState(models.Model):
    """One breaker of one account. Tripped breakers stop entries, never exits."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.CASCADE, related_name="breakers"
    )
    kind = word_field(BreakerKind)
    tripped = models.BooleanField(default=False)
    tripped_market_time = models.DateTimeField(null=True, blank=True)
    actual = RatioField(null=True, blank=True)
    threshold = RatioField(null=True, blank=True)
    baseline_usd = UsdField(null=True, blank=True)
    waiting_since = models.DateTimeField(
        null=True, blank=True, help_text="Market time: for settled marks, or for calm to last."
    )
    reset_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    reset_at = models.DateTimeField(null=True, blank=True)
    reset_reason = models.CharField(
        max_length=200, blank=True, help_text="Of the last reset; one by nobody came by itself."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "kind"], name="breaker_once"),
            models.CheckConstraint(
                condition=Q(tripped=True, tripped_market_time__isnull=False)
                | Q(tripped=False, tripped_market_time=None),
                name="breaker_state_matches_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account}"


class EquityPoint(models.Model):
    """An account's worth at one tick."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="equity_points"
    )
    tick = models.OneToOneField(Tick, on_delete=models.PROTECT, related_name="equity")
    market_time = models.DateTimeField()
    cash_price_usd = PriceField(default=ONE, help_text="Of one USDC, the last one known.")
    cash_usd = UsdField(help_text="At the price of cash.")
    positions_usd = UsdField(help_text="At the marks.")
    equity_usd = UsdField()
    equity_if_closed_usd = UsdField(null=True, help_text="If everything were sold now.")
    drawdown_percent = RatioField()
    settled = models.BooleanField(
        default=True, help_text="No mark waits for its second reading: drawdowns count it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "market_time"], name="equity_point_once"),
            models.CheckConstraint(
                condition=Q(cash_price_usd__gt=0), name="equity_point_cash_has_a_price"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.equity_usd} at {self.market_time}"


class PaperPerformanceMetrics(models.Model):
    """What a session's account has made since it was opened; null where undefined."""

    session = models.ForeignKey(
        PaperTradingSession, on_delete=models.PROTECT, related_name="metrics"
    )
    tick = models.OneToOneField(Tick, on_delete=models.PROTECT, related_name="metrics")
    market_time = models.DateTimeField()
    equity_usd = UsdField()
    total_return_percent = RatioField(null=True, help_text="Time-weighted.")
    annual_return_percent = RatioField(null=True)
    realized_usd = UsdField()
    unrealized_usd = UsdField()
    gas_usd = UsdField()
    max_drawdown_percent = RatioField()
    winning_trades = models.PositiveIntegerField()
    losing_trades = models.PositiveIntegerField()
    win_rate_percent = RatioField(null=True)
    profit_factor = RatioField(null=True)
    expectancy_usd = UsdField(null=True)
    expectancy_percent = RatioField(null=True, help_text="Of what was bought.")
    sharpe_ratio = RatioField(null=True)
    sortino_ratio = RatioField(null=True)
    calmar_ratio = RatioField(null=True)
    volatility_percent = RatioField(null=True)
    var_percent = RatioField(null=True, help_text="Of one hour, 5 %.")
    cvar_percent = RatioField(null=True, help_text="Of one hour, 5 %.")
    exposure_percent = RatioField(null=True, help_text="Time-weighted share of equity.")
    turnover = RatioField(null=True, help_text="Half of bought and sold over mean equity.")
    #: Intervals, drawdown dates, benchmarks, costs, times, by token and exit reason.
    details = models.JSONField(default=dict)
    #: Hourly returns behind the ratios.
    returns_count = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "paper performance metrics"

    def __str__(self) -> str:
        return f"metrics of {self.tick}"
