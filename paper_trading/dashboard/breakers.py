"""Breakers as meters: how far each one is from tripping."""

from dataclasses import dataclass
from decimal import Decimal

from paper_trading.dashboard.board import Board
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.breakers import REASONS, reason
from paper_trading.engine.code_notes import CLEARED
from paper_trading.engine.enums import BreakerKind
from paper_trading.engine.money import ZERO
from paper_trading.models import BreakerState, PaperStrategyConfiguration
from paper_trading.services.account_view import AccountFigures, percent

_COUNTS = {
    BreakerKind.FAILED_TRANSACTIONS: ("failed_transactions", "max_failed_transactions"),
    BreakerKind.LOSING_EXITS: ("losing_exits", "max_losing_exits"),
    BreakerKind.DAILY_TRADES: ("entries_today", "max_daily_trades"),
}
_LOSSES = {
    BreakerKind.PORTFOLIO_LOSS: ("deposits_usd", "max_portfolio_loss_percent"),
    BreakerKind.DAILY_LOSS: ("day_start_equity_usd", "max_daily_loss_percent"),
    BreakerKind.DRAWDOWN: ("peak_equity_usd", "max_drawdown_percent"),
}


@dataclass(frozen=True, slots=True)
class Meter:
    """One breaker: its reading against its limit, and why entries stop when it is tripped."""

    kind: BreakerKind
    unit: str
    actual: Decimal | None
    threshold: Decimal | None
    tripped: bool
    text: str
    pk: int | None
    #: The last reset: by whom (nobody: it came by itself), when and why.
    reset: BreakerState | None

    @property
    def ends(self) -> str:
        """How a tripped breaker of this kind is reset."""
        return CLEARED[self.kind]

    @property
    def needs_a_person(self) -> bool:
        """Whether it stays tripped until somebody resets it."""
        return self.ends.startswith("A person")

    @property
    def has_bar(self) -> bool:
        """Whether the reading grows towards its limit, so that a bar can show it."""
        return self.unit in {"percent", "count"} and self.actual is not None


def meters(board: Board) -> list[Meter]:
    """Return a meter for every breaker, tripped ones first."""
    stored = {row.kind: row for row in board.breakers}
    strategy = None if board.session is None else board.session.strategy
    found = [_meter(kind, stored.get(kind), board, strategy) for kind in BreakerKind]
    return sorted(found, key=lambda meter: not meter.tripped)


def _meter(
    kind: BreakerKind,
    row: BreakerState | None,
    board: Board,
    strategy: PaperStrategyConfiguration | None,
) -> Meter:
    unit, actual, threshold = _reading(kind, row, board, strategy)
    tripped = row is not None and row.tripped
    text = ""
    if row is not None and row.tripped:
        # What it read when it tripped, not what it would read now.
        actual, threshold = row.actual, row.threshold
        text = reason(Breaker(kind, actual=actual, threshold=threshold))
    return Meter(
        kind=kind,
        unit=unit,
        actual=actual,
        threshold=threshold,
        tripped=tripped,
        text=text or f"{REASONS[kind]}.",
        pk=None if row is None else row.pk,
        reset=None if row is None or row.reset_at is None else row,
    )


def _reading(
    kind: BreakerKind,
    row: BreakerState | None,
    board: Board,
    strategy: PaperStrategyConfiguration | None,
) -> tuple[str, Decimal | None, Decimal | None]:
    """Return the unit, what is measured now, and the limit of a breaker."""
    if strategy is None:
        return "state", None, None
    if kind in _COUNTS:
        counter, limit = _COUNTS[kind]
        return "count", Decimal(getattr(board.account, counter)), Decimal(getattr(strategy, limit))
    if kind in _LOSSES:
        column, limit = _LOSSES[kind]
        reference = None if row is None else row.baseline_usd
        reference = getattr(board.account, column) if reference is None else reference
        return "percent", _loss(board.figures, reference), getattr(strategy, limit)
    if kind is BreakerKind.VOLATILITY:
        return "times", None, strategy.max_volatility_ratio
    if kind is BreakerKind.MINIMUM_BALANCE:
        return "usd", board.account.cash_usd, strategy.minimum_balance_usd
    return "state", None, None


def _loss(figures: AccountFigures, reference: Decimal) -> Decimal | None:
    lost = percent(reference - figures.equity_usd, reference)
    return None if lost is None else max(lost, ZERO)
