"""The way of an order: the pools between cash and a token, as a batch shows them.

Most tokens are pooled against WETH: who pays in cash goes through the pool of WETH first, and pays
its fee, its impact and its gas too. A token says so by the id of the token that comes between.
Where a token has several pools, an order takes the way that leaves most after gas.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, localcontext

from paper_trading.engine import impact
from paper_trading.engine.enums import FillGrade, PoolKind, PriceVerdict, Side
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch, OtherPool, Quote, Token
from paper_trading.engine.money import (
    CASH_DECIMALS,
    CONTEXT,
    cash_units,
    exact,
    from_base_units,
)
from paper_trading.engine.pending import Pending
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.chained import ChainedPool
from paper_trading.engine.pools.quoted import grade_of, pool_of, stated_pool
from paper_trading.engine.pools.routes import MAX_OUT_PER_COIN, GasCost, Listed, Routing, best_route
from paper_trading.engine.swaps import Plan

#: What is between may have jumped or be disputed: the pools are brought to the token's own price,
#: so only its depth counts.
_NO_WAY = (PriceVerdict.MISSING, PriceVerdict.UNSELLABLE)
#: Among the addresses of a route's tokens.
_CASH = "cash"


@dataclass(frozen=True, slots=True)
class Own:
    """What an account did and sent itself: its next orders meet it."""

    #: What its swaps left, by the token whose pool it is.
    displaced: Mapping[int, Displaced] = field(default_factory=dict)
    #: Swaps on their way, which come before an order that is sent now.
    pending: Mapping[int, Pending] = field(default_factory=dict)
    #: Market time; None: that of the batch.
    at: datetime | None = None


NOTHING = Own()


@dataclass(frozen=True, slots=True)
class Rest:
    """What own swaps have left, in base units of cash, signed: negative where they took some."""

    #: In the token's own pool. It counts for each of them: others bring them to one price.
    own: int = 0
    #: In the pool that comes first, of an order through two.
    first: int = 0


def ways(quote: Quote, side: Side) -> tuple[Quote, ...]:
    """Return a quote as each pool of its token has it, the one that prices it first.

    A further pool has the quote's price, or its own where that is the worse one for the side: what
    was read late looks cheap.
    """
    further = {one.address: one for one in quote.others if one.address}
    return (quote, *(_through(quote, other, side) for other in further.values()))


def way_by(quote: Quote, pool: str, side: Side) -> Quote | None:
    """Return a quote as one of its pools has it; None when the batch does not know that pool."""
    return next((one for one in ways(quote, side) if one.pool == pool), None)


def best_way(batch: Batch, quote: Quote, side: Side, amount_in: int, own: Own = NOTHING) -> Quote:
    """Return the way that leaves most of an order's output after gas.

    The first way of known depth where none takes the order, and that through the pool which prices
    the token where it has no other or none is known.
    """
    if not quote.others or not batch.native_price_usd:
        return quote
    found = routing(batch, quote, side, amount_in, own).best if amount_in > 0 else None
    if found is None:
        # Its end is a limit to size by; a pool that says nothing is none.
        known = (one for one in ways(quote, side) if pool_in(batch, one) is not None)
        return next(known, quote)
    token = str(quote.token.id)
    (taken,) = (hop.listed.address for hop in found.route if hop.listed.token == token)
    return way_by(quote, taken, side) or quote


def routing(batch: Batch, quote: Quote, side: Side, amount_in: int, own: Own = NOTHING) -> Routing:
    """Quote an order on every way of a token, the best first.

    ValueError when the batch has no price of the native token, or the amount is not positive.
    """
    listed = list(_listed(batch, quote, side, own))
    hops = {one.token.through for one in ways(quote, side)} - {None}
    token_in, token_out = _CASH, str(quote.token.id)
    if side is Side.SELL:
        token_in, token_out = token_out, token_in
    cost = GasCost(batch.gas, _out_per_coin(batch, quote, side))
    return best_route(listed, token_in, token_out, amount_in, set(map(str, hops)), cost)


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
    return batch.once(("pool", *_name(quote)), lambda: _pool(batch, quote))


def flow_in(batch: Batch, quote: Quote) -> PairPool | None:
    """Return the pool whose reserves a day's flow is reckoned by; None when they are unknown.

    What the pool itself holds, as the quote states it in cash: no virtual reserve.
    """
    name = ("flow", *_name(quote))
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


def rest_in(batch: Batch, way: Quote, own: Own) -> Rest:
    """Return what an account's swaps have left in the pools of a way, and will have till then."""
    first = between(batch, way)
    return Rest(
        _left(batch, way, own) + _coming(batch, way, own),
        0 if first is None else _left(batch, first, own) + _coming(batch, first, own),
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


def _name(quote: Quote) -> tuple[object, ...]:
    """Return what the pool of a quote is known by in its batch."""
    return (quote.token.id, quote.pool, quote.price_usd) if quote.pool else (quote.token.id,)


def _through(quote: Quote, other: OtherPool, side: Side) -> Quote:
    token = replace(quote.token, kind=other.kind, fee_pips=other.fee_pips, through=other.through)
    worse = max if side is Side.BUY else min
    price = quote.price_usd
    return replace(
        quote,
        token=token,
        price_usd=price if other.price_usd is None else worse(price, other.price_usd),
        liquidity_usd=other.liquidity_usd,
        depth=other.depth,
        others=(),
        pool=other.address,
    )


def _pool(batch: Batch, quote: Quote) -> PairPool | None:
    """Return the pool of a way; a further one beside the pinned one, where that is known.

    At one price in cash, whatever each source took cash for: a gap between them is no gain.
    """
    found, pinned = _alone(batch, quote), batch.quotes[quote.token.id]
    beside = pool_in(batch, pinned) if quote.pool else None
    if found is None or beside is None:
        return found
    with localcontext(CONTEXT):
        wanted = beside.mid_price * quote.price_usd / pinned.price_usd
        return _priced(found.moved(wanted / found.mid_price))


def _alone(batch: Batch, quote: Quote) -> PairPool | None:
    if quote.token.through is None:
        return _priced(_own_pool(quote, batch.cash_price_usd, CASH_DECIMALS))
    hop = between(batch, quote)
    if hop is None:
        return None
    first = pool_in(batch, hop)
    second = _own_pool(quote, hop.price_usd, hop.token.decimals)
    return None if first is None or second is None else _priced(ChainedPool(first, second))


def _priced(pool: PairPool | None) -> PairPool | None:
    """Return a pool whose price can be kept; no fraction of a base unit has one."""
    try:
        return pool if pool is not None and pool.mid_price else None
    except ValueError:
        return None


def _own_pool(quote: Quote, unit_usd: Decimal, decimals: int) -> PairPool | None:
    """Return the token's own pool of a way, at the price of the quote.

    That of the pinned pool against cash is the quote's price. One that was read against another
    token, whose price may have jumped since, or beside the pinned one, is moved to it.
    """
    pool = pool_of(quote, unit_usd, decimals)
    pinned = not quote.pool and quote.token.through is None
    if pool is None or pinned or quote.depth is None:
        return pool
    with localcontext(CONTEXT):
        return pool.moved(quote.price_usd / unit_usd / pool.mid_price)


def _listed(batch: Batch, quote: Quote, side: Side, own: Own) -> Iterator[Listed]:
    """Yield the pools that an order may go through, as it meets them."""
    firsts: dict[int, Listed] = {}
    for way in ways(quote, side):
        found = pool_in(batch, way)
        now = None if found is None else met(found, side, rest_in(batch, way, own))
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
        return min((batch.native_price_usd / unit_usd).scaleb(decimals), MAX_OUT_PER_COIN)


def _left(batch: Batch, quote: Quote, own: Own) -> int:
    at = batch.market_time if own.at is None else own.at
    return impact.left(own.displaced.get(quote.token.id), flow_in(batch, quote), at)


def _coming(batch: Batch, quote: Quote, own: Own) -> int:
    """Return the cash that pending swaps will have moved in the pool that prices a token."""
    moved = (
        _units(one.plan) for one in own.pending.values() if quote.token.id in _owners(batch, one)
    )
    return sum(moved)


@exact
def _units(plan: Plan) -> int:
    """Return what a swap on its way will have moved of its pool, in base units of cash, signed."""
    if plan.side is Side.BUY:
        return plan.amount_in
    return -cash_units(from_base_units(plan.amount_in, plan.token.decimals) * plan.mid_price)


def _owners(batch: Batch, pending: Pending) -> set[int | None]:
    """Return the tokens in whose pools a pending swap is."""
    plan = pending.plan
    quote = batch.quotes.get(plan.token.id)
    way = None if quote is None else way_by(quote, plan.pool, plan.side)
    return {plan.token.id, None if way is None else way.token.through}
