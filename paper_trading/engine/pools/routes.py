"""Routes of one or two hops, compared by what is left of their output after gas.

Amounts are base units, and gas is counted in base units of the output. The middle of two
hops is one of the tokens that the caller names, which are WETH and USDC.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from paper_trading.engine import gas
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PoolKind, Side
from paper_trading.engine.market import GasConditions
from paper_trading.engine.money import CONTEXT, ZERO, require
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.concentrated import ConcentratedPool

_WEI = 10**18
#: More base units of an output than any coin buys.
MAX_OUT_PER_COIN = Decimal(10) ** 78


@dataclass(frozen=True, slots=True)
class Listed:
    """A pool with its address and the addresses of its two tokens, all lower case."""

    address: str
    kind: PoolKind
    cash: str
    token: str
    pool: PairPool


@dataclass(frozen=True, slots=True)
class Hop:
    """One swap of a route."""

    listed: Listed
    side: Side

    @property
    def token_out(self) -> str:
        """The address of what comes out."""
        return self.listed.token if self.side is Side.BUY else self.listed.cash


Route = tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class GasCost:
    """What gas costs on a chain, and what it is worth in the output.

    `out_per_coin` is how many base units of the output one native coin is worth.

    :raises TypeError: when it is a float.
    :raises ValueError: when it is negative or not finite.
    """

    conditions: GasConditions
    out_per_coin: Decimal

    def __post_init__(self) -> None:
        """Refuse a worth that is none."""
        require("out_per_coin", self.out_per_coin, ZERO, MAX_OUT_PER_COIN)

    def wei(self, gas_used: int, kinds: Sequence[PoolKind]) -> int:
        """Return the fee of a transaction over pools of these kinds, the L1 part included."""
        return gas.transaction_fee_wei(gas_used, self.conditions, gas.swap_bytes(kinds))[2]

    def in_output(self, fee_wei: int) -> int:
        """Return a fee in base units of the output, rounded up."""
        with localcontext(CONTEXT):
            over, under = self.out_per_coin.as_integer_ratio()
        return -(-fee_wei * over // (under * _WEI))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route with its figures; one that cannot be quoted has a code and no output."""

    route: Route
    code: Code
    #: The output of each hop; the last is the route's.
    amounts_out: tuple[int, ...]
    gas_used: int
    gas_wei: int
    gas_out: int

    @property
    def amount_out(self) -> int | None:
        """What the route pays before gas."""
        return self.amounts_out[-1] if self.code is Code.OK else None

    @property
    def net_out(self) -> int | None:
        """What is left after gas; it may be negative."""
        return self.amounts_out[-1] - self.gas_out if self.code is Code.OK else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of its pools in order."""
        return tuple(hop.listed.address for hop in self.route)


@dataclass(frozen=True, slots=True)
class Routing:
    """Every candidate, the best first; those without a quote come last."""

    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate | None:
        """The route to take; None when none could be quoted."""
        first = next(iter(self.candidates), None)
        return first if first is not None and first.code is Code.OK else None


def best_route(
    pools: Sequence[Listed],
    token_in: str,
    token_out: str,
    amount_in: int,
    through: Collection[str],
    cost: GasCost,
) -> Routing:
    """Quote every route of one or two hops and order them by net output.

    Ties go to fewer hops, then to less gas, then to the lower addresses: the order in which
    pools are given changes nothing. ValueError when both tokens are the same, the input is
    not positive, or two pools have one address.
    """
    if token_in == token_out:
        raise ValueError(f"a route leads from {token_in} to itself")
    if amount_in <= 0:
        raise ValueError(f"amount in {amount_in} must be positive")
    if len({listed.address for listed in pools}) != len(pools):
        raise ValueError("two pools have the same address")
    found = routes(pools, token_in, token_out, through)
    quoted = [candidate(route, amount_in, cost) for route in found]
    return Routing(tuple(sorted(quoted, key=_rank)))


def routes(
    pools: Sequence[Listed], token_in: str, token_out: str, through: Collection[str]
) -> Iterator[Route]:
    """Yield the routes of one hop, and those of two hops through a token of `through`."""
    for first in _from(pools, token_in):
        if first.token_out == token_out:
            yield (first,)
        elif first.token_out in through:
            for second in _from(pools, first.token_out):
                if second.token_out == token_out:
                    yield first, second


def candidate(route: Route, amount_in: int, cost: GasCost) -> Candidate:
    """Quote a route hop by hop. DEPTH_UNKNOWN where a pool does not say its depth.

    A route that cannot be quoted still says what it would take in gas, crossed ticks aside.
    """
    outs: list[int] = []
    crossed = 0
    for hop in route:
        amount = outs[-1] if outs else amount_in
        out, ticks = _swap(hop, amount)
        if out is None:
            return _with_gas(route, Code.DEPTH_UNKNOWN, outs, 0, cost)
        outs.append(out)
        crossed += ticks
    return _with_gas(route, Code.OK, outs, crossed, cost)


def _from(pools: Sequence[Listed], token_in: str) -> Iterator[Hop]:
    for listed in pools:
        if token_in == listed.cash:
            yield Hop(listed, Side.BUY)
        elif token_in == listed.token:
            yield Hop(listed, Side.SELL)


def _swap(hop: Hop, amount_in: int) -> tuple[int | None, int]:
    """Return (output, initialised ticks crossed)."""
    pool = hop.listed.pool
    if not isinstance(pool, ConcentratedPool):
        return pool.quote(hop.side, amount_in), 0
    swapped = pool.swap(hop.side, amount_in)
    return (None, 0) if swapped is None else (swapped.amount_out, swapped.ticks_crossed)


def _with_gas(
    route: Route, code: Code, outs: Sequence[int], crossed: int, cost: GasCost
) -> Candidate:
    kinds = [hop.listed.kind for hop in route]
    used = gas.swap_gas(kinds, crossed)
    fee_wei = cost.wei(used, kinds)
    return Candidate(route, code, tuple(outs), used, fee_wei, cost.in_output(fee_wei))


def _rank(one: Candidate) -> tuple[bool, int, int, int, tuple[str, ...]]:
    net = one.net_out
    return net is None, -(net or 0), len(one.route), one.gas_used, one.addresses
