"""The fold of trades over an account: cash, positions, gas, counters.

After every record: cash + cost of positions = deposits + realized - gas, to the digit.
"""

from dataclasses import replace
from decimal import Decimal, localcontext

from paper_trading.engine.account import Account, ClosedPosition, LastExit, Position
from paper_trading.engine.codes import IN_NO_BLOCK
from paper_trading.engine.enums import (
    BreakerKind,
    Side,
    TradeStatus,
    TransactionKind,
    TransactionStatus,
)
from paper_trading.engine.equity import worth
from paper_trading.engine.money import (
    CONTEXT,
    HIGHEST_DEPOSIT_USD,
    HUNDRED,
    ONE,
    ZERO,
    cash_amount,
    price,
    ratio,
    require,
    usd,
)
from paper_trading.engine.position import buy, sell
from paper_trading.engine.swaps import CASH_ID
from paper_trading.engine.trade import Swap, TradeRecord


def open_account(deposit_usd: Decimal) -> Account:
    """Return a new account with one deposit. ValueError outside of a deposit's range."""
    require("deposit", deposit_usd, ZERO, HIGHEST_DEPOSIT_USD, above=True)
    paid = usd(deposit_usd)
    return Account(
        cash_usd=paid,
        deposits_usd=paid,
        realized_usd=ZERO,
        gas_usd=ZERO,
        positions={},
        peak_equity_usd=paid,
        max_drawdown_percent=ZERO,
        day=None,
        day_start_equity_usd=paid,
        entries_today=0,
        failed_transactions=0,
        losing_exits=0,
        winning_trades=0,
        losing_trades=0,
        nonce=0,
    )


def deposit(account: Account, amount_usd: Decimal) -> Account:
    """Add money; peak and day start scale, so that no percentage of loss changes.

    They scale by what the account and the deposit are worth at the last marks and the last
    price of cash. ValueError outside of a deposit's range.
    """
    require("deposit", amount_usd, ZERO, HIGHEST_DEPOSIT_USD, above=True)
    with localcontext(CONTEXT):
        paid = usd(amount_usd)
        equity_usd = worth(account, account.cash_price_usd)
        paid_worth = usd(paid * account.cash_price_usd)

        def scaled(reference: Decimal) -> Decimal:
            if equity_usd <= 0:
                return reference + paid_worth
            return usd(reference * (equity_usd + paid_worth) / equity_usd)

        return replace(
            account,
            cash_usd=account.cash_usd + paid,
            deposits_usd=account.deposits_usd + paid,
            peak_equity_usd=scaled(account.peak_equity_usd),
            day_start_equity_usd=scaled(account.day_start_equity_usd),
        )


def apply(account: Account, record: TradeRecord, price_usd: Decimal | None = None) -> Account:
    """Return the account after a record: a fill, a failed swap (gas only) or a denial (nothing).

    `price_usd` marks what a fill bought; without it the pool's mid price does. ValueError
    when the record contradicts itself or the account.
    """
    with localcontext(CONTEXT):
        if record.status is TradeStatus.DENIED:
            return account
        if record.swap is None:
            raise ValueError(f"a {record.status} record of {record.token.symbol} has no swap")
        confirmed = record.swap.status is TransactionStatus.CONFIRMED
        if confirmed != (record.status is TradeStatus.FILLED):
            raise ValueError(f"a {record.status} record carries a {record.swap.status} swap")
        paid = _charge_position(_pay_gas(account, record, record.swap), record, record.swap)
        if not confirmed:
            if record.code in IN_NO_BLOCK:
                return paid
            return replace(paid, failed_transactions=account.failed_transactions + 1)
        if record.side is Side.BUY:
            known = price_usd
            if known is None:
                known = price(record.swap.mid_price * account.cash_price_usd)
            return _bought(paid, record, record.swap, known)
        return _sold(paid, record, record.swap)


def closing(position: Position, swap: Swap, realized_usd: Decimal) -> ClosedPosition:
    """Return what a position came to whose last units a confirmed swap sold."""
    with localcontext(CONTEXT):
        realized = position.realized_usd + realized_usd
        gas = position.gas_usd + swap.gas_usd
        return ClosedPosition(
            bought_usd=position.bought_usd,
            realized_usd=realized,
            gas_usd=gas,
            net_percent=ratio((realized - gas) / position.bought_usd * HUNDRED),
        )


def after_reset(account: Account, kind: BreakerKind) -> Account:
    """Return the account after a person reset a breaker: rows of failures count from 0."""
    if kind is BreakerKind.LOSING_EXITS:
        return replace(account, losing_exits=0)
    if kind is BreakerKind.FAILED_TRANSACTIONS:
        return replace(account, failed_transactions=0)
    return account


def cash_identity(account: Account) -> Decimal:
    """Return cash + cost - (deposits + realized - gas): zero, or the books are wrong."""
    with localcontext(CONTEXT):
        cost = sum((held.cost_usd for held in account.positions.values()), ZERO)
        earned = account.deposits_usd + account.realized_usd - account.gas_usd
        return account.cash_usd + cost - earned


def _pay_gas(account: Account, record: TradeRecord, swap: Swap) -> Account:
    approved = {
        CASH_ID if record.side is Side.BUY else record.token.id
        for transaction in swap.transactions
        if transaction.kind is TransactionKind.APPROVE
        and transaction.status is TransactionStatus.CONFIRMED
    }
    # The nonces of a submitted swap were used up when it was sent.
    sent = record.submission is not None and record.token.id in account.pending
    return replace(
        account.without_pending(record.token.id) if sent else account,
        cash_usd=account.cash_usd - swap.gas_usd,
        gas_usd=account.gas_usd + swap.gas_usd,
        nonce=account.nonce + (0 if sent else len(swap.transactions)),
        approvals=account.approvals | approved,
    )


def _charge_position(account: Account, record: TradeRecord, swap: Swap) -> Account:
    """Add a swap's gas to the holding of its token, when there is one, and count failed sales."""
    held = account.positions.get(record.token.id)
    if held is None:
        return account
    failed = held.failed_exits
    if record.side is Side.SELL and record.code not in IN_NO_BLOCK:
        failed = 0 if swap.status is TransactionStatus.CONFIRMED else failed + 1
    return account.with_position(
        replace(held, gas_usd=held.gas_usd + swap.gas_usd, failed_exits=failed)
    )


def _bought(account: Account, record: TradeRecord, swap: Swap, price_usd: Decimal) -> Account:
    cost = cash_amount(swap.amount_in)
    held = account.positions.get(record.token.id)
    factor = ONE if record.exit_factor is None else record.exit_factor
    position = buy(
        held,
        record.token,
        swap.amount_out,
        cost,
        price_usd,
        record.market_time,
        factor,
        account.cash_price_usd,
    )
    if held is None:
        position = replace(position, gas_usd=swap.gas_usd)
    return replace(
        account.with_position(position),
        cash_usd=account.cash_usd - cost,
        entries_today=account.entries_today + 1,
        failed_transactions=0,
    )


def _sold(account: Account, record: TradeRecord, swap: Swap) -> Account:
    position = account.positions.get(record.token.id)
    if position is None:
        raise ValueError(f"a sell of {record.token.symbol}, which the account does not hold")
    rest, cost_out = sell(position, swap.amount_in)
    realized = cash_amount(swap.amount_out) - cost_out
    if record.realized_usd not in (None, realized):
        raise ValueError(
            f"a sell of {record.token.symbol} says {record.realized_usd} was realized, "
            f"but its cost says {realized}"
        )
    sold = replace(
        account,
        cash_usd=account.cash_usd + cash_amount(swap.amount_out),
        realized_usd=account.realized_usd + realized,
        failed_transactions=0,
    )
    if rest is None:
        # The position bears the gas of all its swaps, this one's included.
        net = position.realized_usd + realized - position.gas_usd
        return _closed(_count_outcome(sold, net), record)
    return sold.with_position(
        replace(
            rest,
            realized_usd=rest.realized_usd + realized,
            steps_taken=_steps_taken(rest, record),
        )
    )


def _steps_taken(held: Position, record: TradeRecord) -> int:
    """Return the steps that are taken after a sale of a part: a step is taken once."""
    taken = record.steps_taken
    if taken is None:
        return held.steps_taken
    if taken <= held.steps_taken:
        raise ValueError(
            f"a sell of {record.token.symbol} says that {taken} steps are taken, but"
            f" {held.steps_taken} were before it"
        )
    return taken


def _count_outcome(account: Account, net_usd: Decimal) -> Account:
    """Count a closed position by its net of all gas; an exact zero is neither won nor lost."""
    if net_usd > 0:
        return replace(account, winning_trades=account.winning_trades + 1, losing_exits=0)
    if net_usd < 0:
        return replace(
            account,
            losing_trades=account.losing_trades + 1,
            losing_exits=account.losing_exits + 1,
        )
    return account


def _closed(account: Account, record: TradeRecord) -> Account:
    if record.exit_reason is None:
        raise ValueError(f"a sell of all {record.token.symbol} must say why it was sold")
    last = LastExit(record.market_time, record.exit_reason)
    return replace(
        account.without_position(record.token.id),
        last_exits={**account.last_exits, record.token.id: last},
    )
