"""Fills: what a pool, a delay and a mempool would make of an order.

Quote, wait for inclusion while the price drifts, perhaps meet a sandwich, revert when less
than the minimum comes out. Amounts are base units; USD is at par of cash.
"""

from collections.abc import Mapping
from datetime import UTC, timedelta
from decimal import Decimal, localcontext

from paper_trading.engine import gas, mev
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PriceVerdict, Side, TransactionStatus
from paper_trading.engine.impact import Displaced
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
from paper_trading.engine.pools.base import PairPool
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
from paper_trading.engine.ways import (
    NOTHING,
    Own,
    best_way,
    graded,
    kinds_of,
    met,
    pool_in,
    rest_in,
    way_by,
    ways,
)

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

#: The output of a swap beyond the known depth: less than any minimum accepts.
_BEYOND = -1


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
    if all(pool_in(batch, way) is None for way in ways(quote, Side.BUY)):
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
    own: Own = NOTHING,
) -> Swap:
    """Return what the chain makes of an order, its transactions included.

    `own` is what the account's earlier orders left in the pools.

    The same seed, chain, token, quote time, side and attempt always draw the same luck. A
    swap that ends under its minimum out reverts: nothing moves, its gas is paid, and the
    terms are 0. So does one that the drift takes beyond the depth that is known: what it would
    have got there is not guessed. A buy of nothing reverts too; a residue worth no unit of cash
    can be sold. ValueError for a token that is unknown or cannot be priced, and for an order
    that is beyond the known depth from the start.
    """
    quote = taken_way(order, batch, own)
    pool = None if quote is None else pool_in(batch, quote)
    if quote is None or pool is None:
        raise ValueError(f"token {order.token.id} cannot be priced in batch {batch.id}")
    key = luck_key(order, quote, batch, attempt)
    now = met(pool, order.side, rest_in(batch, quote, own))
    plan = planned(order, pool, now, quote.pool)
    if now is None or plan is None:
        raise ValueError(f"order of token {order.token.id} goes beyond the known depth")
    moved = now.moved(ONE + _drift(batch, quote.token.id, uniform(seed, *key, "drift")))
    chance = mev.attack_probability(mev.channel_of(batch.gas.chain_id, order.mev_protection))
    seen = uniform(seed, *key, "mev") < chance
    cost = attack_cost(now, order.side, batch) if seen else 0
    drifted, final = outputs(plan, moved, seen, cost)
    reverted = final < plan.minimum_out
    status = TransactionStatus.REVERTED if reverted else TransactionStatus.CONFIRMED
    kinds = kinds_of(batch, quote.token)
    taken = gas.footprint(kinds)
    used = taken.failed_gas if reverted else taken.swap_gas
    approves = input_id(order.token, order.side) not in approvals
    sent = transactions(status, used, taken, approves=approves, nonce=nonce, batch=batch)
    return swap_of(plan, drifted, final, sent, graded(batch, quote))


def outputs(plan: Plan, pool: PairPool | None, seen: bool, cost_in: int) -> tuple[int, int]:
    """Return a swap's output in the pool that it meets, and what an attacker leaves of it.

    The second is under any minimum, -1, when the swap goes beyond the depth that is known.
    `seen` says whether an attacker sees it; `cost_in` is what an attack costs.
    """
    drifted = None if pool is None else pool.quote(plan.side, plan.amount_in)
    if pool is None or drifted is None:
        return 0, _BEYOND
    if drifted <= plan.minimum_out or not seen:
        return drifted, drifted
    left = attacked(pool, plan.side, plan.amount_in, plan.minimum_out, cost_in)
    return drifted, _BEYOND if left is None else left


def leaving(
    units: int, token_id: int, batch: Batch, approvals: frozenset[int], own: Own = NOTHING
) -> tuple[Decimal, Decimal] | None:
    """Return (proceeds, gas) in USD of selling units now, as quoted; None if unpriceable.

    So it is too when the units are more than the known depth takes. The gas includes the
    approval when it is still due. How old the quote is does not count. `own` is what the
    account's earlier orders left in the pools: it chooses the way, and takes nothing of what
    comes out.
    """
    way = _way(token_id, batch, Side.SELL, units, own)
    pool = None if way is None else pool_in(batch, way)
    out = None if pool is None else pool.quote(Side.SELL, units)
    if way is None or out is None:
        return None
    proceeds = cash_amount(out)
    gas_usd = swap_fee_usd(batch, kinds_of(batch, way.token))
    if token_id not in approvals:
        gas_usd = CONTEXT.add(gas_usd, approve_fee_usd(batch))
    return proceeds, gas_usd


def sellable(units: int, token_id: int, batch: Batch, displaced: Mapping[int, Displaced]) -> int:
    """Return how many of these units the known depth takes now; 0 when unpriceable.

    On the way that takes most. What the account's own earlier sales have left in the pools is in
    its way.
    """
    quote = _quote(token_id, batch)
    if quote is None:
        return 0
    return max(_fitting(units, way, batch, displaced) for way in ways(quote, Side.SELL))


def _fitting(units: int, way: Quote, batch: Batch, displaced: Mapping[int, Displaced]) -> int:
    pool = pool_in(batch, way)
    if pool is None:
        return 0
    now = met(pool, Side.SELL, rest_in(batch, way, Own(displaced)))
    if now is None:
        return 0
    if now.quote(Side.SELL, units) is not None:
        return units
    return min(units, now.known_in(Side.SELL) or 0)


def round_trip_percent(token_id: int, notional_usd: Decimal, batch: Batch) -> Decimal | None:
    """Return the percentage of a notional that buying and later selling it costs.

    Fees and impact both ways and the gas of two swaps, at an unchanged price: the pool is
    taken to have recovered from the buy. None when unpriceable, or more than the known depth
    takes. ValueError when the notional is under one unit of cash.
    """
    cash_in = cash_units(notional_usd)
    if cash_in <= 0:
        raise ValueError(f"notional {notional_usd} USD must be at least 0.000001")
    way = _way(token_id, batch, Side.BUY, cash_in)
    pool = None if way is None else pool_in(batch, way)
    if way is None or pool is None:
        return None
    name = ("round trip", token_id, cash_in)
    gas_usd = swap_fee_usd(batch, kinds_of(batch, way.token))
    return batch.once(name, lambda: _round_trip_percent(pool, cash_in, gas_usd))


@exact
def _round_trip_percent(pool: PairPool, cash_in: int, gas_usd: Decimal) -> Decimal | None:
    bought = pool.quote(Side.BUY, cash_in)
    cash_out = None if bought is None else pool.quote(Side.SELL, bought)
    if cash_out is None:
        return None
    lost = cash_amount(cash_in - cash_out) + 2 * gas_usd
    return ratio(lost / cash_amount(cash_in) * HUNDRED)


def _quote(token_id: int, batch: Batch) -> Quote | None:
    """Return the quote of a token, or None when a fill or its gas cannot be priced."""
    priced = batch.cash_price_usd != 0 and batch.native_price_usd
    return batch.quotes.get(token_id) if priced else None


def _way(
    token_id: int, batch: Batch, side: Side, amount_in: int, own: Own = NOTHING
) -> Quote | None:
    """Return the best way of an order; None when a fill or its gas cannot be priced."""
    quote = _quote(token_id, batch)
    return None if quote is None else best_way(batch, quote, side, amount_in, own)


def taken_way(order: Order, batch: Batch, own: Own) -> Quote | None:
    """Return the way that an order takes: its own, else the best one.

    None when a fill or its gas cannot be priced.
    """
    quote = _quote(order.token.id, batch)
    if quote is None:
        return None
    named = None if order.pool is None else way_by(quote, order.pool, order.side)
    return named or best_way(batch, quote, order.side, order.amount_in, own)


def luck_key(order: Order, quote: Quote, batch: Batch, attempt: int) -> tuple[str | int, ...]:
    """Return the key of an order's luck: chain, token, quote time, side and attempt."""
    # In UTC, so that one instant is one key however it was stored.
    moment = quote.observed_at.astimezone(UTC).isoformat()
    return (batch.gas.chain_id, quote.token.address, moment, order.side.value, attempt)


def planned(order: Order, pool: PairPool, now: PairPool | None, address: str = "") -> Plan | None:
    """Return what an order is quoted by the pool `now`, as it meets it, and its minimum.

    `pool` has the middle that costs are measured against. None beyond the known depth.
    """
    quoted = None if now is None else now.quote(order.side, order.amount_in)
    if quoted is None:
        return None
    kept = CONTEXT.multiply(Decimal(quoted), ONE - order.slippage_tolerance)
    minimum = max(to_base_units(kept, 0), 1 if order.side is Side.BUY else 0)
    return Plan(
        token=order.token,
        side=order.side,
        amount_in=order.amount_in,
        quoted_out=quoted,
        minimum_out=minimum,
        mid_price=pool.mid_price,
        fee_pips=pool.fee_pips,
        pool=address,
    )


def _drift(batch: Batch, token_id: int, u: Decimal) -> Decimal:
    """Return the change of price until inclusion: fat-tailed, t(4) scaled to unit variance."""
    seconds = gas.chain(batch.gas.chain_id).inclusion_seconds
    sigma = batch.sigma_annual.get(token_id, DEFAULT_SIGMA)
    with localcontext(CONTEXT):
        # t(4) has variance 2.
        change = student_t4(u) * sigma * (Decimal(seconds) / (2 * YEAR_SECONDS)).sqrt()
        return ratio(max(-MAX_DRIFT, min(MAX_DRIFT, change)))
