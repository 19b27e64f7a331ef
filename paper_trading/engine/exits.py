"""Marks of open positions, the reasons to sell them, and how much of them to sell."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from paper_trading.engine.account import Position
from paper_trading.engine.bracket import scaled
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import ExitReason
from paper_trading.engine.equity import in_cash
from paper_trading.engine.fills import leaving, pricing_code, sellable
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch, Token
from paper_trading.engine.money import HUNDRED, ZERO, exact, from_base_units, ratio, usd
from paper_trading.engine.position import price_in_cash
from paper_trading.engine.sizing import KNOWN_DEPTH_PARTS, MINIMUM_SIZE_USD
from paper_trading.engine.strategy import Strategy

_UNQUOTED = (Code.PRICE_MISSING, Code.PRICE_STALE)
_NONE_LEFT: Mapping[int, Displaced] = MappingProxyType({})
_HOUR_MICROSECONDS = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Exit:
    """A sale that a rule wants: of everything, of a part at steps, or of what a pool takes."""

    token: Token
    reason: ExitReason
    #: Base units to sell.
    units: int
    #: Steps that are taken once it fills; None when everything is sold, or what a pool takes.
    steps_taken: int | None = None


@exact
def mark(
    position: Position, batch: Batch, approvals: frozenset[int], max_age_seconds: int
) -> Position:
    """Mark a position at its quote and say what leaving now would net, in percent of cost.

    Without a fresh quote the last mark stays and the net is None; it is None too when the
    pool's depth or the price of gas is unknown. Of a position that is larger than the known
    depth, the net is what it would be at the price of the part that fits.
    """
    token_id = position.token.id
    code = pricing_code(token_id, batch, max_age_seconds)
    if code in _UNQUOTED:
        return replace(position, net_pnl_percent=None)
    price = batch.quotes[token_id].price_usd
    return replace(
        position,
        mark_price_usd=price,
        high_price_usd=max(position.high_price_usd, price_in_cash(price, batch.cash_price_usd)),
        marked_at=batch.market_time,
        net_pnl_percent=_net_percent(position, batch, approvals),
    )


@exact
def wanted_exit(position: Position, strategy: Strategy, batch: Batch, manual: bool) -> Exit | None:
    """Return the sale that a marked position is due, or None.

    A reason to sell everything comes before a take-profit step.
    """
    reason = exit_reason(
        position, strategy, batch.market_time, manual, cash_price_usd=batch.cash_price_usd
    )
    if reason is not None:
        return Exit(position.token, reason, position.units)
    return step_exit(position, strategy, batch)


@exact
def exit_reason(
    position: Position,
    strategy: Strategy,
    market_time: datetime,
    manual: bool,
    *,
    cash_price_usd: Decimal,
) -> ExitReason | None:
    """Return the reason of the highest priority to sell all of a marked position, or None.

    The order is that of `ExitReason`. Stop, target and trailing are those of the strategy
    times the factor that the position keeps. All three are measured in cash, which is what was
    paid; without a price of cash none of them is due.
    """
    net, due = position.net_pnl_percent, scaled(strategy, position.exit_factor)
    if manual:
        return ExitReason.MANUAL
    if net is not None and net <= -due.stop_percent:
        return ExitReason.STOP_LOSS
    if _trailing_stop_hit(position, strategy, cash_price_usd):
        return ExitReason.TRAILING_STOP
    if net is not None and net >= due.target_percent:
        return ExitReason.TAKE_PROFIT
    held = (market_time - position.opened_at) // timedelta(microseconds=1)
    if held >= due.hold_hours * _HOUR_MICROSECONDS:
        return ExitReason.MAX_HOLD
    return None


@exact
def step_exit(position: Position, strategy: Strategy, batch: Batch) -> Exit | None:
    """Return the sale at the take-profit steps that a marked position has newly reached.

    After a step, the shares up to it, of all that was ever bought, have been sold; what adds
    brought in since the step before is caught up with. Several steps reached at once are one
    sale. A rest under the smallest order is sold with it; a part under it waits for the next
    step. None when no step is due.
    """
    net, taken = position.net_pnl_percent, position.steps_taken
    if net is None:
        return None
    reached = sum(1 for gain, _ in strategy.take_profit_steps if net >= gain * position.exit_factor)
    if reached <= taken:
        return None
    share = sum((part for _, part in strategy.take_profit_steps[:reached]), ZERO)
    due = int(position.bought_units * share / HUNDRED)
    part = due - (position.bought_units - position.units)
    if _worth(position, position.units - part, batch) < MINIMUM_SIZE_USD:
        return Exit(position.token, ExitReason.TAKE_PROFIT, position.units)
    if part <= 0 or _worth(position, part, batch) < MINIMUM_SIZE_USD:
        return None
    return Exit(position.token, ExitReason.TAKE_PROFIT, part, reached)


@exact
def fitted(
    wanted: Exit, position: Position, batch: Batch, displaced: Mapping[int, Displaced]
) -> Exit:
    """Return an exit, or the part of it that can be sold now where not all of it can.

    That part is a share of the known depth, as an entry's: the price may move towards the end
    of it until inclusion. The rest waits for the next tick. An exit of which too little fits
    comes back whole, to be denied. `displaced` is what own earlier swaps left in the pools.
    """
    known = _known_part(position, wanted.units, batch, displaced)
    if known in (0, wanted.units):
        return wanted
    return replace(wanted, units=known // KNOWN_DEPTH_PARTS, steps_taken=None)


def _known_part(
    position: Position, units: int, batch: Batch, displaced: Mapping[int, Displaced] = _NONE_LEFT
) -> int:
    """Return how many units fit; 0 when what would be sold of them is under the least order."""
    known = sellable(units, position.token.id, batch, displaced)
    if known in (0, units):
        return known
    sold = _worth(position, known // KNOWN_DEPTH_PARTS, batch)
    return known if sold >= MINIMUM_SIZE_USD else 0


def _worth(position: Position, units: int, batch: Batch) -> Decimal:
    """Return units at the last mark, in cash."""
    quantity = from_base_units(units, position.token.decimals)
    return in_cash(usd(quantity * position.mark_price_usd), batch.cash_price_usd)


def _net_percent(position: Position, batch: Batch, approvals: frozenset[int]) -> Decimal | None:
    units = position.units
    part = _known_part(position, units, batch)
    left = leaving(part, position.token.id, batch, approvals)
    # Partial sells may round the cost of a residue down to nothing.
    if left is None or part == 0 or position.cost_usd == 0:
        return None
    proceeds, gas = left
    if part != units:
        # A stop beyond the known depth must fire: the rest is taken to fetch the same price.
        proceeds = proceeds * units / part
    return ratio((proceeds - gas - position.cost_usd) / position.cost_usd * HUNDRED)


def _trailing_stop_hit(position: Position, strategy: Strategy, cash_price_usd: Decimal) -> bool:
    """Compare high with average cost and mark with high, all at par of cash, without dividing."""
    if cash_price_usd <= 0:
        return False
    if strategy.trailing_activation_percent is None or strategy.trailing_distance_percent is None:
        return False
    activation = strategy.trailing_activation_percent * position.exit_factor
    distance = strategy.trailing_distance_percent * position.exit_factor
    quantity = from_base_units(position.units, position.token.decimals)
    best = position.high_price_usd * quantity * HUNDRED
    if best < position.cost_usd * (HUNDRED + activation):
        return False
    lowest = position.high_price_usd * cash_price_usd * (HUNDRED - distance)
    return position.mark_price_usd * HUNDRED <= lowest
