"""What the user set and what the level wants, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from paper_trading.engine.money import HUNDRED, ZERO, require

#: The range of every number a user may set, both ends allowed; models and forms read it too.
RANGES: Mapping[str, tuple[Decimal, Decimal]] = {
    name: (Decimal(low), Decimal(high))
    for name, low, high in (
        ("max_position_size_percent", "0.1", "100"),
        ("stop_loss_percent", "0.1", "50"),
        ("take_profit_percent", "0.1", "1000"),
        ("max_hold_hours", "1", "720"),
        ("trailing_activation_percent", "0.1", "1000"),
        ("trailing_distance_percent", "0.1", "99"),
        ("exit_volatility_percent", "1", "1000"),
        ("max_daily_trades", "1", "1000"),
        ("max_concurrent_positions", "1", "100"),
        ("confidence_threshold", "0", "100"),
        ("risk_per_trade_percent", "0.01", "100"),
        ("target_volatility_percent", "0.1", "1000"),
        # Less than the smallest order would stop all entries.
        ("max_trade_usd", "10", "1e12"),
        ("min_liquidity_usd", "0", "1e15"),
        ("max_slippage_percent", "0.01", "10"),
        ("max_exit_slippage_percent", "0.01", "50"),
        ("deadline_seconds", "12", "3600"),
        ("minimum_balance_usd", "0", "1e12"),
        ("max_failed_transactions", "1", "1000"),
        ("max_losing_exits", "1", "1000"),
        ("max_portfolio_loss_percent", "0.1", "100"),
        ("max_daily_loss_percent", "0.1", "100"),
        ("max_drawdown_percent", "0.1", "100"),
        ("max_quote_age_seconds", "1", "86400"),
        # The median token's last minutes are this often above what is usual by mere chance.
        ("max_volatility_ratio", "1.5", "100"),
        ("lock_after_failures", "1", "1000"),
        ("lock_minutes", "1", "43200"),
    )
}
#: Settings that may be None, which is off.
OPTIONAL = frozenset(
    {
        "trailing_activation_percent",
        "trailing_distance_percent",
        "exit_volatility_percent",
        "confidence_threshold",
        "risk_per_trade_percent",
        "target_volatility_percent",
        "max_trade_usd",
        "max_volatility_ratio",
        "lock_after_failures",
    }
)
#: Of a step: its gain and its share, in percent.
STEP_RANGE = (Decimal("0.1"), Decimal(1000))
SHARE_RANGE = (Decimal("0.1"), HUNDRED)
#: A stop or a trailing distance that volatility scales may double, and must stay under 100 %.
SCALED_MOST = Decimal("49.5")

#: (gain in percent, share of what was bought in percent), gains rising.
Steps = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A version of a strategy configuration. Percentages are in percent, not fractions.

    :raises ValueError: naming a setting out of its range, its value and the range.
    :raises TypeError: for a float, or anything else that is no exact number.
    """

    max_position_size_percent: Decimal = Decimal(25)
    stop_loss_percent: Decimal = Decimal(5)
    take_profit_percent: Decimal = Decimal(10)
    #: Parts of the position that are sold on the way; the rest rides to the other exits.
    take_profit_steps: Steps = ()
    max_hold_hours: Decimal = Decimal(24)
    #: Trailing stop: both set or both None.
    trailing_activation_percent: Decimal | None = None
    trailing_distance_percent: Decimal | None = None
    #: The annual volatility at which stop, target, steps and trailing hold as written; None:
    #: they hold as written at every volatility.
    exit_volatility_percent: Decimal | None = None
    max_daily_trades: int = 50
    max_concurrent_positions: int = 5
    #: None: the level decides; a value overrides the level's threshold.
    confidence_threshold: Decimal | None = None
    #: Share of equity that a position may lose at its stop; None: no such limit.
    risk_per_trade_percent: Decimal | None = None
    #: Annual volatility that a position may add to equity; None: no such limit.
    target_volatility_percent: Decimal | None = None
    #: Cash of one order; None: no such limit.
    max_trade_usd: Decimal | None = None
    min_liquidity_usd: Decimal = Decimal(10_000)
    max_slippage_percent: Decimal = Decimal(1)
    #: What an exit that failed may come to accept: each failure doubles its tolerance.
    max_exit_slippage_percent: Decimal = Decimal(5)
    #: Orders go to the transaction manager; else straight into the tick's pool.
    use_transaction_manager: bool = True
    #: Managed entries of one tick go out as legs of one transaction.
    join_swaps: bool = True
    #: A managed swap that a block takes later than this reverts.
    deadline_seconds: int = 120
    minimum_balance_usd: Decimal = Decimal(100)
    max_failed_transactions: int = 5
    max_losing_exits: int = 5
    max_portfolio_loss_percent: Decimal = Decimal(15)
    max_daily_loss_percent: Decimal = Decimal(5)
    max_drawdown_percent: Decimal = Decimal(20)
    max_quote_age_seconds: int = 900
    #: Of the volatility now and the usual one, of the median token; None: not watched.
    max_volatility_ratio: Decimal | None = None
    #: Failed swaps of a token in a row that lock its entries; None: none do.
    lock_after_failures: int | None = None
    #: How long such a lock lasts, in market time.
    lock_minutes: int = 60
    #: Symbols; an empty tuple allows all.
    allowed_tokens: tuple[str, ...] = ()
    blocked_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is out of range, and settings that contradict each other."""
        for name, (low, high) in RANGES.items():
            setting = getattr(self, name)
            if setting is not None or name not in OPTIONAL:
                require(name, setting, low, high)
        for name in ("use_transaction_manager", "join_swaps"):
            if type(getattr(self, name)) is not bool:
                raise TypeError(f"{name} was {getattr(self, name)!r}; allowed are True and False")
        if (self.trailing_activation_percent is None) != (self.trailing_distance_percent is None):
            raise ValueError(
                "trailing_activation_percent and trailing_distance_percent: set both or none"
            )
        check_steps(self.take_profit_steps, self.take_profit_percent)
        check_scaled(
            self.exit_volatility_percent, self.stop_loss_percent, self.trailing_distance_percent
        )


def check_steps(steps: Steps, take_profit_percent: Decimal) -> None:
    """Refuse steps that do not rise, reach the take-profit, or sell more than everything.

    :raises ValueError: naming the step and what is allowed.
    """
    for number, (gain, share) in enumerate(steps, start=1):
        require(f"gain of take_profit_steps {number}", gain, *STEP_RANGE)
        require(f"share of take_profit_steps {number}", share, *SHARE_RANGE)
    if any(after <= before for (before, _), (after, _) in pairwise(steps)):
        raise ValueError(
            f"take_profit_steps was {shown(steps)}; each gain must be above the one before it"
        )
    if steps and steps[-1][0] >= take_profit_percent:
        raise ValueError(
            f"take_profit_steps was {shown(steps)}; the gains must be below"
            f" take_profit_percent, {take_profit_percent}"
        )
    total = sum((share for _, share in steps), ZERO)
    if total > HUNDRED:
        raise ValueError(
            f"take_profit_steps was {shown(steps)}; the shares add up to {total}, at most 100"
            " is allowed"
        )


def check_scaled(
    exit_volatility: Decimal | None, stop_loss: Decimal, distance: Decimal | None
) -> None:
    """Refuse distances that volatility could scale past the whole price.

    :raises ValueError: naming the setting, its value and what is allowed.
    """
    if exit_volatility is None:
        return
    for name, value in (
        ("stop_loss_percent", stop_loss),
        ("trailing_distance_percent", distance),
    ):
        if value is not None and value > SCALED_MOST:
            raise ValueError(
                f"{name} was {value}; with exit_volatility_percent it may double, so at most"
                f" {SCALED_MOST} is allowed"
            )


def shown(steps: Steps) -> str:
    """Return steps as text: gain:share, with commas between them."""
    return ",".join(f"{gain}:{share}" for gain, share in steps)


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
