"""The bracket that a strategy puts around an entry, and the key under which it is judged."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from paper_trading.engine.bracket import factor_at
from paper_trading.engine.money import CONTEXT, HUNDRED, ONE, ratio
from paper_trading.engine.strategy import Strategy

_HOUR_MICROSECONDS = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where an entry ends: net loss and net gain in percent, or after a time.

    :raises ValueError: when a side or the time is not positive.
    """

    stop_percent: Decimal
    target_percent: Decimal
    hold_hours: Decimal

    def __post_init__(self) -> None:
        """Refuse a bracket that holds nothing."""
        for name in ("stop_percent", "target_percent", "hold_hours"):
            found: Decimal = getattr(self, name)
            if not found.is_finite() or found <= 0:
                raise ValueError(f"bracket {name} was {found}; more than 0 is needed")

    @property
    def hold(self) -> timedelta:
        """The longest time in the bracket."""
        whole = CONTEXT.multiply(self.hold_hours, Decimal(_HOUR_MICROSECONDS))
        return timedelta(microseconds=int(whole))

    def times(self, factor: Decimal) -> "Bracket":
        """Return the bracket with its stop and target multiplied."""
        return Bracket(
            CONTEXT.multiply(self.stop_percent, factor),
            CONTEXT.multiply(self.target_percent, factor),
            self.hold_hours,
        )

    @property
    def break_even_percent(self) -> Decimal:
        """Share of brackets that must end at the target for a mean of zero, in percent."""
        width = CONTEXT.add(self.stop_percent, self.target_percent)
        return ratio(CONTEXT.divide(CONTEXT.multiply(self.stop_percent, HUNDRED), width))


@dataclass(frozen=True, slots=True)
class BookKey:
    """What set-ups are judged by: all sessions of a market with one key share a book."""

    #: As written: at the reference volatility when exits are scaled.
    bracket: Bracket
    #: The strategy's own confidence threshold; None: each level has its own.
    confidence_threshold: Decimal | None
    #: Annual volatility, in percent, of the bracket as written; None: it is not scaled.
    exit_volatility_percent: Decimal | None = None

    def bracket_at(self, sigma_annual: Decimal | None) -> Bracket:
        """Return the bracket of an entry at an annual volatility (1 = 100 %), as exits have it."""
        factor = factor_at(self.exit_volatility_percent, sigma_annual)
        return self.bracket if factor == ONE else self.bracket.times(factor)


def bracket_of(strategy: Strategy) -> Bracket:
    """Return the bracket of a strategy as its settings are written."""
    return Bracket(
        stop_percent=strategy.stop_loss_percent,
        target_percent=strategy.take_profit_percent,
        hold_hours=strategy.max_hold_hours,
    )


def key_of(strategy: Strategy) -> BookKey:
    """Return the key of the book that a strategy's decisions read."""
    return BookKey(
        bracket_of(strategy), strategy.confidence_threshold, strategy.exit_volatility_percent
    )
