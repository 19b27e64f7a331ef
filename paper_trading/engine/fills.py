"""Fills: what a constant-product pool, a delay and a mempool would make of an order.

Quote, wait for inclusion while the price drifts, perhaps meet a sandwich, revert when less
than the minimum comes out. Amounts are base units; USD is at par of cash.
"""

from datetime import UTC, timedelta
from decimal import Decimal, localcontext

from paper_trading.engine import gas, impact, mev
from paper_trading.engine.amm import Pool
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PriceVerdict, Side, TransactionStatus
from paper_trading.engine.luck import student_t4, uniform
from paper_trading.engine.market import Batch, Quote
from paper_trading.engine.money import (
    CONTEXT,
    HUNDRED,
    ONE,
    cash_amount,
    cash_units,
    exact,
    ratio,
    to_base_units,
)
from paper_trading.engine.swaps import (
    Plan,
    approve_fee_usd,
    attack_cost,
    attacked,
    input_id,
    swap_fee_usd,
    swap_of,
    transactions,
)
from paper_trading.engine.trade import Order, Swap

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
YEAR_SECONDS = 31_536_000


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
    if pool_in(batch, quote) is None:
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
    displaced: int = 0,
) -> Swap:
    """Return what the chain makes of an order, its transactions included.

    `displaced` is what the account's earlier swaps left in the pool, in base units of cash.

    The same seed, chain, token, quote time, side and attempt always draw the same luck. A
    swap that ends under its minimum out reverts: nothing moves, its gas is paid, and the
    terms are 0. A buy of nothing reverts too; a residue worth no unit of cash can be sold.
    ValueError for a token that is unknown or cannot be priced.
    """
    quote, pool = _priced(order.token.id, batch)
    key = luck_key(order, quote, batch, attempt)
    met = impact.met(pool, order.side, displaced)
    quoted, minimum_out = planned(order, met)
    moved = met.moved(ONE + _drift(batch, quote.token.id, uniform(seed, *key, "drift")))
    drifted = moved.quote(order.side, order.amount_in)
    final = drifted
    chance = mev.attack_probability(mev.channel_of(batch.gas.chain_id, order.mev_protection))
    if drifted > minimum_out and uniform(seed, *key, "mev") < chance:
        cost = attack_cost(met, order.side, batch)
        final = attacked(moved, order.side, order.amount_in, minimum_out, cost)
    reverted = final < minimum_out
    status = TransactionStatus.REVERTED if reverted else TransactionStatus.CONFIRMED
    used = gas.FAILED_SWAP_GAS if reverted else gas.SWAP_GAS
    approves = input_id(order.token, order.side) not in approvals
    sent = transactions(status, used, approves=approves, nonce=nonce, batch=batch)
    plan = Plan(order.token, order.side, order.amount_in, quoted, minimum_out, pool.mid_price)
    return swap_of(plan, drifted, final, sent)


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
    gas_usd = swap_fee_usd(batch)
    if token_id not in approvals:
        gas_usd = CONTEXT.add(gas_usd, approve_fee_usd(batch))
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
    lost = cash_amount(cash_in - cash_out) + 2 * swap_fee_usd(batch)
    return ratio(lost / cash_amount(cash_in) * HUNDRED)


def _pool(token_id: int, batch: Batch) -> Pool | None:
    """Return the pool of a token, or None when a fill or its gas cannot be priced."""
    quote = batch.quotes.get(token_id)
    if quote is None or batch.cash_price_usd == 0:
        return None
    if not batch.native_price_usd:
        return None
    return pool_in(batch, quote)


def pool_in(batch: Batch, quote: Quote) -> Pool | None:
    """Return the pool that a batch's quote describes; None when its depth is unknown."""
    return batch.once(
        ("pool", quote.token.id), lambda: Pool.from_quote(quote, batch.cash_price_usd)
    )


def _priced(token_id: int, batch: Batch) -> tuple[Quote, Pool]:
    pool = _pool(token_id, batch)
    if pool is None:
        raise ValueError(f"token {token_id} cannot be priced in batch {batch.id}")
    return batch.quotes[token_id], pool


def luck_key(order: Order, quote: Quote, batch: Batch, attempt: int) -> tuple[str | int, ...]:
    """Return the key of an order's luck: chain, token, quote time, side and attempt."""
    # In UTC, so that one instant is one key however it was stored.
    moment = quote.observed_at.astimezone(UTC).isoformat()
    return (batch.gas.chain_id, quote.token.address, moment, order.side.value, attempt)


def planned(order: Order, pool: Pool) -> tuple[int, int]:
    """Return what a pool quotes for an order, and the minimum that it accepts."""
    quoted = pool.quote(order.side, order.amount_in)
    kept = CONTEXT.multiply(Decimal(quoted), ONE - order.slippage_tolerance)
    return quoted, max(to_base_units(kept, 0), 1 if order.side is Side.BUY else 0)


def _drift(batch: Batch, token_id: int, u: Decimal) -> Decimal:
    """Return the change of price until inclusion: fat-tailed, t(4) scaled to unit variance."""
    seconds = gas.chain(batch.gas.chain_id).inclusion_seconds
    sigma = batch.sigma_annual.get(token_id, DEFAULT_SIGMA)
    with localcontext(CONTEXT):
        # t(4) has variance 2.
        change = student_t4(u) * sigma * (Decimal(seconds) / (2 * YEAR_SECONDS)).sqrt()
        return ratio(max(-MAX_DRIFT, min(MAX_DRIFT, change)))
