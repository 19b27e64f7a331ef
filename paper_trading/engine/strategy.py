"""What the user set and what the level wants, as frozen values."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Strategy:
    """A version of a strategy configuration. Percentages are in percent, not fractions."""

    max_position_size_percent: Decimal = Decimal(25)
    stop_loss_percent: Decimal = Decimal(5)
    take_profit_percent: Decimal = Decimal(10)
    max_hold_hours: Decimal = Decimal(24)
    #: Trailing stop: both set or both None.
    trailing_activation_percent: Decimal | None = None
    trailing_distance_percent: Decimal | None = None
    max_daily_trades: int = 50
    max_concurrent_positions: int = 5
    #: None: the level decides; a value overrides the level's threshold.
    confidence_threshold: Decimal | None = None
    min_liquidity_usd: Decimal = Decimal(10_000)
    max_slippage_percent: Decimal = Decimal(1)
    minimum_balance_usd: Decimal = Decimal(100)
    max_failed_transactions: int = 5
    max_losing_exits: int = 5
    max_portfolio_loss_percent: Decimal = Decimal(15)
    max_daily_loss_percent: Decimal = Decimal(5)
    max_drawdown_percent: Decimal = Decimal(20)
    max_quote_age_seconds: int = 900
    #: Symbols; an empty tuple allows all.
    allowed_tokens: tuple[str, ...] = ()
    blocked_tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Appetite:
    """One row of the level table: how much a level wants, never what is true."""

    level: int
    #: Entry gate: evidence rank in percent.
    min_confidence: Decimal
    #: Signal families that must agree, of six.
    min_families: int
    #: Round-trip cost as a percentage of the expected move over the holding horizon.
    max_cost_percent: Decimal
    #: Veto when P(mean net outcome > 0) is below this percentage.
    min_outcome_percent: Decimal
    max_position_percent: Decimal
    max_exposure_percent: Decimal
    #: Order size as a percentage of one side of the pool.
    max_pool_percent: Decimal
    #: Share of the user's maximum slippage that is used, in percent.
    slippage_share_percent: Decimal
    cool_down_minutes: int
    max_adds: int
    mev_protection: bool
