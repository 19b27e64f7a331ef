"""What an account is worth: at marks, if closed now, and against its peak."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from paper_trading.engine.account import Account, Position
from paper_trading.engine.enums import PriceVerdict
from paper_trading.engine.fills import leaving
from paper_trading.engine.market import Batch
from paper_trading.engine.money import HUNDRED, ZERO, exact, ratio, usd
from paper_trading.engine.position import market_value

_UNSETTLED = (PriceVerdict.JUMP, PriceVerdict.CASH_UNSURE)


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """The worth of an account at one market time, in USD."""

    at: datetime
    #: USD price of one unit of cash, the last one known; and cash at it, so that a depeg shows.
    cash_price_usd: Decimal
    cash_usd: Decimal
    #: Units at their last marks.
    positions_usd: Decimal
    #: cash_usd + positions_usd.
    equity_usd: Decimal
    #: After selling everything as quoted, fees, impact and gas paid; what is UNSELLABLE counts
    #: nothing. None when unpriceable.
    equity_if_closed_usd: Decimal | None
    #: positions_usd in percent of equity; None when there is none.
    exposure_percent: Decimal | None
    #: positions_usd less their cost, which was paid in cash and counts at its price.
    unrealized_usd: Decimal
    #: Highest equity so far, this one included, and how far below it this is.
    peak_usd: Decimal
    drawdown_percent: Decimal
    #: False: something held is marked on a price that one reading made (`settled`).
    settled: bool = True


def cash_price_usd(account: Account, batch: Batch) -> Decimal:
    """Return the USD price of one unit of cash: the batch's, or the last one that was known."""
    return batch.cash_price_usd or account.cash_price_usd


@exact
def worth(account: Account, cash_price_usd: Decimal) -> Decimal:
    """Return cash at its price plus positions at their marks, in USD."""
    held = account.positions.values()
    return usd(account.cash_usd * cash_price_usd) + sum(map(market_value, held), ZERO)


@exact
def equity(account: Account, batch: Batch) -> EquityPoint:
    """Value an account whose positions are marked; what has no price keeps its last one."""
    held = account.positions.values()
    cash_price = cash_price_usd(account, batch)
    cash = usd(account.cash_usd * cash_price)
    positions = sum((market_value(position) for position in held), ZERO)
    total = cash + positions
    cost = sum((position.cost_usd for position in held), ZERO)
    peak = max(account.peak_equity_usd, total)
    return EquityPoint(
        at=batch.market_time,
        cash_price_usd=cash_price,
        cash_usd=cash,
        positions_usd=positions,
        equity_usd=total,
        equity_if_closed_usd=_if_closed(account, held, batch, cash_price),
        exposure_percent=_percent(positions, total) if total > 0 else None,
        unrealized_usd=positions - usd(cost * cash_price),
        peak_usd=peak,
        drawdown_percent=_percent(peak - total, peak),
        settled=settled(account, batch),
    )


def settled(account: Account, batch: Batch) -> bool:
    """Say whether nothing that an account holds is marked on a price that one reading made.

    What such a mark says is written, and decides nothing that stays. Cash that is not sound
    shows in the verdicts of what is paid with it.
    """
    quotes = (batch.quotes.get(token_id) for token_id in account.positions)
    return all(one is None or one.verdict not in _UNSETTLED for one in quotes)


@exact
def observe(account: Account, point: EquityPoint) -> Account:
    """Return the account with its peak and its deepest drawdown brought up to a point."""
    return replace(
        account,
        peak_equity_usd=max(account.peak_equity_usd, point.peak_usd),
        max_drawdown_percent=max(account.max_drawdown_percent, point.drawdown_percent),
    )


def market_day(market_time: datetime) -> date:
    """Return the UTC day of a market time. ValueError when it has no time zone."""
    if market_time.tzinfo is None:
        raise ValueError(f"market time {market_time.isoformat()} has no time zone")
    return market_time.astimezone(UTC).date()


def roll_day(account: Account, market_time: datetime, equity_usd: Decimal) -> Account:
    """Return the account on its market day: a new one starts with this equity and no entries.

    A market time before the account's day changes nothing, so that no limit is counted anew.
    """
    today = market_day(market_time)
    if account.day is not None and today <= account.day:
        return account
    return replace(account, day=today, day_start_equity_usd=equity_usd, entries_today=0)


@exact
def in_cash(amount_usd: Decimal, cash_price_usd: Decimal) -> Decimal:
    """Turn market USD into USD at par of cash; zero when cash has no price."""
    if cash_price_usd <= 0:
        return ZERO
    return usd(amount_usd / cash_price_usd)


def _if_closed(
    account: Account, held: Iterable[Position], batch: Batch, cash_price: Decimal
) -> Decimal | None:
    cash = account.cash_usd
    for position in held:
        if _unsellable(position, batch):
            continue
        left = leaving(position.units, position.token.id, batch, account.approvals)
        if left is None:
            return None
        proceeds, gas = left
        cash += proceeds - gas
    return usd(cash * cash_price)


def _unsellable(position: Position, batch: Batch) -> bool:
    """Say whether nobody would buy a position now: it brings nothing and costs no gas."""
    quote = batch.quotes.get(position.token.id)
    return quote is not None and quote.verdict is PriceVerdict.UNSELLABLE


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return ratio(part / whole * HUNDRED) if whole > 0 else ZERO
