"""The way of an order: the pools between cash and a token, as a batch shows them.

Most tokens are pooled against WETH: who pays in cash goes through the pool of WETH first, and pays
its fee, its impact and its gas too. A token says so by the id of the token that comes between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from paper_trading.engine import impact
from paper_trading.engine.enums import FillGrade, PoolKind, PriceVerdict, Side
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch, Quote, Token
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.chained import ChainedPool
from paper_trading.engine.pools.quoted import grade_of, pool_of, stated_pool

#: What is between may have jumped or be disputed: its price cancels out, only its depth counts.
_NO_WAY = (PriceVerdict.MISSING, PriceVerdict.UNSELLABLE)


@dataclass(frozen=True, slots=True)
class Rest:
    """What own swaps have left, in base units of cash, signed: negative where they took some."""

    #: In the token's own pool.
    own: int = 0
    #: In the pool that comes first, of an order through two.
    first: int = 0


NOTHING_LEFT = Rest()


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
    return batch.once(("pool", quote.token.id), lambda: _pool(batch, quote))


def flow_in(batch: Batch, quote: Quote) -> PairPool | None:
    """Return the pool whose reserves a day's flow is reckoned by; None when they are unknown.

    What the token's own pool holds, as the quote states it in cash: no virtual reserve.
    """
    name = ("flow", quote.token.id)
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


def rest_in(batch: Batch, token_id: int, displaced: Mapping[int, Displaced], at: datetime) -> Rest:
    """Return what an account's swaps have left in the pools of a token's way, at a time."""
    quote = batch.quotes[token_id]
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


def _pool(batch: Batch, quote: Quote) -> PairPool | None:
    if quote.token.through is None:
        return pool_of(quote, batch.cash_price_usd)
    hop = between(batch, quote)
    if hop is None:
        return None
    first = pool_in(batch, hop)
    second = pool_of(quote, hop.price_usd, hop.token.decimals)
    return None if first is None or second is None else ChainedPool(first, second)


def _left(batch: Batch, quote: Quote, displaced: Mapping[int, Displaced], at: datetime) -> int:
    return impact.left(displaced.get(quote.token.id), flow_in(batch, quote), at)
