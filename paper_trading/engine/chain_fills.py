"""Fills of grade A: what the chain's own quoter said of a pending swap, once its block was there.

The chain knows neither an account's earlier swaps, which moved no real pool, nor who would have
attacked this one: both are reckoned in the modelled pool and laid on the chain's figure as shares.
"""

from decimal import Decimal

from paper_trading.engine.enums import Side
from paper_trading.engine.market import Batch, ChainQuote
from paper_trading.engine.money import CASH_DECIMALS, exact, from_base_units
from paper_trading.engine.pending import Pending
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.quoted import PRICE_FACTOR
from paper_trading.engine.swaps import Plan, attack_cost, attacked
from paper_trading.engine.ways import Rest, met


def chain_outputs(
    pending: Pending, batch: Batch, pool: PairPool, rest: Rest, seen: bool
) -> tuple[int, int] | None:
    """Return a swap's output by the chain's quoter, and what an attacker leaves of it.

    `pool` is the modelled one as the batch has it, and `rest` what own earlier swaps left in it.
    `seen` says whether an attacker sees the swap. None, and the modelled pool tells the outcome,
    when the chain was not asked, did not answer, told a block before inclusion or more than any
    pool at that price pays; and when an own impact or an attack goes beyond the modelled pool's
    known depth.
    """
    plan = pending.plan
    told = batch.chain_quotes.get((plan.token.id, plan.pool, plan.side, plan.amount_in))
    if told is None or told.observed_at < pending.submission.included_at:
        return None
    if _pays_too_much(told, plan, pool):
        return None
    there = met(pool, plan.side, rest)
    if there == pool and not seen:
        return told.amount_out, told.amount_out
    modelled = pool.quote(plan.side, plan.amount_in)
    moved = None if there is None else there.quote(plan.side, plan.amount_in)
    if there is None or moved is None or not modelled:
        return None
    drifted = told.amount_out * moved // modelled
    if not seen or drifted <= plan.minimum_out:
        return drifted, drifted
    # The same share is left to the attacker in the modelled pool as on the chain.
    minimum = -(-plan.minimum_out * moved // drifted)
    cost = attack_cost(there, plan.side, batch)
    left = attacked(there, plan.side, plan.amount_in, minimum, cost)
    return None if left is None else (drifted, drifted * left // moved)


@exact
def _pays_too_much(told: ChainQuote, plan: Plan, pool: PairPool) -> bool:
    """Say whether an output is worth a multiple of the input: no pool pays so.

    Too little is believed: it meets no minimum, which errs against the trader.
    """
    value_in = _worth(plan.amount_in, plan.side is Side.BUY, pool)
    return _worth(told.amount_out, plan.side is Side.SELL, pool) > PRICE_FACTOR * value_in


def _worth(amount: int, is_cash: bool, pool: PairPool) -> Decimal:
    """Return what base units of cash, or of the token in the middle of the pool, are worth."""
    if is_cash:
        # A quoter may say more than any amount of money that is kept.
        return from_base_units(amount, CASH_DECIMALS)
    return from_base_units(amount, pool.token_decimals) * pool.mid_price
