"""Strategy configurations and their immutable versions."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q

from paper_trading.engine.seal import seal
from paper_trading.engine.strategy import Strategy
from paper_trading.models.fields import RatioField, UsdField


def _between(low: str, high: str) -> list[Any]:
    return [MinValueValidator(Decimal(low)), MaxValueValidator(Decimal(high))]


class PaperStrategyConfiguration(models.Model):
    """What a user sets. Every save that changes something makes a new version."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=0, editable=False)
    max_position_size_percent = RatioField(
        default=Decimal(25), validators=_between("0.1", "100"), help_text="Share of equity a token."
    )
    stop_loss_percent = RatioField(
        default=Decimal(5), validators=_between("0.1", "50"), help_text="Net of exit costs."
    )
    take_profit_percent = RatioField(default=Decimal(10), validators=_between("0.1", "1000"))
    max_hold_hours = RatioField(default=Decimal(24), validators=_between("1", "720"))
    trailing_activation_percent = RatioField(
        null=True, blank=True, validators=_between("0.1", "1000")
    )
    trailing_distance_percent = RatioField(null=True, blank=True, validators=_between("0.1", "99"))
    max_daily_trades = models.PositiveIntegerField(default=50, validators=_between("1", "1000"))
    max_concurrent_positions = models.PositiveIntegerField(
        default=5, validators=_between("1", "100")
    )
    confidence_threshold = RatioField(
        null=True,
        blank=True,
        validators=_between("0", "100"),
        help_text="Empty: the intel level decides.",
    )
    min_liquidity_usd = UsdField(default=Decimal(10_000), validators=_between("0", "1e15"))
    max_slippage_percent = RatioField(default=Decimal(1), validators=_between("0.01", "10"))
    minimum_balance_usd = UsdField(default=Decimal(100), validators=_between("0", "1e12"))
    max_failed_transactions = models.PositiveIntegerField(
        default=5, validators=_between("1", "1000")
    )
    max_losing_exits = models.PositiveIntegerField(default=5, validators=_between("1", "1000"))
    max_portfolio_loss_percent = RatioField(default=Decimal(15), validators=_between("0.1", "100"))
    max_daily_loss_percent = RatioField(default=Decimal(5), validators=_between("0.1", "100"))
    max_drawdown_percent = RatioField(default=Decimal(20), validators=_between("0.1", "100"))
    max_quote_age_seconds = models.PositiveIntegerField(
        default=900, validators=_between("1", "86400")
    )
    allowed_tokens = models.JSONField(
        default=list, blank=True, help_text='Symbols, such as ["WETH"]; empty allows all.'
    )
    blocked_tokens = models.JSONField(default=list, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="strategy_name_once"),
            models.CheckConstraint(
                condition=Q(trailing_activation_percent=None, trailing_distance_percent=None)
                | Q(
                    trailing_activation_percent__isnull=False,
                    trailing_distance_percent__isnull=False,
                ),
                name="strategy_trailing_both_or_none",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def parameters(self) -> dict[str, Any]:
        """Return the values as JSON: numbers with a point as strings."""
        found: dict[str, Any] = {}
        for field in fields(Strategy):
            raw = getattr(self, field.name)
            found[field.name] = f"{raw.normalize():f}" if isinstance(raw, Decimal) else raw
        return found

    def current_version(self) -> "StrategyVersion":
        """Return the immutable version of these values, making it when they are new."""
        wanted = self.parameters()
        newest = self.versions.order_by("-number").first()
        if newest is not None and newest.parameters == wanted:
            return newest
        with transaction.atomic():
            # Sessions that share a configuration may be opened at once.
            PaperStrategyConfiguration.objects.select_for_update(no_key=True).get(pk=self.pk)
            newest = self.versions.order_by("-number").first()
            if newest is not None and newest.parameters == wanted:
                return newest
            number = 1 if newest is None else newest.number + 1
            made = StrategyVersion.objects.create(
                strategy=self, number=number, parameters=wanted, seal=seal(wanted)
            )
            PaperStrategyConfiguration.objects.filter(pk=self.pk).update(version=number)
        self.version = number
        return made


class StrategyVersion(models.Model):
    """One immutable version of a configuration; ticks name the one they ran with."""

    strategy = models.ForeignKey(
        PaperStrategyConfiguration, on_delete=models.CASCADE, related_name="versions"
    )
    number = models.PositiveIntegerField()
    parameters = models.JSONField()
    seal = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["strategy", "number"], name="strategy_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy.name} v{self.number}"

    def as_strategy(self) -> Strategy:
        """Return the version as the engine's value."""
        return strategy_from(self.parameters)


def strategy_from(parameters: dict[str, Any]) -> Strategy:
    """Build the engine's strategy from stored parameters."""
    defaults = Strategy()
    found: dict[str, Any] = {}
    for name, raw in parameters.items():
        default = getattr(defaults, name)
        if isinstance(default, tuple):
            found[name] = tuple(raw)
        elif isinstance(raw, str):
            found[name] = Decimal(raw)
        else:
            found[name] = raw
    return Strategy(**found)


def strategy_with(settings: Mapping[str, str]) -> Strategy:
    """Return the default strategy with some settings given as text, checked as the admin does.

    Lists are written with commas, an absent number as `none`.

    :raises ValueError: naming the setting, its value and what is allowed.
    """
    row = PaperStrategyConfiguration(name="settings")
    allowed = [field.name for field in fields(Strategy)]
    for name, text in settings.items():
        if name not in allowed:
            raise ValueError(f"unknown setting {name}; allowed are {', '.join(allowed)}")
        field: Any = PaperStrategyConfiguration._meta.get_field(name)
        try:
            setattr(row, name, field.clean(_value(field, text), row))
        except ValidationError as error:
            raise ValueError(f"{name} was {text!r}: {' '.join(error.messages)}") from error
    trailing = (row.trailing_activation_percent, row.trailing_distance_percent)
    if (trailing[0] is None) != (trailing[1] is None):
        raise ValueError(
            "trailing_activation_percent and trailing_distance_percent: set both or none"
        )
    return strategy_from(row.parameters())


def _value(field: Any, text: str) -> Any:
    if isinstance(field, models.JSONField):
        return [word.strip() for word in text.split(",") if word.strip()]
    return None if text.lower() == "none" else text
