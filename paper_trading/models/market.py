"""Tokens, and the markets that price them."""

from enum import StrEnum, unique

from django.db import models
from django.db.models import Q

from paper_trading.engine.enums import Family
from paper_trading.models.fields import RatioField, word_field


@unique
class FeedMode(StrEnum):
    """Where a market's prices come from; modes never mix."""

    SIMULATED = "SIMULATED"
    RECORDED = "RECORDED"
    LIVE = "LIVE"


class Market(models.Model):
    """A price chain with one feed: a seeded simulation, one recorded file, or live sources.

    A step of a live market is floor(database clock / step_seconds): steps that nobody read do
    not exist.
    """

    name = models.CharField(max_length=80, unique=True)
    mode = word_field(FeedMode)
    chain_id = models.PositiveIntegerField(help_text="Chain that the tokens are traded on.")
    price_chain_id = models.PositiveIntegerField(help_text="Chain whose gas and pools count.")
    seed = models.BigIntegerField(default=1)
    profile = models.CharField(
        max_length=16, default="normal", help_text="Of a simulation: normal, or turbo for a show."
    )
    file_path = models.CharField(max_length=500, blank=True)
    file_sha256 = models.CharField(max_length=64, blank=True)
    signals = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Digest of the user's signals that it was made with; empty: none.",
    )
    step_seconds = models.PositiveIntegerField(help_text="Market time of one step.")
    backfill_steps = models.PositiveIntegerField(default=600)
    #: What is modelled rather than observed, in words for people.
    assumptions = models.TextField(blank=True)
    #: The newest step that has a batch (or was back-filled), and the source's state after it.
    head_step = models.IntegerField(default=-1)
    head_state = models.JSONField(default=dict, blank=True)
    #: Last USD price of the chain's native token, carried forward for gas only.
    native_symbol = models.CharField(max_length=20, blank=True)
    native_price_usd = models.CharField(max_length=80, blank=True)
    native_observed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain_id", "mode", "seed", "profile", "file_sha256", "signals"],
                name="market_identity",
            ),
            models.CheckConstraint(
                condition=Q(mode=FeedMode.RECORDED, file_sha256__gt="")
                | (~Q(mode=FeedMode.RECORDED) & Q(file_sha256="")),
                name="market_file_only_when_recorded",
            ),
            models.CheckConstraint(condition=Q(step_seconds__gt=0), name="market_step_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Token(models.Model):
    """A token on a chain, with the chain and the pool that price it."""

    symbol = models.CharField(max_length=20)
    chain_id = models.PositiveIntegerField()
    address = models.CharField(max_length=42, blank=True, help_text="Empty: not deployed there.")
    decimals = models.PositiveSmallIntegerField()
    coingecko_id = models.CharField(max_length=80, blank=True)
    price_chain_id = models.PositiveIntegerField()
    price_address = models.CharField(max_length=42, blank=True)
    pool_address = models.CharField(max_length=42, blank=True)
    pool_kind = models.CharField(max_length=20, blank=True)
    pool_quote = models.CharField(
        max_length=20,
        blank=True,
        help_text="The pool's other token: USDC, or one whose own pool is against USDC.",
    )
    pool_fee_pips = models.PositiveIntegerField(help_text="Millionths: 3000 is 0.30 %.")
    pool_fee_is_assumed = models.BooleanField(default=True)
    further_pools = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text="Pools that orders may take besides, by the daily look: address, kind, the other"
        " token, fee in pips.",
    )
    is_stable = models.BooleanField(default=False)
    is_cash = models.BooleanField(default=False, help_text="The stablecoin that accounts hold.")
    tradable = models.BooleanField(default=True)
    synthetic_on_testnet = models.BooleanField(default=False)
    note = models.CharField(max_length=300, blank=True)
    #: Set for the tokens of a recorded market, which exist in its file only.
    market = models.ForeignKey(
        Market, null=True, blank=True, on_delete=models.CASCADE, related_name="own_tokens"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain_id", "symbol"], condition=Q(market=None), name="token_once_a_chain"
            ),
            models.UniqueConstraint(fields=["market", "symbol"], name="token_once_a_market"),
            models.CheckConstraint(condition=Q(decimals__lte=36), name="token_decimals_range"),
            models.CheckConstraint(
                condition=Q(pool_fee_pips__lt=1_000_000), name="token_fee_below_all"
            ),
        ]

    def __str__(self) -> str:
        return self.symbol


class TokenList(models.Model):
    """The tokens of a market as they stood for some of its batches; immutable.

    Fee tiers and flags can be edited in the admin; the next batch then names a new list, and
    every stage that reads a batch reads the same tokens, in any process and in replay.
    """

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="token_lists")
    number = models.PositiveIntegerField()
    #: By symbol: id, symbol, decimals, address, fee in pips, is_cash, tradable; of a live market
    #: the pinned pool too, its curve, the id of the token that it goes through, and further pools.
    tokens = models.JSONField()
    seal = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["market", "number"], name="token_list_once"),
        ]

    def __str__(self) -> str:
        return f"tokens of {self.market} v{self.number}"


class MarketGenesis(models.Model):
    """A market as the back-fill left it: where a replay of its batches begins."""

    market = models.OneToOneField(Market, on_delete=models.CASCADE, related_name="genesis")
    step = models.PositiveIntegerField()
    market_time = models.DateTimeField()
    #: Heads of the series by symbol, and the native token's last price.
    heads = models.JSONField()
    native_price_usd = models.CharField(max_length=80, blank=True)
    native_observed_at = models.DateTimeField(null=True, blank=True)
    #: Key of the last bar that the back-fill closed.
    last_bar_id = models.BigIntegerField(default=0)
    #: Of this row and, a column each, of the bars that the back-fill closed.
    seal = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name_plural = "market geneses"

    def __str__(self) -> str:
        return f"genesis of {self.market}"


class MarketSignal(models.Model):
    """One of the user's signals as a market was made with it; off, it stays off."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="user_signals")
    name = models.CharField(max_length=40)
    family = word_field(Family)
    weight = RatioField(help_text="Before the weights are normalised; the built-ins share 1.")
    bars = models.PositiveIntegerField(help_text="Closed fast bars that it reads.")
    sha256 = models.CharField(max_length=64)
    #: The first step without it, and why; None while it is on.
    off_step = models.PositiveIntegerField(null=True, blank=True)
    off_reason = models.TextField(blank=True, default="")
    seal = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["market", "name"], name="market_signal_once"),
            models.CheckConstraint(
                condition=Q(off_step=None, off_reason="")
                | Q(off_step__isnull=False, off_reason__gt=""),
                name="market_signal_off_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.market}"


class MarketToken(models.Model):
    """A token's place in a market, with the head of its bars and signal recurrences."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="listings")
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="listings")
    series = models.JSONField(default=dict, blank=True)
    #: The newest closed fast bar; quotes point at it, so that reading is as of their time.
    last_bar = models.ForeignKey(
        "paper_trading.Bar", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["market", "token"], name="listing_once"),
        ]

    def __str__(self) -> str:
        return f"{self.token} in {self.market}"
