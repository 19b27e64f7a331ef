"""Accounts: money of one user on one market. The ledger is the truth, these are its caches."""

from enum import StrEnum, unique

from django.conf import settings
from django.db import models
from django.db.models import Q

from paper_trading.engine.enums import BreakerKind
from paper_trading.engine.money import ONE, ZERO
from paper_trading.models.fields import PriceField, RatioField, UsdField, word_field
from paper_trading.models.market import Market, Token


class PaperTradingAccount(models.Model):
    """A paper account. Reset archives it and opens a new one; nothing is deleted."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="paper_accounts"
    )
    name = models.CharField(max_length=120)
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="accounts")
    cash_usd = UsdField(default=ZERO, help_text="USDC held, at par.")
    cash_price_usd = PriceField(default=ONE, help_text="USD price of USDC at the last step.")
    deposits_usd = UsdField(default=ZERO)
    realized_usd = UsdField(default=ZERO, help_text="Proceeds less cost basis, before gas.")
    gas_usd = UsdField(default=ZERO, help_text="Gas paid, failures and approvals included.")
    total_pnl_usd = UsdField(default=ZERO, help_text="Equity at the last tick less deposits.")
    peak_equity_usd = UsdField(default=ZERO)
    max_drawdown_percent = RatioField(default=ZERO)
    day = models.DateField(null=True, blank=True, help_text="UTC day of market time.")
    day_start_equity_usd = UsdField(default=ZERO)
    entries_today = models.PositiveIntegerField(default=0)
    failed_transactions = models.PositiveIntegerField(default=0, help_text="In a row.")
    losing_exits = models.PositiveIntegerField(
        default=0, help_text="Closed positions lost in a row."
    )
    winning_trades = models.PositiveIntegerField(
        default=0, help_text="Closed positions that made money, all their gas paid."
    )
    losing_trades = models.PositiveIntegerField(
        default=0, help_text="Closed positions that lost money, all their gas paid."
    )
    nonce = models.PositiveIntegerField(default=0)
    approvals = models.JSONField(default=list, blank=True)
    last_exits = models.JSONField(default=dict, blank=True)
    locks = models.JSONField(
        default=dict, blank=True, help_text="Token: until (market time), reason, by a person."
    )
    failed_swaps = models.JSONField(
        default=dict, blank=True, help_text="Token: failed swaps in a row."
    )
    pending = models.JSONField(
        default=list, blank=True, help_text="Submitted swaps whose outcome is not known yet."
    )
    displaced = models.JSONField(
        default=dict, blank=True, help_text="Cash that own swaps left in pools, by token."
    )
    #: Raised by every transaction that changes money or positions; keys the position cache.
    state_version = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=Q(archived_at=None),
                name="account_name_once_an_owner",
            ),
            models.CheckConstraint(
                condition=Q(cash_usd__gte=0, deposits_usd__gte=0, gas_usd__gte=0),
                name="account_money_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name


@unique
class AccountEventKind(StrEnum):
    """What can happen to an account outside of its ticks."""

    DEPOSIT = "DEPOSIT"
    BREAKER_RESET = "BREAKER_RESET"
    BREAKER_TRIP = "BREAKER_TRIP"
    TOKEN_LOCK = "TOKEN_LOCK"  # noqa: S105
    TOKEN_RELEASE = "TOKEN_RELEASE"  # noqa: S105


#: What happens to one token of an account; all else but a deposit happens to a breaker.
OF_TOKENS = (AccountEventKind.TOKEN_LOCK, AccountEventKind.TOKEN_RELEASE)


class AccountEvent(models.Model):
    """Something that changed an account between two stages; the version orders it among them."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="events"
    )
    #: The state version that it made.
    version = models.PositiveBigIntegerField()
    kind = word_field(AccountEventKind)
    amount_usd = UsdField(null=True)
    breaker = word_field(BreakerKind, blank=True, default="")
    token = models.ForeignKey(
        Token, null=True, on_delete=models.PROTECT, related_name="account_events"
    )
    #: When a breaker tripped; until when a token is locked.
    market_time = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True, default="")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    seal = models.JSONField(default=dict, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "version"], name="account_event_once"),
            models.CheckConstraint(
                condition=Q(kind=AccountEventKind.DEPOSIT, amount_usd__gt=0, breaker="", token=None)
                | Q(kind__in=OF_TOKENS, amount_usd=None, breaker="", token__isnull=False)
                | (
                    ~Q(kind__in=[AccountEventKind.DEPOSIT, *OF_TOKENS])
                    & Q(amount_usd=None, token=None)
                    & ~Q(breaker="")
                ),
                name="account_event_says_what",
            ),
            models.CheckConstraint(
                condition=~Q(kind=AccountEventKind.TOKEN_LOCK)
                | Q(market_time__isnull=False, reason__gt=""),
                name="account_event_lock_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at version {self.version} of {self.account}"
