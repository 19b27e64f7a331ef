"""The way of an order: the pools between cash and a token, as a batch shows them.

Most tokens are pooled against WETH: who pays in cash goes through the pool of WETH first, and pays
its fee, its impact and its gas too. A token says so by the id of the token that comes between.
Where a token has several pools, an order takes the way that leaves most after gas.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext

from paper_trading.engine import impact
from paper_trading.engine.enums import FillGrade, PoolKind, PriceVerdict, Side
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch, OtherPool, Quote, Token
from paper_trading.engine.money import CASH_DECIMALS, CONTEXT
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.chained import ChainedPool
from paper_trading.engine.pools.quoted import grade_of, pool_of, stated_pool
from paper_trading.engine.pools.routes import GasCost, Listed, Routing, best_route

#: What is between may have jumped or be disputed: its price cancels out, only its depth counts.
_NO_WAY = (PriceVerdict.MISSING, PriceVerdict.UNSELLABLE)
#: Among the addresses of a route's tokens.
_CASH = "cash"


@dataclass(frozen=True, slots=True)
class Rest:
    """What own swaps have left, in base units of cash, signed: negative where they took some."""

    #: In the token's own pool. It counts for each of them: others bring them to one price.
    own: int = 0
    #: In the pool that comes first, of an order through two.
    first: int = 0


NOTHING_LEFT = Rest()


def ways(quote: Quote) -> tuple[Quote, ...]:
    """Return a quote as each pool of its token has it, the one that prices it first."""
    return (quote, *(_through(quote, other) for other in quote.others))


def way_by(quote: Quote, pool: str) -> Quote | None:
    """Return a quote as one of its pools has it; None when the batch does not know that pool."""
    return next((one for one in ways(quote) if one.pool == pool), None)


def best_way(
    batch: Batch, quote: Quote, side: Side, amount_in: int, rest: Rest = NOTHING_LEFT
) -> Quote:
    """Return the way that leaves most of an order's output after gas.

    That through the pool which prices the token, where it has no other or none takes the order.
    """
    if not quote.others or not batch.native_price_usd:
        return quote
    if amount_in <= 0:
        return next((one for one in ways(quote) if pool_in(batch, one) is not None), quote)
    found = routing(batch, quote, side, amount_in, rest).best
    if found is None:
        return quote
    own = str(quote.token.id)
    (taken,) = (hop.listed.address for hop in found.route if hop.listed.token == own)
    return way_by(quote, taken) or quote


def routing(
    batch: Batch, quote: Quote, side: Side, amount_in: int, rest: Rest = NOTHING_LEFT
) -> Routing:
    """Quote an order on every way of a token, the best first.

    ValueError when the batch has no price of the native token, or the amount is not positive.
    """
    listed = list(_listed(batch, quote, side, rest))
    through = {str(one.token.through) for one in ways(quote) if one.token.through is not None}
    token_in, token_out = _CASH, str(quote.token.id)
    if side is Side.SELL:
        token_in, token_out = token_out, token_in
    cost = GasCost(batch.gas, _out_per_coin(batch, quote, side))
    return best_route(listed, token_in, token_out, amount_in, through, cost)


def kinds_of(batch: Batch, token: Token) -> tuple[PoolKind, ...]:
    """Return the curves of the pools of a way, in the order of a buy.

    A first pool that the batch does not know counts as one of the token's own kind.
    """
    if token.through is None:
        return (token.kind,)
    first = batch.quotes.get(token.through)
    return (token.kind if first is None else first.token.kind, token.kind)


def pool_in(batch: Batch, quote: Quote) -> PairPool | None:
    """Return the pool, or both, that a batch's quote leads through; None: depth unknown."""
    return batch.once(("pool", quote.token.id, quote.pool), lambda: _pool(batch, quote))


def flow_in(batch: Batch, quote: Quote) -> PairPool | None:
    """Return the pool whose reserves a day's flow is reckoned by; None when they are unknown.

    What the pool itself holds, as the quote states it in cash: no virtual reserve.
    """
    name = ("flow", quote.token.id, quote.pool)
    return batch.once(name, lambda: stated_pool(quote, batch.cash_price_usd))


def graded(batch: Batch, quote: Quote) -> FillGrade:
    """Return how far a fill on the way of a quote can be trusted: as far as its worse pool."""
    first = between(batch, quote)
    grades = [grade_of(one) for one in (quote, first) if one is not None]
    return max(grades, key=lambda grade: grade.value)


def between(batch: Batch, quote: Quote) -> Quote | None:
    """Return the quote of what comes between, of a pool against cash; None when there is none."""
    through = quote.token.through
    found = None if through is None else batch.quotes.get(through)
    if found is None or found.token.through is not None or found.verdict in _NO_WAY:
        return None
    return found


def rest_in(batch: Batch, quote: Quote, displaced: Mapping[int, Displaced], at: datetime) -> Rest:
    """Return what an account's swaps have left in the pools of a way, at a time."""
    first = between(batch, quote)
    return Rest(
        _left(batch, quote, displaced, at),
        0 if first is None else _left(batch, first, displaced, at),
    )


def met(pool: PairPool, side: Side, rest: Rest) -> PairPool | None:
    """Return what an order meets: each pool moved by what is left, when that is against it.

    None when that goes beyond the depth that is known.
    """
    if not isinstance(pool, ChainedPool):
        return impact.met(pool, side, rest.own)
    first = impact.met(pool.first, side, rest.first)
    second = impact.met(pool.second, side, pool.in_hop(rest.own))
    return None if first is None or second is None else ChainedPool(first, second)


def _through(quote: Quote, other: OtherPool) -> Quote:
    token = replace(quote.token, kind=other.kind, fee_pips=other.fee_pips, through=other.through)
    return replace(
        quote,
        token=token,
        liquidity_usd=other.liquidity_usd,
        depth=other.depth,
        others=(),
        pool=other.address,
    )


def _pool(batch: Batch, quote: Quote) -> PairPool | None:
    if quote.token.through is None:
        return _own_pool(quote, batch.cash_price_usd, CASH_DECIMALS)
    hop = between(batch, quote)
    if hop is None:
        return None
    first = pool_in(batch, hop)
    second = _own_pool(quote, hop.price_usd, hop.token.decimals)
    return None if first is None or second is None else ChainedPool(first, second)


def _own_pool(quote: Quote, unit_usd: Decimal, decimals: int) -> PairPool | None:
    """Return the pool of a way; one that does not price the token is moved to the price."""
    pool = pool_of(quote, unit_usd, decimals)
    if pool is None or not quote.pool or quote.depth is None:
        return pool
    with localcontext(CONTEXT):
        return pool.moved(quote.price_usd / unit_usd / pool.mid_price)


def _listed(batch: Batch, quote: Quote, side: Side, rest: Rest) -> Iterator[Listed]:
    """Yield the pools that an order may go through, as it meets them."""
    firsts: dict[int, Listed] = {}
    for way in ways(quote):
        found = pool_in(batch, way)
        now = None if found is None else met(found, side, rest)
        if now is None:
            continue
        token, through = str(quote.token.id), way.token.through
        if not isinstance(now, ChainedPool) or through is None:
            yield Listed(way.pool, way.token.kind, _CASH, token, now)
            continue
        kind = kinds_of(batch, way.token)[0]
        firsts[through] = Listed(f"of {through}", kind, _CASH, str(through), now.first)
        yield Listed(way.pool, way.token.kind, str(through), token, now.second)
    yield from firsts.values()


def _out_per_coin(batch: Batch, quote: Quote, side: Side) -> Decimal:
    if batch.native_price_usd is None:
        raise ValueError(f"batch {batch.id} has no price for the native token")
    buys = side is Side.BUY
    unit_usd = quote.price_usd if buys else batch.cash_price_usd
    with localcontext(CONTEXT):
        decimals = quote.token.decimals if buys else CASH_DECIMALS
        return (batch.native_price_usd / unit_usd).scaleb(decimals)


def _left(batch: Batch, quote: Quote, displaced: Mapping[int, Displaced], at: datetime) -> int:
    return impact.left(displaced.get(quote.token.id), flow_in(batch, quote), at)
