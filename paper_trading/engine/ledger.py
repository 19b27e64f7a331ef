"""Double-entry postings: what a deposit, a fill or a fee does to an account's books.

Debits are positive and the lines of every list sum to zero USD. A posting also carries the
signed base units that moved. Gas is paid in USD at par of cash and moves no units of it.
"""

from collections.abc import Iterable
from decimal import Decimal, localcontext

from paper_trading.engine.enums import LedgerAccount, Side, TransactionStatus
from paper_trading.engine.market import Token
from paper_trading.engine.money import (
    CONTEXT,
    HIGHEST_DEPOSIT_USD,
    USD_LIMIT,
    ZERO,
    cash_amount,
    cash_units,
    require,
    usd,
)
from paper_trading.engine.trade import Posting, Swap


def deposit_postings(amount_usd: Decimal) -> tuple[Posting, ...]:
    """Book money paid in. TypeError for a float, ValueError outside of a deposit's range."""
    require("deposit", amount_usd, ZERO, HIGHEST_DEPOSIT_USD, above=True)
    paid = usd(amount_usd)
    return (
        Posting(LedgerAccount.CASH, paid, units=cash_units(paid)),
        Posting(LedgerAccount.DEPOSITS, paid.copy_negate()),
    )


def buy_postings(token: Token, swap: Swap) -> tuple[Posting, ...]:
    """Book a confirmed buy: cash becomes a position at what the swap took in."""
    _require_confirmed(swap)
    cost = cash_amount(swap.amount_in)
    return (
        Posting(LedgerAccount.POSITION, cost, token.id, swap.amount_out),
        Posting(LedgerAccount.CASH, cost.copy_negate(), units=-swap.amount_in),
    )


def sell_postings(token: Token, swap: Swap, cost_out_usd: Decimal) -> tuple[Posting, ...]:
    """Book a confirmed sell: the position gives up `cost_out_usd`, the rest is realized."""
    _require_confirmed(swap)
    require("cost_out_usd", cost_out_usd, ZERO, USD_LIMIT)
    proceeds = cash_amount(swap.amount_out)
    lost = CONTEXT.subtract(cost_out_usd, proceeds)
    return (
        Posting(LedgerAccount.CASH, proceeds, units=swap.amount_out),
        Posting(LedgerAccount.POSITION, cost_out_usd.copy_negate(), token.id, -swap.amount_in),
        Posting(LedgerAccount.REALIZED_PNL, lost, token.id),
    )


def gas_postings(gas_usd: Decimal) -> tuple[Posting, ...]:
    """Book gas as an expense when paid; nothing when it is zero. ValueError below zero."""
    require("gas_usd", gas_usd, ZERO, USD_LIMIT)
    if gas_usd == 0:
        return ()
    return (
        Posting(LedgerAccount.GAS, gas_usd),
        Posting(LedgerAccount.CASH, gas_usd.copy_negate()),
    )


def swap_postings(
    token: Token, side: Side, swap: Swap, cost_out_usd: Decimal = ZERO
) -> tuple[Posting, ...]:
    """Book a swap with its gas; one that failed paid gas only."""
    with localcontext(CONTEXT):
        gas = gas_postings(swap.gas_usd)
    if swap.status is not TransactionStatus.CONFIRMED:
        return gas
    if side is Side.BUY:
        return buy_postings(token, swap) + gas
    return sell_postings(token, swap, cost_out_usd) + gas


def balance(postings: Iterable[Posting], book: LedgerAccount | None = None) -> Decimal:
    """Sum the USD of one book, or of all of them: zero when the postings balance."""
    with localcontext(CONTEXT):
        return sum((line.amount_usd for line in postings if book in (None, line.book)), ZERO)


def units(postings: Iterable[Posting], token_id: int) -> int:
    """Sum the base units of a token that its position holds."""
    return sum(
        line.units
        for line in postings
        if line.book is LedgerAccount.POSITION and line.token_id == token_id
    )


def _require_confirmed(swap: Swap) -> None:
    if swap.status is not TransactionStatus.CONFIRMED:
        raise ValueError(f"a {swap.status} swap moves nothing but gas")
