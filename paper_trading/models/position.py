"""Positions: the current fold of an account's fills of one token."""

from django.db import models
from django.db.models import Q

from paper_trading.engine.enums import ExitReason
from paper_trading.engine.money import ONE, ZERO
from paper_trading.models.account import PaperTradingAccount
from paper_trading.models.fields import PriceField, RatioField, UnitsField, UsdField, word_field
from paper_trading.models.market import Token
from paper_trading.models.session import PaperTradingSession


class PaperPosition(models.Model):
    """An open or closed holding, average cost. Times ending in `_market_time` decide."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="positions"
    )
    session = models.ForeignKey(PaperTradingSession, on_delete=models.PROTECT)
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="positions")
    is_open = models.BooleanField(default=True)
    units = UnitsField(help_text="Base units held.")
    cost_usd = UsdField(help_text="Cost basis of what is held.")
    bought_usd = UsdField(default=ZERO, help_text="All that buys took in, partial sells included.")
    bought_units = UnitsField(
        default=0, help_text="All that buys brought in; what the shares of steps are of."
    )
    steps_taken = models.PositiveIntegerField(default=0, help_text="Take-profit steps sold at.")
    exit_factor = RatioField(
        default=ONE, help_text="Scales stop, target, steps and trailing while it is held."
    )
    adds = models.PositiveIntegerField(default=0)
    failed_exits = models.PositiveIntegerField(
        default=0, help_text="Sales that failed since the last one that did not."
    )
    high_price_usd = PriceField(help_text="Highest mark while held, at par of cash.")
    mark_price_usd = PriceField()
    marked_market_time = models.DateTimeField()
    net_pnl_percent = RatioField(null=True, help_text="After the costs of leaving, at the mark.")
    realized_usd = UsdField(default=ZERO)
    gas_usd = UsdField(default=ZERO)
    opened_market_time = models.DateTimeField()
    closed_market_time = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    exit_reason = word_field(ExitReason, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "token"],
                condition=Q(is_open=True),
                name="position_one_open_a_token",
            ),
            models.CheckConstraint(
                condition=Q(
                    is_open=True,
                    units__gt=0,
                    cost_usd__gte=0,
                    closed_at=None,
                    closed_market_time=None,
                    exit_reason="",
                )
                | (
                    Q(
                        is_open=False,
                        units=0,
                        cost_usd=0,
                        closed_at__isnull=False,
                        closed_market_time__isnull=False,
                    )
                    & ~Q(exit_reason="")
                ),
                name="position_state_matches_times",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-closed_at"], name="position_newest_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.token} of {self.account}"
