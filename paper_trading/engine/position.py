"""Average cost of one holding: buys add to it, sells take a pro-rata part out."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext

from paper_trading.engine.account import Position
from paper_trading.engine.market import Token
from paper_trading.engine.money import (
    CONTEXT,
    ONE,
    UNITS_LIMIT,
    USD_LIMIT,
    ZERO,
    from_base_units,
    price,
    require,
    usd,
)


def buy(
    position: Position | None,
    token: Token,
    units: int,
    cost_usd: Decimal,
    price_usd: Decimal,
    at: datetime,
    exit_factor: Decimal = ONE,
    cash_price_usd: Decimal = ONE,
) -> Position:
    """Open a position or add to one; `price_usd` is the market's, for the mark and the high.

    `cash_price_usd` is what one unit of cash is worth, which the high is measured in.
    `exit_factor` is kept by a position that this opens; an add does not change it. TypeError
    for a float. ValueError when units or cost are not positive or out of range, or the token
    is another one.
    """
    require(f"units of a buy of {token.symbol}", units, 1, UNITS_LIMIT, whole=True)
    require(f"cost_usd of a buy of {token.symbol}", cost_usd, ZERO, USD_LIMIT, above=True)
    if position is None:
        opened = _opened(token, units, usd(cost_usd), price_usd, at, exit_factor)
        return replace(opened, high_price_usd=price_in_cash(price_usd, cash_price_usd))
    if (position.token.id, position.token.decimals) != (token.id, token.decimals):
        raise ValueError(
            f"a buy of token {token.id} with {token.decimals} decimals cannot add to token"
            f" {position.token.id} with {position.token.decimals}"
        )
    with localcontext(CONTEXT):
        return replace(
            position,
            units=position.units + units,
            cost_usd=position.cost_usd + usd(cost_usd),
            bought_usd=position.bought_usd + usd(cost_usd),
            bought_units=position.bought_units + units,
            adds=position.adds + 1,
            high_price_usd=max(position.high_price_usd, price_in_cash(price_usd, cash_price_usd)),
            mark_price_usd=price_usd,
            marked_at=at,
            net_pnl_percent=None,
        )


def sell(position: Position, units: int) -> tuple[Position | None, Decimal]:
    """Take units out and return the rest, None when nothing is left, and the cost they had.

    The cost out is pro rata at the USD scale; the last sale takes all that is left, so that
    the costs of all sales add up to what was paid. TypeError when units are no whole number,
    ValueError outside 1 to the units held.
    """
    require(f"units of a sell of {position.token.symbol}", units, 1, position.units, whole=True)
    if units == position.units:
        return None, position.cost_usd
    with localcontext(CONTEXT):
        cost_out = usd(position.cost_usd * units / position.units)
        left = position.cost_usd - cost_out
    return replace(position, units=position.units - units, cost_usd=left), cost_out


def price_in_cash(price_usd: Decimal, cash_price_usd: Decimal) -> Decimal:
    """Turn a market price into USD at par of cash, whose price must be above 0."""
    # At par nothing is divided: this runs for every position on every tick.
    return price_usd if cash_price_usd == ONE else price(CONTEXT.divide(price_usd, cash_price_usd))


def market_value(position: Position) -> Decimal:
    """Return units at the last mark, in USD."""
    return market_value_of(position.units, position.token.decimals, position.mark_price_usd)


def market_value_of(units: int, decimals: int, price_usd: Decimal) -> Decimal:
    """Return what base units of a token are worth at a price, in USD."""
    with localcontext(CONTEXT):
        return usd(from_base_units(units, decimals) * price_usd)


def _opened(
    token: Token,
    units: int,
    cost_usd: Decimal,
    price_usd: Decimal,
    at: datetime,
    exit_factor: Decimal,
) -> Position:
    return Position(
        token=token,
        units=units,
        cost_usd=cost_usd,
        opened_at=at,
        adds=0,
        high_price_usd=price_usd,
        mark_price_usd=price_usd,
        marked_at=at,
        net_pnl_percent=None,
        bought_usd=cost_usd,
        bought_units=units,
        exit_factor=exit_factor,
    )
