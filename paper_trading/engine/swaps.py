"""What a swap's outputs come to: the terms of its shortfall, its transactions and their fees.

Shared by all venues. Amounts are base units; USD is at par of cash.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from paper_trading.engine import gas, mev
from paper_trading.engine.amm import PIPS
from paper_trading.engine.enums import FillGrade, PoolKind, Side, TransactionKind, TransactionStatus
from paper_trading.engine.market import Batch, Token
from paper_trading.engine.money import (
    CONTEXT,
    ZERO,
    cash_amount,
    cash_units,
    from_base_units,
    usd,
)
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.trade import Swap, Transaction

#: The id of cash among approvals.
CASH_ID = 0

_NATIVE_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order was quoted when it was made."""

    token: Token
    side: Side
    amount_in: int
    quoted_out: int
    minimum_out: int
    #: Cash per whole token in the middle of the pool.
    mid_price: Decimal
    #: Of all pools of the way together, in millionths of the input.
    fee_pips: int
    #: Of the way, when it is none that prices the token: its address.
    pool: str = ""


def input_id(token: Token, side: Side) -> int:
    """Return the id under which the approval of a swap's input is kept."""
    return CASH_ID if side is Side.BUY else token.id


def swap_of(
    plan: Plan,
    drifted: int,
    final: int,
    sent: tuple[Transaction, ...],
    grade: FillGrade | None = None,
) -> Swap:
    """Return a swap from its outputs as drifted and as it ended; the last transaction is its own.

    The grade is that of the pool that it met, else the token's. One that is not confirmed moved
    nothing: its output and its terms are 0.
    """
    status = sent[-1].status
    confirmed = status is TransactionStatus.CONFIRMED
    fee, impact, drift, attack = terms(plan, drifted, final) if confirmed else (ZERO,) * 4
    return Swap(
        status=status,
        amount_in=plan.amount_in,
        quoted_out=plan.quoted_out,
        minimum_out=plan.minimum_out,
        amount_out=final if confirmed else 0,
        mid_price=plan.mid_price,
        fee_usd=fee,
        impact_usd=impact,
        drift_usd=drift,
        mev_usd=attack,
        shortfall_usd=CONTEXT.add(CONTEXT.add(fee, impact), CONTEXT.add(drift, attack)),
        grade=plan.token.grade if grade is None else grade,
        pool=plan.pool,
        transactions=sent,
    )


def terms(plan: Plan, drifted: int, final: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Return (fee, impact, drift, mev) in USD; they add up to the shortfall against mid."""
    with localcontext(CONTEXT):
        tokens = from_base_units(1, plan.token.decimals) * plan.mid_price
        cash = cash_amount(1)
        unit_in, unit_out = (cash, tokens) if plan.side is Side.BUY else (tokens, cash)
        value_in = plan.amount_in * unit_in
        fee = usd(value_in * plan.fee_pips / PIPS)
        quoted_loss = usd(value_in - plan.quoted_out * unit_out)
        drifted_loss = usd(value_in - drifted * unit_out)
        loss = usd(value_in - final * unit_out)
        return fee, quoted_loss - fee, drifted_loss - quoted_loss, loss - drifted_loss


def attacked(
    pool: PairPool, side: Side, amount_in: int, minimum_out: int, cost_in: int
) -> int | None:
    """Return the output of a swap that an attacker has seen: less when a sandwich pays.

    `cost_in` is the attacker's gas in base units of the input. None beyond the known depth.
    """
    left = mev.sandwiched_out(pool, side, amount_in, minimum_out, cost_in)
    return pool.quote(side, amount_in) if left is None else left


def attack_cost(pool: PairPool, side: Side, batch: Batch) -> int:
    """Return an attacker's gas in base units of the order's input, rounded down."""
    _, _, fee_wei = gas.transaction_fee_wei(mev.ATTACK_GAS, batch.gas, 2 * gas.SWAP_BYTES)
    cost = cash_units(fee_usd(fee_wei, batch))
    if side is Side.BUY:
        return cost
    # The reserves turn cash into tokens at mid.
    return cost * pool.reserve_in(Side.SELL) // max(pool.reserve_in(Side.BUY), 1)


def transactions(
    status: TransactionStatus,
    gas_used: int,
    footprint: gas.Footprint,
    *,
    approves: bool,
    nonce: int,
    batch: Batch,
    leg: int = 0,
) -> tuple[Transaction, ...]:
    """Return a swap's transaction, or its leg of one, after its approval when that is still due."""
    before: tuple[Transaction, ...] = ()
    if approves:
        confirmed = TransactionStatus.CONFIRMED
        paid = gas.Footprint(gas.APPROVE_GAS, gas.APPROVE_GAS, gas.APPROVE_BYTES)
        before = (_sent(TransactionKind.APPROVE, confirmed, nonce, gas.APPROVE_GAS, paid, batch),)
    number, kind = nonce + len(before), TransactionKind.SWAP
    swap = _sent(kind, status, number, gas_used, footprint, batch, leg)
    return (*before, swap)


def _sent(
    kind: TransactionKind,
    status: TransactionStatus,
    nonce: int,
    gas_used: int,
    footprint: gas.Footprint,
    batch: Batch,
    leg: int = 0,
) -> Transaction:
    """Return a transaction with what it paid; one that was in no block paid nothing."""
    if status is TransactionStatus.EXPIRED:
        return absent(kind, nonce, leg)
    size, legs = footprint.data_bytes, footprint.legs
    gas_price, l1_fee, fee = gas.transaction_fee_wei(gas_used, batch.gas, size, legs)
    return Transaction(
        kind=kind,
        status=status,
        nonce=nonce,
        gas_used=gas_used,
        gas_price_wei=gas_price,
        l1_fee_wei=l1_fee,
        fee_wei=fee,
        fee_usd=fee_usd(fee, batch),
        leg=leg,
    )


def absent(kind: TransactionKind, nonce: int, leg: int = 0) -> Transaction:
    """Return a transaction that no block took."""
    return Transaction(kind, TransactionStatus.EXPIRED, nonce, 0, 0, 0, 0, ZERO, leg)


def swap_fee_usd(batch: Batch, kinds: tuple[PoolKind, ...]) -> Decimal:
    """Return what a swap that succeeds pays for gas now, over pools of these kinds, in USD."""
    return batch.once(("swap fee", kinds), lambda: fee_usd(_swap_fee_wei(batch, kinds), batch))


def approve_fee_usd(batch: Batch) -> Decimal:
    """Return what an approval pays for gas now, in USD."""
    return batch.once("approve fee", lambda: fee_usd(_approve_fee_wei(batch), batch))


def fee_usd(fee_wei: int, batch: Batch) -> Decimal:
    """Return a fee in USD at par of cash. ValueError without a native price."""
    if batch.native_price_usd is None:
        raise ValueError(f"batch {batch.id} has no price for the native token")
    with localcontext(CONTEXT):
        native = from_base_units(fee_wei, _NATIVE_DECIMALS)
        return usd(native * batch.native_price_usd / batch.cash_price_usd)


def _swap_fee_wei(batch: Batch, kinds: tuple[PoolKind, ...]) -> int:
    return gas.transaction_fee_wei(gas.swap_gas(kinds), batch.gas, gas.swap_bytes(kinds))[2]


def _approve_fee_wei(batch: Batch) -> int:
    return gas.transaction_fee_wei(gas.APPROVE_GAS, batch.gas, gas.APPROVE_BYTES)[2]
