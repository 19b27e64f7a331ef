"""Fills: what a constant-product pool, a delay and a mempool would make of an order.

Quote, wait for inclusion while the price drifts, perhaps meet a sandwich, revert when less
than the minimum comes out. Amounts are base units; USD is at par of cash.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal, localcontext

from paper_trading.engine import gas, mev
from paper_trading.engine.amm import PIPS, Pool
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PriceVerdict, Side, TransactionKind, TransactionStatus
from paper_trading.engine.luck import student_t4, uniform
from paper_trading.engine.market import Batch, Quote
from paper_trading.engine.money import (
    CONTEXT,
    HUNDRED,
    ONE,
    ZERO,
    cash_amount,
    cash_units,
    exact,
    from_base_units,
    ratio,
    to_base_units,
    usd,
)
from paper_trading.engine.trade import Order, Swap, Transaction

#: The id of cash among approvals.
CASH_ID = 0

#: Annualised volatility of a token that has none measured yet.
DEFAULT_SIGMA = Decimal("0.8")

#: The price never moves further than this share between quote and inclusion.
MAX_DRIFT = Decimal("0.5")

#: Verdicts that no trade is made on, entry or exit.
_UNTRUSTED = {
    PriceVerdict.JUMP: Code.PRICE_JUMPED,
    PriceVerdict.STALE: Code.PRICE_STALE,
    PriceVerdict.UNSELLABLE: Code.UNSELLABLE,
    PriceVerdict.CASH_UNSURE: Code.CASH_UNSURE,
    PriceVerdict.MISSING: Code.PRICE_MISSING,
}
_YEAR_SECONDS = 31_536_000
_NATIVE_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Outputs of a swap in base units: as quoted, as drifted, and as it ended."""

    quoted: int
    drifted: int
    final: int


def pricing_code(token_id: int, batch: Batch, max_age_seconds: int) -> Code:
    """Say whether a token can be traded on a batch: OK, or the first reason why not.

    A disputed price is OK: it stops entries, which ask for themselves, and no exit.
    """
    quote = batch.quotes.get(token_id)
    if quote is None or batch.cash_price_usd == 0:
        return Code.PRICE_MISSING
    if quote.verdict in _UNTRUSTED:
        return _UNTRUSTED[quote.verdict]
    if batch.market_time - quote.observed_at > timedelta(seconds=max_age_seconds):
        return Code.PRICE_STALE
    if _pool_of(quote, batch) is None:
        return Code.DEPTH_UNKNOWN
    if not batch.native_price_usd:
        return Code.GAS_PRICE_UNKNOWN
    return Code.OK


def execute_swap(
    order: Order,
    batch: Batch,
    *,
    seed: int,
    nonce: int,
    approvals: frozenset[int],
    attempt: int = 0,
) -> Swap:
    """Return what the chain makes of an order, its transactions included.

    The same seed, chain, token, quote time, side and attempt always draw the same luck. A
    swap that ends under its minimum out reverts: nothing moves, its gas is paid, and the
    terms are 0. A buy of nothing reverts too; a residue worth no unit of cash can be sold.
    ValueError for a token that is unknown or cannot be priced.
    """
    quote, pool = _priced(order.token.id, batch)
    outcome, minimum_out = _outcome(order, pool, quote, batch, seed, attempt)
    reverted = outcome.final < minimum_out
    status = TransactionStatus.REVERTED if reverted else TransactionStatus.CONFIRMED
    fee, impact, drift, attack = (ZERO,) * 4 if reverted else _terms(order, pool, outcome)
    return Swap(
        status=status,
        amount_in=order.amount_in,
        quoted_out=outcome.quoted,
        minimum_out=minimum_out,
        amount_out=0 if reverted else outcome.final,
        mid_price=pool.mid_price,
        fee_usd=fee,
        impact_usd=impact,
        drift_usd=drift,
        mev_usd=attack,
        shortfall_usd=CONTEXT.add(CONTEXT.add(fee, impact), CONTEXT.add(drift, attack)),
        grade=quote.token.grade,
        transactions=_transactions(status, _input_id(order) in approvals, nonce, batch),
    )


def leaving(
    units: int, token_id: int, batch: Batch, approvals: frozenset[int]
) -> tuple[Decimal, Decimal] | None:
    """Return (proceeds, gas) in USD of selling units now, as quoted; None if unpriceable.

    The gas includes the approval when it is still due. How old the quote is does not count.
    """
    pool = _pool(token_id, batch)
    if pool is None:
        return None
    proceeds = cash_amount(pool.quote(Side.SELL, units))
    gas_usd = _swap_fee_usd(batch)
    if token_id not in approvals:
        gas_usd = CONTEXT.add(gas_usd, _approve_fee_usd(batch))
    return proceeds, gas_usd


def round_trip_percent(token_id: int, notional_usd: Decimal, batch: Batch) -> Decimal | None:
    """Return the percentage of a notional that buying and later selling it costs.

    Fees and impact both ways and the gas of two swaps, at an unchanged price: the pool is
    taken to have recovered from the buy. None when unpriceable. ValueError when the notional
    is under one unit of cash.
    """
    cash_in = cash_units(notional_usd)
    if cash_in <= 0:
        raise ValueError(f"notional {notional_usd} USD must be at least 0.000001")
    pool = _pool(token_id, batch)
    if pool is None:
        return None
    name = ("round trip", token_id, cash_in)
    return batch.once(name, lambda: _round_trip_percent(pool, cash_in, batch))


@exact
def _round_trip_percent(pool: Pool, cash_in: int, batch: Batch) -> Decimal:
    cash_out = pool.quote(Side.SELL, pool.quote(Side.BUY, cash_in))
    lost = cash_amount(cash_in - cash_out) + 2 * _swap_fee_usd(batch)
    return ratio(lost / cash_amount(cash_in) * HUNDRED)


def _pool(token_id: int, batch: Batch) -> Pool | None:
    """Return the pool of a token, or None when a fill or its gas cannot be priced."""
    quote = batch.quotes.get(token_id)
    if quote is None or batch.cash_price_usd == 0:
        return None
    if not batch.native_price_usd:
        return None
    return _pool_of(quote, batch)


def _pool_of(quote: Quote, batch: Batch) -> Pool | None:
    return batch.once(
        ("pool", quote.token.id), lambda: Pool.from_quote(quote, batch.cash_price_usd)
    )


def _priced(token_id: int, batch: Batch) -> tuple[Quote, Pool]:
    pool = _pool(token_id, batch)
    if pool is None:
        raise ValueError(f"token {token_id} cannot be priced in batch {batch.id}")
    return batch.quotes[token_id], pool


def _outcome(
    order: Order, pool: Pool, quote: Quote, batch: Batch, seed: int, attempt: int
) -> tuple[_Outcome, int]:
    """Return the outputs of an order and the minimum it accepts."""
    # In UTC, so that one instant is one key however it was stored.
    moment = quote.observed_at.astimezone(UTC).isoformat()
    key = (batch.gas.chain_id, quote.token.address, moment, order.side.value, attempt)
    quoted = pool.quote(order.side, order.amount_in)
    kept = CONTEXT.multiply(Decimal(quoted), ONE - order.slippage_tolerance)
    minimum_out = max(to_base_units(kept, 0), 1 if order.side is Side.BUY else 0)
    moved = pool.moved(ONE + _drift(batch, quote.token.id, uniform(seed, *key, "drift")))
    drifted = moved.quote(order.side, order.amount_in)
    final = drifted
    chance = mev.attack_probability(batch.gas.chain_id, order.mev_protection)
    if drifted > minimum_out and uniform(seed, *key, "mev") < chance:
        cost = _attack_cost_in(order, pool, batch)
        left = mev.sandwiched_out(moved, order.side, order.amount_in, minimum_out, cost)
        final = drifted if left is None else left
    return _Outcome(quoted, drifted, final), minimum_out


def _drift(batch: Batch, token_id: int, u: Decimal) -> Decimal:
    """Return the change of price until inclusion: fat-tailed, t(4) scaled to unit variance."""
    seconds = gas.chain(batch.gas.chain_id).inclusion_seconds
    sigma = batch.sigma_annual.get(token_id, DEFAULT_SIGMA)
    with localcontext(CONTEXT):
        # t(4) has variance 2.
        change = student_t4(u) * sigma * (Decimal(seconds) / (2 * _YEAR_SECONDS)).sqrt()
        return ratio(max(-MAX_DRIFT, min(MAX_DRIFT, change)))


def _attack_cost_in(order: Order, pool: Pool, batch: Batch) -> int:
    """Return an attacker's gas in base units of the order's input, rounded down."""
    _, _, fee_wei = gas.transaction_fee_wei(mev.ATTACK_GAS, batch.gas, 2 * gas.SWAP_BYTES)
    cost_usd = _fee_usd(fee_wei, batch)
    if order.side is Side.BUY:
        return cash_units(cost_usd)
    # The reserves turn cash into tokens at mid.
    return cash_units(cost_usd) * pool.token_reserve // pool.cash_reserve


def _terms(
    order: Order, pool: Pool, outcome: _Outcome
) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Return (fee, impact, drift, mev) in USD; they add up to the shortfall against mid."""
    with localcontext(CONTEXT):
        tokens = from_base_units(1, pool.token_decimals) * pool.mid_price
        cash = cash_amount(1)
        unit_in, unit_out = (cash, tokens) if order.side is Side.BUY else (tokens, cash)
        value_in = order.amount_in * unit_in
        fee = usd(value_in * pool.fee_pips / PIPS)
        quoted = usd(value_in - outcome.quoted * unit_out)
        drifted = usd(value_in - outcome.drifted * unit_out)
        final = usd(value_in - outcome.final * unit_out)
        return fee, quoted - fee, drifted - quoted, final - drifted


def _transactions(
    status: TransactionStatus, approved: bool, nonce: int, batch: Batch
) -> tuple[Transaction, ...]:
    """Return the swap's transaction, after the approval when it is still due."""
    failed = status is TransactionStatus.REVERTED
    used = gas.FAILED_SWAP_GAS if failed else gas.SWAP_GAS
    before: tuple[Transaction, ...] = ()
    if not approved:
        confirmed = TransactionStatus.CONFIRMED
        before = (_transaction(TransactionKind.APPROVE, confirmed, nonce, gas.APPROVE_GAS, batch),)
    swap = _transaction(TransactionKind.SWAP, status, nonce + len(before), used, batch)
    return (*before, swap)


def _transaction(
    kind: TransactionKind, status: TransactionStatus, nonce: int, gas_used: int, batch: Batch
) -> Transaction:
    size = gas.APPROVE_BYTES if kind is TransactionKind.APPROVE else gas.SWAP_BYTES
    gas_price, l1_fee, fee = gas.transaction_fee_wei(gas_used, batch.gas, size)
    return Transaction(
        kind=kind,
        status=status,
        nonce=nonce,
        gas_used=gas_used,
        gas_price_wei=gas_price,
        l1_fee_wei=l1_fee,
        fee_wei=fee,
        fee_usd=_fee_usd(fee, batch),
    )


def _input_id(order: Order) -> int:
    return CASH_ID if order.side is Side.BUY else order.token.id


def _swap_fee_wei(batch: Batch) -> int:
    return gas.transaction_fee_wei(gas.SWAP_GAS, batch.gas, gas.SWAP_BYTES)[2]


def _approve_fee_wei(batch: Batch) -> int:
    return gas.transaction_fee_wei(gas.APPROVE_GAS, batch.gas, gas.APPROVE_BYTES)[2]


def _swap_fee_usd(batch: Batch) -> Decimal:
    return batch.once("swap fee", lambda: _fee_usd(_swap_fee_wei(batch), batch))


def _approve_fee_usd(batch: Batch) -> Decimal:
    return batch.once("approve fee", lambda: _fee_usd(_approve_fee_wei(batch), batch))


def _fee_usd(fee_wei: int, batch: Batch) -> Decimal:
    """Return a fee in USD at par of cash. ValueError without a native price."""
    if batch.native_price_usd is None:
        raise ValueError(f"batch {batch.id} has no price for the native token")
    with localcontext(CONTEXT):
        native = from_base_units(fee_wei, _NATIVE_DECIMALS)
        return usd(native * batch.native_price_usd / batch.cash_price_usd)
