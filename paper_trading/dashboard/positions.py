"""Positions as rows: open ones at their marks, closed ones with what they made."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from paper_trading.dashboard.board import Board
from paper_trading.engine.money import exact, from_base_units, price, usd
from paper_trading.models import PaperPosition
from paper_trading.services import account_view
from paper_trading.services.account_view import market_value, percent


@dataclass(frozen=True, slots=True)
class PositionRow:
    """An open position. Money in USD, the percentage of its cost."""

    position: PaperPosition
    value_usd: Decimal
    unrealized_usd: Decimal
    unrealized_percent: Decimal | None
    average_cost_usd: Decimal
    #: In market time.
    held: timedelta


@dataclass(frozen=True, slots=True)
class ClosedRow:
    """A closed position."""

    position: PaperPosition
    #: Realized less the gas of all its trades, and that in percent of what was bought.
    net_usd: Decimal
    net_percent: Decimal | None
    held: timedelta | None


def position_rows(board: Board) -> list[PositionRow]:
    """Return the open positions by symbol."""
    return [_open(position, board) for position in board.positions]


@exact
def _open(position: PaperPosition, board: Board) -> PositionRow:
    value = market_value(position)
    unrealized = account_view.unrealized(position, account_view.cash_price_at(board.point))
    whole = from_base_units(position.units, position.token.decimals)
    until = board.market_now or position.marked_market_time
    return PositionRow(
        position=position,
        value_usd=value,
        unrealized_usd=unrealized,
        unrealized_percent=percent(unrealized, position.cost_usd),
        average_cost_usd=price(position.cost_usd / whole),
        held=until - position.opened_market_time,
    )


def closed_rows(board: Board) -> list[ClosedRow]:
    """Return the positions closed last, newest first."""
    return [
        ClosedRow(
            position=position,
            net_usd=usd(position.realized_usd - position.gas_usd),
            net_percent=percent(position.realized_usd - position.gas_usd, position.bought_usd),
            held=(
                None
                if position.closed_market_time is None
                else position.closed_market_time - position.opened_market_time
            ),
        )
        for position in board.closed
    ]
