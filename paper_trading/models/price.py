"""Price batches, quotes, closed bars, and the frozen quantiles that rank scores."""

from django.db import models
from django.db.models import F, Q

from paper_trading.engine.enums import PriceVerdict
from paper_trading.models.fields import PriceField, RatioField, UsdField, word_field
from paper_trading.models.market import Market, Token, TokenList

#: A token that is MISSING has no quote.
QUOTED = [verdict.value for verdict in PriceVerdict if verdict is not PriceVerdict.MISSING]


class ScoreQuantiles(models.Model):
    """Quantiles of the scores of the trailing 30 days, frozen once a market day."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="quantiles")
    frozen_at = models.DateTimeField(help_text="Market time; scores of bars closed until then.")
    sample_size = models.PositiveIntegerField()
    points = models.JSONField(help_text="Scores at 0, 0.5, ... 100 percent.")

    class Meta:
        verbose_name_plural = "score quantiles"
        constraints = [
            models.UniqueConstraint(fields=["market", "frozen_at"], name="quantiles_once"),
        ]

    def __str__(self) -> str:
        return f"{self.market} {self.frozen_at:%Y-%m-%d}"


class Bar(models.Model):
    """A closed bar with the signal readings it produced; immutable."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="bars")
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="bars")
    slow = models.BooleanField(default=False)
    seconds = models.PositiveIntegerField()
    start = models.DateTimeField()
    closes_at = models.DateTimeField()
    open = PriceField()
    high = PriceField()
    low = PriceField()
    close = PriceField()
    volume_usd = UsdField(null=True)
    #: What IntelSliderEngine reads: signals, score, volatility (ClosedBar as JSON).
    readings = models.JSONField(default=dict)
    score = RatioField(null=True)
    #: Cost of a reference round trip as last stated in the bar, in percent.
    round_trip_percent = RatioField(null=True)
    #: Market time of the step that closed it; after a gap that is later than its end.
    known_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["market", "token", "seconds", "start"], name="bar_once"
            ),
            models.CheckConstraint(
                condition=Q(low__lte=F("open"))
                & Q(low__lte=F("close"))
                & Q(high__gte=F("open"))
                & Q(high__gte=F("close"))
                & Q(low__gt=0),
                name="bar_prices_consistent",
            ),
        ]
        indexes = [
            models.Index(fields=["market", "closes_at"], condition=Q(slow=False), name="bar_scores")
        ]

    def __str__(self) -> str:
        return f"{self.token} {self.start:%Y-%m-%d %H:%M} {self.seconds}s"


class PriceBatch(models.Model):
    """One bulk fetch, shared by every session of the market at that step."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="batches")
    step = models.PositiveIntegerField()
    market_time = models.DateTimeField()
    fetched_at = models.DateTimeField(auto_now_add=True)
    source = models.CharField(max_length=40)
    quantiles = models.ForeignKey(ScoreQuantiles, null=True, on_delete=models.PROTECT)
    cash_price_usd = PriceField()
    native_price_usd = PriceField(null=True)
    base_fee_wei = models.BigIntegerField()
    priority_fee_wei = models.BigIntegerField()
    l1_base_fee_wei = models.BigIntegerField(default=0)
    l1_blob_base_fee_wei = models.BigIntegerField(default=0)
    #: Listed symbols without a price at this step.
    missing = models.JSONField(default=list)
    #: Why, by symbol; of live markets.
    reasons = models.JSONField(default=dict)
    #: What live sources said that the quotes do not tell; null: not live.
    said = models.JSONField(null=True, default=None)
    token_list = models.ForeignKey(TokenList, null=True, on_delete=models.PROTECT)
    #: Of what the source said at this step, a column each over all quotes.
    seal = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name_plural = "price batches"
        constraints = [models.UniqueConstraint(fields=["market", "step"], name="batch_once")]
        indexes = [models.Index(fields=["market", "market_time"], name="batch_times")]

    def __str__(self) -> str:
        return f"{self.market} step {self.step}"


class Quote(models.Model):
    """A price of one token, with its source, its time, and the depth of the same pool."""

    batch = models.ForeignKey(PriceBatch, on_delete=models.CASCADE, related_name="quotes")
    token = models.ForeignKey(Token, on_delete=models.PROTECT, related_name="quotes")
    price_usd = PriceField(help_text="The close of the source's bar.")
    open = PriceField(null=True)
    high = PriceField(null=True)
    low = PriceField(null=True)
    #: When the source's bar began; its end is when the quote was observed.
    start = models.DateTimeField(null=True)
    liquidity_usd = UsdField(null=True)
    volume_usd = UsdField(null=True)
    observed_at = models.DateTimeField()
    source = models.CharField(max_length=40)
    verdict = word_field(PriceVerdict, default=PriceVerdict.FRESH)
    pool = models.CharField(max_length=42, blank=True, default="")
    block = models.PositiveBigIntegerField(null=True)
    #: What the pool was read to hold on chain; null: no node was asked.
    depth = models.JSONField(null=True, default=None)
    #: The token's further pools as read beside it: address, price and liquidity in USD, depth.
    others = models.JSONField(null=True, default=None)
    #: The newest fast bar that was closed at this quote's market time.
    bar = models.ForeignKey(Bar, null=True, on_delete=models.PROTECT, related_name="+")
    sigma_annual = RatioField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "token"], name="quote_once"),
            models.CheckConstraint(condition=Q(price_usd__gt=0), name="quote_price_positive"),
            models.CheckConstraint(
                condition=Q(liquidity_usd=None) | Q(liquidity_usd__gte=0),
                name="quote_liquidity_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=QUOTED),
                name="quote_verdict_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.token} {self.price_usd.normalize():f}"
