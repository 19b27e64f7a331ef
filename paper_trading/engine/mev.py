"""Sandwich attacks on a constant-product pool: when they pay and what they take.

The attacker buys before the victim and sells after it. In front of a victim of size v in a
pool with input reserve X and fee phi it can only gain when
gamma^2 (1+u)(1+gamma u) > 1, with gamma = 1 - phi and u = v / X (about u > phi).
"""

from decimal import Decimal

from paper_trading.engine.amm import PIPS, Pool
from paper_trading.engine.enums import Channel, Side
from paper_trading.engine.gas import Rollup, chain

#: Chance that a transaction is seen by an attacker that would act on it. The first is an
#: assumption; the others follow measurements of private channels and of rollups with a
#: private mempool, where sandwiches are rare.
PUBLIC_PROBABILITY = Decimal("0.6")
PRIVATE_PROBABILITY = Decimal("0.02")
ROLLUP_PROBABILITY = Decimal("0.002")

_PROBABILITIES = {
    Channel.PUBLIC: PUBLIC_PROBABILITY,
    Channel.PRIVATE: PRIVATE_PROBABILITY,
    Channel.SEQUENCER: ROLLUP_PROBABILITY,
}

#: Two swaps with the attacker's own checks. Its bribe is a share of the profit.
ATTACK_GAS = 240_000

_OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


def channel_of(chain_id: int, protected: bool) -> Channel:
    """Return the channel of a chain's transactions: protection chooses it on Ethereum only.

    ValueError for an unknown chain.
    """
    if chain(chain_id).rollup is not Rollup.NONE:
        return Channel.SEQUENCER
    return Channel.PRIVATE if protected else Channel.PUBLIC


def attack_probability(channel: Channel) -> Decimal:
    """Return the chance that a swap which is worth attacking is attacked in a channel."""
    return _PROBABILITIES[channel]


def can_pay(pool: Pool, side: Side, amount_in: int) -> bool:
    """Say whether any sandwich of this swap could gain, gas aside (exact, in integers)."""
    reserve = pool.reserve_in(side)
    kept = PIPS - pool.fee_pips
    grown = kept**2 * (reserve + amount_in) * (reserve * PIPS + kept * amount_in)
    return grown > PIPS**3 * reserve**2


def sandwiched_out(
    pool: Pool, side: Side, amount_in: int, minimum_out: int, cost_in: int
) -> int | None:
    """Return what a sandwich leaves of a swap's output; None when the attack does not pay.

    The attack fills the victim's whole tolerance, down to `minimum_out`: only within about
    one percent of the threshold would a smaller one gain more. `cost_in` is the attacker's
    gas in base units of the swap's input.
    """
    if not can_pay(pool, side, amount_in) or pool.quote(side, amount_in) <= minimum_out:
        return None
    # At a minimum of 0 the attacker still leaves one unit: a swap of nothing reverts.
    front = front_run(pool, side, amount_in, max(minimum_out, 1))
    if profit(pool, side, amount_in, front) <= cost_in:
        return None
    return pool.after(side, front).quote(side, amount_in)


def front_run(pool: Pool, side: Side, amount_in: int, minimum_out: int) -> int:
    """Return the largest front-run that leaves the victim at least its minimum out.

    0 when there is no room. ValueError when the minimum is not positive: no front-run is
    then the largest.
    """
    if minimum_out <= 0:
        raise ValueError(f"minimum out {minimum_out} must be positive to bound a front-run")
    # Twice the reserve more than halves the output; the doubling ends for any minimum.
    low, high = 0, pool.reserve_in(side)
    while pool.after(side, high).quote(side, amount_in) >= minimum_out:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if pool.after(side, middle).quote(side, amount_in) >= minimum_out:
            low = middle
        else:
            high = middle
    return low


def profit(pool: Pool, side: Side, amount_in: int, front: int) -> int:
    """Return an attacker's gain before gas, in base units of the victim's input."""
    bought = pool.quote(side, front)
    behind = pool.after(side, front).after(side, amount_in)
    return behind.quote(_OTHER[side], bought) - front
