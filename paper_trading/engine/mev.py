"""Sandwich attacks on a pool: when they pay and what they take.

The attacker buys before the victim and sells after it. In front of a victim of size v in a
pool with input reserve X and fee phi it can only gain when
gamma^2 (1+u)(1+gamma u) > 1, with gamma = 1 - phi and u = v / X (about u > phi). Other pools
are looked at through the constant-product pool that moves as fast, see `PairPool.reserve_in`.
Where a pool's depth ends, so does the attack that is reckoned with. Of two pools in a row either
may be attacked alone.
"""

from decimal import Decimal

from paper_trading.engine.amm import PIPS
from paper_trading.engine.enums import Channel, Side
from paper_trading.engine.gas import Rollup, chain
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.chained import ChainedPool, least_in

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


def can_pay(pool: PairPool, side: Side, amount_in: int) -> bool:
    """Say whether any sandwich of this swap could gain, gas aside.

    Exact for a constant-product pool that keeps its fees; where fees leave the pool, slightly
    fewer swaps gain than this says.
    """
    reserve = pool.reserve_in(side)
    kept = PIPS - pool.fee_pips
    grown = kept**2 * (reserve + amount_in) * (reserve * PIPS + kept * amount_in)
    return grown > PIPS**3 * reserve**2


def sandwiched_out(
    pool: PairPool, side: Side, amount_in: int, minimum_out: int, cost_in: int
) -> int | None:
    """Return what a sandwich leaves of a swap's output; None when the attack does not pay.

    The attack fills the victim's whole tolerance, down to `minimum_out`: only within about
    one percent of the threshold would a smaller one gain more. `cost_in` is the attacker's
    gas in base units of the swap's input.
    """
    if isinstance(pool, ChainedPool):
        return _of_two(pool, side, amount_in, minimum_out, cost_in)
    quoted = pool.quote(side, amount_in)
    if quoted is None or quoted <= minimum_out or not can_pay(pool, side, amount_in):
        return None
    # At a minimum of 0 the attacker still leaves one unit: a swap of nothing reverts.
    front = front_run(pool, side, amount_in, max(minimum_out, 1))
    if profit(pool, side, amount_in, front) <= cost_in:
        return None
    return _left(pool, side, amount_in, front)


def _of_two(
    pool: ChainedPool, side: Side, amount_in: int, minimum_out: int, cost_in: int
) -> int | None:
    """Return what is left of an output when one of two pools in a row is attacked alone.

    The attacker pays no fee of the other. The second is looked at first: it is mostly the
    shallower one for a buy, and the tolerance is gone either way.
    """
    near, far = pool.in_order(side)
    between = near.quote(side, amount_in)
    if between is None:
        return None
    cost = cost_in * near.reserve_in(_OTHER[side]) // near.reserve_in(side)
    left = sandwiched_out(far, side, between, minimum_out, cost)
    if left is not None:
        return left
    least = least_in(far, side, max(minimum_out, 1), between)
    if least is None:
        return None
    rest = sandwiched_out(near, side, amount_in, least, cost_in)
    return None if rest is None else far.quote(side, rest)


def front_run(pool: PairPool, side: Side, amount_in: int, minimum_out: int) -> int:
    """Return the largest front-run that leaves the victim at least its minimum out.

    0 when there is no room. ValueError when the minimum is not positive: no front-run is
    then the largest.
    """
    if minimum_out <= 0:
        raise ValueError(f"minimum out {minimum_out} must be positive to bound a front-run")
    # Twice the reserve more than halves the output; the doubling ends for any minimum.
    low, high = 0, max(pool.reserve_in(side), 1)
    while _left(pool, side, amount_in, high) >= minimum_out:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _left(pool, side, amount_in, middle) >= minimum_out:
            low = middle
        else:
            high = middle
    return low


def profit(pool: PairPool, side: Side, amount_in: int, front: int) -> int:
    """Return an attacker's gain before gas, in base units of the victim's input.

    What cannot be sold within the pool's known depth is lost.
    """
    bought = pool.quote(side, front)
    behind = pool.after(side, front)
    if behind is not None:
        behind = behind.after(side, amount_in)
    if bought is None or behind is None:
        return -front
    return (behind.quote(_OTHER[side], bought) or 0) - front


def _left(pool: PairPool, side: Side, amount_in: int, front: int) -> int:
    """Return what a front-run leaves of a swap's output; 0 beyond the pool's known depth."""
    behind = pool.after(side, front)
    return 0 if behind is None else behind.quote(side, amount_in) or 0
