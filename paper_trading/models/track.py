"""The running track record of an account: totals, and one point an hour.

Caches of trades, deposits and equity points, from which they can be folded anew.
"""

from django.db import models
from django.db.models import Q

from paper_trading.models.account import PaperTradingAccount
from paper_trading.models.fields import PriceField, UsdField


class PaperTrackRecord(models.Model):
    """Running totals behind the metrics, as JSON; numbers are strings, times ISO 8601."""

    account = models.OneToOneField(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="track"
    )
    #: Time-weighted index, drawdown, exposure.
    curve = models.JSONField()
    #: Round trips, costs, streaks, by token and by exit reason.
    trades = models.JSONField()
    #: First and last prices of the benchmarks' holdings.
    benchmarks = models.JSONField()

    def __str__(self) -> str:
        return f"track record of {self.account}"


class EquityHour(models.Model):
    """The last equity of an hour since the account's first tick; indices start at 1."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="equity_hours"
    )
    hour = models.PositiveIntegerField(help_text="Since the start of the record, from 1.")
    market_time = models.DateTimeField()
    equity_usd = UsdField()
    index = PriceField(help_text="Time-weighted: a deposit does not move it.")
    eth_index = PriceField(null=True, help_text="Of ETH, bought at the first quote.")
    basket_index = PriceField(null=True, help_text="Of all tradable tokens in equal parts.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "hour"], name="equity_hour_once"),
            models.CheckConstraint(condition=Q(hour__gte=1), name="equity_hour_from_one"),
        ]

    def __str__(self) -> str:
        return f"hour {self.hour} of {self.account}"
