"""Marks of open positions and the reasons to sell them."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine.account import Position
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import ExitReason
from paper_trading.engine.fills import leaving, pricing_code
from paper_trading.engine.market import Batch
from paper_trading.engine.money import HUNDRED, exact, from_base_units, ratio
from paper_trading.engine.strategy import Strategy

_UNQUOTED = (Code.PRICE_MISSING, Code.PRICE_STALE)
_HOUR_MICROSECONDS = 3_600_000_000


@exact
def mark(
    position: Position, batch: Batch, approvals: frozenset[int], max_age_seconds: int
) -> Position:
    """Mark a position at its quote and say what leaving now would net, in percent of cost.

    Without a fresh quote the last mark stays and the net is None; it is None too when the
    pool's depth or the price of gas is unknown.
    """
    token_id = position.token.id
    code = pricing_code(token_id, batch, max_age_seconds)
    if code in _UNQUOTED:
        return replace(position, net_pnl_percent=None)
    price = batch.quotes[token_id].price_usd
    return replace(
        position,
        mark_price_usd=price,
        high_price_usd=max(position.high_price_usd, price),
        marked_at=batch.market_time,
        net_pnl_percent=_net_percent(position, batch, approvals),
    )


@exact
def exit_reason(
    position: Position, strategy: Strategy, market_time: datetime, manual: bool
) -> ExitReason | None:
    """Return the reason of the highest priority to sell a marked position, or None."""
    net = position.net_pnl_percent
    if manual:
        return ExitReason.MANUAL
    if net is not None and net <= -strategy.stop_loss_percent:
        return ExitReason.STOP_LOSS
    if _trailing_stop_hit(position, strategy):
        return ExitReason.TRAILING_STOP
    if net is not None and net >= strategy.take_profit_percent:
        return ExitReason.TAKE_PROFIT
    held = (market_time - position.opened_at) // timedelta(microseconds=1)
    if held >= strategy.max_hold_hours * _HOUR_MICROSECONDS:
        return ExitReason.MAX_HOLD
    return None


def _net_percent(position: Position, batch: Batch, approvals: frozenset[int]) -> Decimal | None:
    left = leaving(position.units, position.token.id, batch, approvals)
    # Partial sells may round the cost of a residue down to nothing.
    if left is None or position.cost_usd == 0:
        return None
    proceeds, gas = left
    return ratio((proceeds - gas - position.cost_usd) / position.cost_usd * HUNDRED)


def _trailing_stop_hit(position: Position, strategy: Strategy) -> bool:
    """Compare high with average cost (at par of cash) and mark with high, without dividing."""
    activation = strategy.trailing_activation_percent
    distance = strategy.trailing_distance_percent
    if activation is None or distance is None:
        return False
    quantity = from_base_units(position.units, position.token.decimals)
    best = position.high_price_usd * quantity * HUNDRED
    if best < position.cost_usd * (HUNDRED + activation):
        return False
    return position.mark_price_usd * HUNDRED <= position.high_price_usd * (HUNDRED - distance)
