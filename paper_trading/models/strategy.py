"""Strategy configurations and their immutable versions."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q

from paper_trading.engine.seal import seal
from paper_trading.engine.strategy import RANGES, Strategy, check_scaled, check_steps
from paper_trading.models.fields import RatioField, UsdField


def _range(name: str) -> list[Any]:
    low, high = RANGES[name]
    return [MinValueValidator(low), MaxValueValidator(high)]


def steps_of(raw: Any) -> tuple[tuple[Decimal, Decimal], ...]:
    """Read take-profit steps as they are stored: pairs of numbers, written as text or whole.

    :raises ValueError: naming what is no such list; floats are refused.
    """
    allowed = 'allowed are pairs of gain and share, such as [["5", "50"], ["8", "25"]]'
    message = f"take_profit_steps was {raw!r}; {allowed}"
    if not isinstance(raw, list | tuple):
        raise ValueError(message)
    found: list[tuple[Decimal, Decimal]] = []
    for pair in raw:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError(message)
        if not all(type(number) in (str, int, Decimal) for number in pair):
            raise ValueError(f"{message}; numbers with a point are written as text")
        try:
            gain, share = (Decimal(number) for number in pair)
        except InvalidOperation as error:
            raise ValueError(message) from error
        found.append((gain, share))
    return tuple(found)


def check_step_list(raw: Any) -> None:
    """Refuse a list that is no list of steps.

    :raises ValidationError: with the reason.
    """
    try:
        steps_of(raw)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class PaperStrategyConfiguration(models.Model):
    """What a user sets. Every save that changes something makes a new version."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=0, editable=False)
    max_position_size_percent = RatioField(
        default=Decimal(25),
        validators=_range("max_position_size_percent"),
        help_text="Share of equity a token.",
    )
    stop_loss_percent = RatioField(
        default=Decimal(5), validators=_range("stop_loss_percent"), help_text="Net of exit costs."
    )
    take_profit_percent = RatioField(default=Decimal(10), validators=_range("take_profit_percent"))
    take_profit_steps = models.JSONField(
        default=list,
        blank=True,
        validators=[check_step_list],
        help_text='Gain and share of what was bought, in percent: [["5", "50"], ["8", "25"]].',
    )
    max_hold_hours = RatioField(default=Decimal(24), validators=_range("max_hold_hours"))
    trailing_activation_percent = RatioField(
        null=True, blank=True, validators=_range("trailing_activation_percent")
    )
    trailing_distance_percent = RatioField(
        null=True, blank=True, validators=_range("trailing_distance_percent")
    )
    exit_volatility_percent = RatioField(
        null=True,
        blank=True,
        validators=_range("exit_volatility_percent"),
        help_text="Annual volatility at which stop, target and trailing hold as written.",
    )
    max_daily_trades = models.PositiveIntegerField(
        default=50, validators=_range("max_daily_trades")
    )
    max_concurrent_positions = models.PositiveIntegerField(
        default=5, validators=_range("max_concurrent_positions")
    )
    confidence_threshold = RatioField(
        null=True,
        blank=True,
        validators=_range("confidence_threshold"),
        help_text="Empty: the intel level decides.",
    )
    risk_per_trade_percent = RatioField(
        null=True,
        blank=True,
        validators=_range("risk_per_trade_percent"),
        help_text="Share of equity that a position may lose at its stop.",
    )
    target_volatility_percent = RatioField(
        null=True,
        blank=True,
        validators=_range("target_volatility_percent"),
        help_text="Annual volatility that a position may add to equity.",
    )
    max_trade_usd = UsdField(
        null=True,
        blank=True,
        validators=_range("max_trade_usd"),
        help_text="Cash of one order.",
    )
    min_liquidity_usd = UsdField(default=Decimal(10_000), validators=_range("min_liquidity_usd"))
    max_slippage_percent = RatioField(default=Decimal(1), validators=_range("max_slippage_percent"))
    max_exit_slippage_percent = RatioField(
        default=Decimal(5),
        validators=_range("max_exit_slippage_percent"),
        help_text="What an exit that failed may come to accept: each failure doubles it.",
    )
    use_transaction_manager = models.BooleanField(
        default=True,
        help_text="Orders wait for a block and fill at the next price observed after it.",
    )
    join_swaps = models.BooleanField(
        default=True,
        help_text="Managed entries of one tick share a transaction: up to three, to save gas.",
    )
    deadline_seconds = models.PositiveIntegerField(
        default=120,
        validators=_range("deadline_seconds"),
        help_text="A managed swap that a block takes later than this reverts.",
    )
    minimum_balance_usd = UsdField(default=Decimal(100), validators=_range("minimum_balance_usd"))
    max_failed_transactions = models.PositiveIntegerField(
        default=5, validators=_range("max_failed_transactions")
    )
    max_losing_exits = models.PositiveIntegerField(default=5, validators=_range("max_losing_exits"))
    max_portfolio_loss_percent = RatioField(
        default=Decimal(15), validators=_range("max_portfolio_loss_percent")
    )
    max_daily_loss_percent = RatioField(
        default=Decimal(5), validators=_range("max_daily_loss_percent")
    )
    max_drawdown_percent = RatioField(
        default=Decimal(20), validators=_range("max_drawdown_percent")
    )
    max_quote_age_seconds = models.PositiveIntegerField(
        default=900, validators=_range("max_quote_age_seconds")
    )
    max_volatility_ratio = RatioField(
        null=True,
        blank=True,
        validators=_range("max_volatility_ratio"),
        help_text="Volatility now over the usual one, of the median token.",
    )
    lock_after_failures = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=_range("lock_after_failures"),
        help_text="Failed swaps of a token in a row that lock its entries.",
    )
    lock_minutes = models.PositiveIntegerField(
        default=60, validators=_range("lock_minutes"), help_text="Of market time."
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
            if field.name == "take_profit_steps":
                raw = [[_text(number) for number in step] for step in steps_of(raw)]
            found[field.name] = _text(raw)
        return found

    def clean(self) -> None:
        """Refuse settings that contradict each other; those that are unset are met elsewhere."""
        if (self.trailing_activation_percent is None) != (self.trailing_distance_percent is None):
            raise ValidationError(
                "A trailing stop needs both its activation and its distance: set both or none of"
                " trailing_activation_percent and trailing_distance_percent."
            )
        try:
            if isinstance(self.take_profit_percent, Decimal):
                check_steps(steps_of(self.take_profit_steps), self.take_profit_percent)
            if isinstance(self.stop_loss_percent, Decimal):
                check_scaled(
                    self.exit_volatility_percent,
                    self.stop_loss_percent,
                    self.trailing_distance_percent,
                )
        except ValueError as error:
            raise ValidationError(str(error)) from error

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
        if name == "take_profit_steps":
            found[name] = steps_of(raw)
        elif isinstance(default, tuple):
            found[name] = tuple(raw)
        elif isinstance(raw, str):
            found[name] = Decimal(raw)
        else:
            found[name] = raw
    return Strategy(**found)


def strategy_with(settings: Mapping[str, str]) -> Strategy:
    """Return the default strategy with some settings given as text, checked as the admin does.

    Lists are written with commas, steps as gain:share, an absent number as `none`.

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
    try:
        row.clean()
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from error
    return strategy_from(row.parameters())


def _text(raw: Any) -> Any:
    return f"{raw.normalize():f}" if isinstance(raw, Decimal) else raw


def _value(field: Any, text: str) -> Any:
    if field.name == "take_profit_steps":
        return [part.strip().split(":") for part in text.split(",") if part.strip()]
    if isinstance(field, models.JSONField):
        # As the admin writes it, or plainly with commas.
        return [word for part in text.strip("[]").split(",") if (word := part.strip(" \"'"))]
    return None if text.lower() == "none" else text
