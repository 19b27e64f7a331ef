"""Average cost of one holding: buys add to it, sells take a pro-rata part out."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from paper_trading.engine.account import Position
from paper_trading.engine.market import Token
from paper_trading.engine.money import exact, from_base_units, usd


@exact
def buy(
    position: Position | None,
    token: Token,
    units: int,
    cost_usd: Decimal,
    price_usd: Decimal,
    at: datetime,
) -> Position:
    """Open a position or add to one; `price_usd` is the market's, for the mark and the high.

    ValueError when units or cost are not positive or the token is another one.
    """
    if units <= 0 or cost_usd <= 0:
        raise ValueError(f"a buy of {units} units for {cost_usd} USD: both must be positive")
    if position is None:
        return Position(
            token=token,
            units=units,
            cost_usd=usd(cost_usd),
            opened_at=at,
            adds=0,
            high_price_usd=price_usd,
            mark_price_usd=price_usd,
            marked_at=at,
            net_pnl_percent=None,
            bought_usd=usd(cost_usd),
        )
    if position.token.id != token.id:
        raise ValueError(f"a buy of token {token.id} cannot add to token {position.token.id}")
    return replace(
        position,
        units=position.units + units,
        cost_usd=position.cost_usd + usd(cost_usd),
        bought_usd=position.bought_usd + usd(cost_usd),
        adds=position.adds + 1,
        high_price_usd=max(position.high_price_usd, price_usd),
        mark_price_usd=price_usd,
        marked_at=at,
        net_pnl_percent=None,
    )


@exact
def sell(position: Position, units: int) -> tuple[Position | None, Decimal]:
    """Take units out and return the rest, None when nothing is left, and the cost they had.

    The cost out is pro rata at the USD scale; the last sale takes all that is left, so that
    the costs of all sales add up to what was paid. ValueError outside 1 to the units held.
    """
    if not 0 < units <= position.units:
        raise ValueError(
            f"a sell of {units} units of {position.token.symbol}: 1 to {position.units} are held"
        )
    if units == position.units:
        return None, position.cost_usd
    cost_out = usd(position.cost_usd * units / position.units)
    rest = replace(position, units=position.units - units, cost_usd=position.cost_usd - cost_out)
    return rest, cost_out


@exact
def market_value(position: Position) -> Decimal:
    """Return units at the last mark, in USD."""
    return usd(from_base_units(position.units, position.token.decimals) * position.mark_price_usd)
