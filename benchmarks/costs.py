"""What an order costs, term by term: `python -m benchmarks.costs`.

One buy in a pool of a stated size, computed from the model alone: nothing is drawn, nothing is
read, and the same program prints the same table.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import isqrt

from paper_trading.engine import gas, mev
from paper_trading.engine.amm import Pool
from paper_trading.engine.enums import Channel, PoolKind, Side
from paper_trading.engine.fills import DEFAULT_SIGMA, YEAR_SECONDS
from paper_trading.engine.gas import Rollup
from paper_trading.engine.inclusion import PRIVATE_INCLUSION
from paper_trading.engine.market import GasConditions
from paper_trading.engine.money import (
    CASH_DECIMALS,
    CONTEXT,
    HUNDRED,
    ONE,
    ZERO,
    cash_amount,
    cash_units,
    exact,
    from_base_units,
    to_base_units,
)
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.chained import ChainedPool
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.pools.ladder import Ladder
from paper_trading.engine.pools.routes import GasCost
from paper_trading.engine.pools.solidly import StablePool, VolatilePool
from paper_trading.engine.pools.tick_math import Q96, sqrt_ratio_at, tick_at
from paper_trading.engine.strategy import Strategy
from paper_trading.intelligence.levels import HIGHEST, LEVELS, LOWEST, appetite
from paper_trading.management.tables import table

CHAINS = (1, 8453, 42161)
V2, V3 = (PoolKind.V2,), (PoolKind.V3,)
VOLATILE, STABLE = (PoolKind.SOLIDLY_VOLATILE,), (PoolKind.SOLIDLY_STABLE,)
#: Through the pool of ether into that of a token, both of v3.
TWO = (PoolKind.V3, PoolKind.V3)
WAYS = (V2, V3, TWO, VOLATILE, STABLE)
#: Both sides of a pool together, and orders, in USD.
LIQUIDITY_USD = (1_000_000, 20_000_000)
ORDERS_USD = (100, 1_000, 10_000, 100_000)
SHOWN_LEVELS = (LOWEST, 5, HIGHEST)

ETHER_USD = 2_000
#: Annual, of the token of a stable pool: an assumption.
STABLE_SIGMA = Decimal("0.02")
_DECIMALS = 18
_V2_PIPS, _V3_PIPS, _V3_SPACING = 3_000, 500, 10
_TOKEN_PIPS = 3_000
_VOLATILE_BPS, _STABLE_BPS = 30, 5
#: All of a v3 pool's liquidity lies within so many ticks of its price: a factor of 1.25.
V3_REACH = 2_230
_BASIS_POINTS = Decimal(10_000)

HEAD = (
    "kind", "pool", "order", "fee", "impact",
    *(f"MEV {level}" for level in SHOWN_LEVELS), "gas",
    *(f"total {level}" for level in SHOWN_LEVELS),
    *(f"drift sd {level}" for level in SHOWN_LEVELS), "from level",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Costs:
    """The terms of one order, in basis points of it; drift costs 0 in the mean."""

    fee: Decimal
    impact: Decimal
    mev: Decimal
    gas: Decimal
    drift_sd: Decimal

    @property
    def total(self) -> Decimal:
        """Return what is expected of all terms."""
        return CONTEXT.add(CONTEXT.add(self.fee, self.impact), CONTEXT.add(self.mev, self.gas))


@exact
def costs(
    chain_id: int, kinds: tuple[PoolKind, ...], pool: PairPool, order_usd: int, level: int
) -> Costs | None:
    """Return the terms of buying for so much; None where the pool's depth ends."""
    cash = cash_units(Decimal(order_usd))
    quoted = pool.quote(Side.BUY, cash)
    if quoted is None:
        return None
    unit = from_base_units(1, pool.token_decimals) * pool.mid_price
    fee = Decimal(pool.fee_pips) / 100
    quoted_loss = (order_usd - quoted * unit) / order_usd * _BASIS_POINTS
    cost = GasCost(conditions(chain_id), Decimal(ETHER_USD * 10**CASH_DECIMALS))
    paid = cost.in_output(cost.wei(gas.swap_gas(kinds), kinds))
    return Costs(
        fee=fee,
        impact=quoted_loss - fee,
        mev=_attack(pool, cash, quoted, chain_id, level) * unit / order_usd * _BASIS_POINTS,
        gas=cash_amount(paid) / order_usd * _BASIS_POINTS,
        drift_sd=drift_sd(chain_id, kinds, level),
    )


def _attack(pool: PairPool, cash: int, quoted: int, chain_id: int, level: int) -> Decimal:
    """Return what a sandwich is expected to take, in base units of the token."""
    minimum = to_base_units(Decimal(quoted) * (ONE - tolerance(level)), 0)
    _, _, fee_wei = gas.transaction_fee_wei(
        mev.ATTACK_GAS, conditions(chain_id), 2 * gas.SWAP_BYTES
    )
    attacker = cash_units(from_base_units(fee_wei, _DECIMALS) * ETHER_USD)
    left = mev.sandwiched_out(pool, Side.BUY, cash, minimum, attacker)
    taken = 0 if left is None else quoted - left
    return taken * mev.attack_probability(channel(chain_id, level))


@exact
def drift_sd(chain_id: int, kinds: tuple[PoolKind, ...], level: int) -> Decimal:
    """Return the spread of the price until inclusion, in basis points.

    A private channel's wait is geometric, so its mean time stands in the variance.
    """
    sigma = STABLE_SIGMA if kinds == STABLE else DEFAULT_SIGMA
    private = channel(chain_id, level) is Channel.PRIVATE
    blocks = ONE / PRIVATE_INCLUSION if private else ONE
    seconds = gas.chain(chain_id).inclusion_seconds * blocks
    return sigma * (seconds / YEAR_SECONDS).sqrt() * _BASIS_POINTS


def tolerance(level: int) -> Decimal:
    """Return the share of an entry's output that a level may lose, at the default strategy."""
    with localcontext(CONTEXT):
        share = appetite(level).slippage_share_percent / HUNDRED
        return Strategy().max_slippage_percent / HUNDRED * share


def channel(chain_id: int, level: int) -> Channel:
    """Return how a level's transactions travel on a chain."""
    return mev.channel_of(chain_id, appetite(level).mev_protection)


def conditions(chain_id: int) -> GasConditions:
    """Return a chain's fees at their usual level."""
    rules, ethereum = gas.chain(chain_id), gas.chain(1)
    rolled_up = rules.rollup is not Rollup.NONE
    return GasConditions(
        chain_id=chain_id,
        base_fee_wei=rules.base_fee_wei,
        priority_fee_wei=rules.priority_fee_wei,
        l1_base_fee_wei=ethereum.base_fee_wei if rolled_up else 0,
        l1_blob_base_fee_wei=gas.BLOB_BASE_FEE_WEI if rolled_up else 0,
    )


def pool_of(kinds: tuple[PoolKind, ...], liquidity_usd: int) -> PairPool:
    """Return a pool in balance: ether at 2,000 USD, or a dollar token in a stable pool.

    Of two pools the second has the liquidity, a token at a thousandth of an ether; ether's own is
    the deep one.
    """
    side = liquidity_usd // 2
    cash, tokens = side * 10**CASH_DECIMALS, side * 10**_DECIMALS
    ether = tokens // ETHER_USD
    if kinds == V2:
        return Pool.from_reserves(cash, ether, _DECIMALS, _V2_PIPS)
    if kinds == V3:
        return _concentrated(cash, ETHER_USD * 10**CASH_DECIMALS, _V3_PIPS, CASH_DECIMALS)
    if kinds == TWO:
        token = _concentrated(ether, 10**_DECIMALS // 1_000, _TOKEN_PIPS, _DECIMALS)
        return ChainedPool(pool_of(V3, LIQUIDITY_USD[-1]), token)
    if kinds == VOLATILE:
        return VolatilePool(cash, ether, _DECIMALS, _VOLATILE_BPS)
    return StablePool(cash, tokens, _DECIMALS, _STABLE_BPS)


def _concentrated(
    side: int, unit_price: int, fee_pips: int, cash_decimals: int
) -> ConcentratedPool:
    """Return a pool whose side of cash lies evenly between the price and the lowest tick.

    The price is in base units of cash, or of what stands for it, for a whole token.
    """
    price = isqrt(unit_price * Q96**2 // 10**_DECIMALS)
    tick = tick_at(price)
    ladder = Ladder(_V3_SPACING, tick - V3_REACH, tick + V3_REACH, ())
    liquidity = side * Q96 // (price - sqrt_ratio_at(ladder.lowest))
    return ConcentratedPool(
        price,
        tick,
        liquidity,
        fee_pips,
        ladder,
        cash_is_token0=False,
        token_decimals=_DECIMALS,
        cash_decimals=cash_decimals,
    )


@exact
def first_level(liquidity_usd: int, order_usd: int) -> str:
    """Return the lowest level whose share of a pool's side takes an order."""
    side = Decimal(liquidity_usd) / 2
    takes = (row.level for row in LEVELS if side * row.max_pool_percent / HUNDRED >= order_usd)
    return str(next(takes, "none"))


def lines(chain_id: int) -> Iterator[list[str]]:
    """Yield the lines of a chain's table."""
    for kinds in WAYS:
        for liquidity in LIQUIDITY_USD:
            pool = pool_of(kinds, liquidity)
            for order in ORDERS_USD:
                found = [costs(chain_id, kinds, pool, order, level) for level in SHOWN_LEVELS]
                named = [" ".join(kinds), f"{liquidity // 1_000_000}M", f"{order:,}"]
                yield [*named, *_figures(found), first_level(liquidity, order)]


def _figures(found: Sequence[Costs | None]) -> list[str]:
    known = [one for one in found if one is not None]
    if not known:
        return ["-"] * (len(HEAD) - 4)
    first = known[0]
    mevs, totals, spreads = zip(*((one.mev, one.total, one.drift_sd) for one in known), strict=True)
    figures = (first.fee, first.impact, *mevs, first.gas, *totals, *spreads)
    # A cost that rounds to nothing from below is written as one from above.
    return [f"{one if abs(one) >= Decimal('0.005') else ZERO:.2f}" for one in figures]


def chain_text(chain_id: int) -> str:
    """Return the table of a chain with what its levels accept and how their orders travel."""
    levels = (
        f"level {level} {tolerance(level) * 100:.1f} % {channel(chain_id, level)}"
        for level in SHOWN_LEVELS
    )
    head = f"{gas.chain(chain_id).name}: {', '.join(levels)}"
    return f"{head}\n\n{table(HEAD, list(lines(chain_id)))}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    argparse.ArgumentParser(prog="benchmarks.costs", description=__doc__).parse_args(arguments)
    print("\n\n".join(chain_text(chain_id) for chain_id in CHAINS))


if __name__ == "__main__":
    main()
