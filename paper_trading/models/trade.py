"""Trades (fills, denials, failures), their transactions, and the ledger."""

from django.db import models
from django.db.models import Q

from paper_trading.engine.codes import Code
from paper_trading.engine.enums import (
    Channel,
    ExitReason,
    FillGrade,
    LedgerAccount,
    Side,
    Stage,
    TradeStatus,
    TransactionKind,
    TransactionStatus,
)
from paper_trading.engine.money import ZERO
from paper_trading.models.account import PaperTradingAccount
from paper_trading.models.fields import PriceField, RatioField, UnitsField, UsdField, word_field
from paper_trading.models.market import Token
from paper_trading.models.position import PaperPosition
from paper_trading.models.session import PaperTradingSession
from paper_trading.models.tick import Tick


class PaperTrade(models.Model):
    """What became of one order, plan and outcome side by side."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="trades"
    )
    session = models.ForeignKey(
        PaperTradingSession, on_delete=models.PROTECT, related_name="trades"
    )
    tick = models.ForeignKey(Tick, on_delete=models.PROTECT, related_name="trades")
    stage = word_field(Stage)
    sequence = models.PositiveIntegerField()
    position = models.ForeignKey(
        PaperPosition, null=True, on_delete=models.PROTECT, related_name="trades"
    )
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="trades")
    side = word_field(Side)
    status = word_field(TradeStatus)
    code = word_field(Code)
    exit_reason = word_field(ExitReason, blank=True, default="")
    confidence = RatioField(null=True)
    market_time = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    asked_usd = UsdField(default=ZERO)
    allowed_usd = UsdField(default=ZERO)
    limit = models.CharField(max_length=250, blank=True)
    amount_in = UnitsField(null=True)
    quoted_out = UnitsField(null=True)
    minimum_out = UnitsField(null=True)
    amount_out = UnitsField(null=True)
    mid_price = PriceField(null=True, help_text="Cash per token when the order was quoted.")
    fee_usd = UsdField(default=ZERO)
    impact_usd = UsdField(default=ZERO)
    drift_usd = UsdField(default=ZERO)
    mev_usd = UsdField(default=ZERO)
    shortfall_usd = UsdField(default=ZERO, help_text="fee + impact + drift + MEV.")
    gas_usd = UsdField(default=ZERO)
    realized_usd = UsdField(null=True)
    grade = word_field(FillGrade, blank=True, default="")
    pool = models.CharField(
        max_length=42,
        blank=True,
        default="",
        help_text="Where the order went, when not to the pool that prices the token.",
    )
    exit_factor = RatioField(
        null=True, help_text="Of a buy that opened a position: what scales its exits."
    )
    steps_taken = models.PositiveIntegerField(
        null=True, help_text="Of a sale at take-profit steps: how many are taken after it."
    )
    channel = word_field(Channel, blank=True, default="")
    sent_market_time = models.DateTimeField(
        null=True, help_text="Of a managed swap: when it was submitted."
    )
    included_market_time = models.DateTimeField(
        null=True, help_text="Of a managed swap: the block that would take it."
    )
    deadline_market_time = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tick", "stage", "sequence"], name="trade_once"),
            models.CheckConstraint(
                condition=Q(status=TradeStatus.FILLED, amount_in__gt=0, amount_out__gte=0)
                | Q(status=TradeStatus.FAILED, amount_in__gt=0, amount_out=0)
                | Q(status=TradeStatus.DENIED, amount_out=None),
                name="trade_amounts_match_status",
            ),
            models.CheckConstraint(
                condition=Q(gas_usd__gte=0, asked_usd__gte=0, allowed_usd__gte=0),
                name="trade_money_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(status=TradeStatus.FILLED, side=Side.SELL)
                | Q(realized_usd__isnull=False),
                name="trade_sell_realizes",
            ),
        ]
        indexes = [models.Index(fields=["account", "-created_at"], name="trade_newest")]

    def __str__(self) -> str:
        return f"{self.side} {self.token} {self.status}"


class SimulatedTransaction(models.Model):
    """A transaction as the chain would have charged it."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="transactions"
    )
    trade = models.ForeignKey(PaperTrade, on_delete=models.PROTECT, related_name="transactions")
    kind = word_field(TransactionKind)
    status = word_field(TransactionStatus)
    nonce = models.PositiveIntegerField()
    leg = models.PositiveSmallIntegerField(
        default=0, help_text="Its place among the swaps of one transaction; gas is its own part."
    )
    gas_used = models.PositiveBigIntegerField()
    gas_price_wei = models.PositiveBigIntegerField()
    l1_fee_wei = UnitsField()
    fee_wei = UnitsField()
    fee_usd = UsdField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "nonce", "leg"], name="transaction_nonce_once"
            ),
            models.CheckConstraint(
                condition=Q(fee_wei__gte=0, fee_usd__gte=0), name="transaction_fee_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} nonce {self.nonce}"


class LedgerEntry(models.Model):
    """One posting. The lines of one group (a trade, a deposit) sum to zero USD."""

    account = models.ForeignKey(
        PaperTradingAccount, on_delete=models.PROTECT, related_name="ledger"
    )
    trade = models.ForeignKey(
        PaperTrade, null=True, on_delete=models.PROTECT, related_name="ledger"
    )
    #: Within its trade; without a trade, among the deposits of the account.
    line = models.PositiveIntegerField()
    market_time = models.DateTimeField(
        null=True, help_text="Of a deposit: the account's then; empty before its first tick."
    )
    book = word_field(LedgerAccount)
    amount_usd = UsdField(help_text="Debit positive.")
    token = models.ForeignKey(Token, null=True, on_delete=models.PROTECT)
    units = UnitsField(default=0, help_text="Signed base units that moved.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(fields=["trade", "line"], name="ledger_line_once"),
            models.UniqueConstraint(
                fields=["account", "line"],
                condition=Q(trade=None),
                name="ledger_deposit_line_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.amount_usd}"
