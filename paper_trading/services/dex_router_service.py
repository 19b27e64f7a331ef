"""Routes for people and callers outside of the engine: one order quoted on every way of a token.

The engine routes its own orders by `engine.ways`; this asks the same functions about the newest
stored batch of a market, for nobody's account: what own earlier swaps left in a pool is not in it.
It writes nothing. USD are at par of cash, as in the books.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from paper_trading.engine import gas
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import FillGrade, PoolKind, PriceVerdict, Side
from paper_trading.engine.fills import pricing_code
from paper_trading.engine.market import Batch, Quote, Token
from paper_trading.engine.money import (
    CASH_DECIMALS,
    HIGHEST_DEPOSIT_USD,
    HUNDRED,
    ZERO,
    cash_amount,
    cash_units,
    exact,
    from_base_units,
    ratio,
    require,
    to_base_units,
    usd,
)
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.concentrated import MAX_AMOUNT_IN
from paper_trading.engine.pools.routes import Candidate
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.swaps import Plan, fee_usd, swap_fee_usd, terms
from paper_trading.engine.ways import between, graded, kinds_of, pool_in, routing, ways
from paper_trading.intelligence.market_view import ListedToken
from paper_trading.models import FeedMode, Market, PriceBatch
from paper_trading.services.market_rows import listed_tokens
from paper_trading.services.market_view import market_view
from paper_trading.services.token_registry import CASH_SYMBOL

_PIPS_A_PERCENT = 10_000


@dataclass(frozen=True, slots=True)
class RoutePool:
    """A pool of a route."""

    #: Lower case; empty where prices, and so pools, are modelled.
    address: str
    kind: PoolKind
    fee_percent: Decimal
    #: Symbols of what it trades; `against` is empty when the market does not know it.
    token: str
    against: str
    #: Whether it is the pool that prices its token.
    prices_token: bool


@dataclass(frozen=True, slots=True)
class Route:
    """An order quoted on one way. What depends on a depth that is not known is None."""

    #: In the order of the swap; a first pool that the market does not know is left out.
    pools: tuple[RoutePool, ...]
    hops: int
    #: OK, or why it cannot be quoted: DEPTH_UNKNOWN.
    code: Code
    #: Of all its pools together.
    fee_percent: Decimal | None
    #: Of its worse pool, B or C: the chain's own quoter (A) is asked for orders on their way only.
    grade: FillGrade | None
    #: Whole tokens of a buy; of a sale cash, in USD. Before gas.
    amount_out: Decimal | None
    #: The output in USD, tokens at the quote's price.
    out_usd: Decimal | None
    #: Lost against mid beyond the fees, in percent of the input.
    price_impact_percent: Decimal | None
    gas_used: int
    gas_usd: Decimal
    #: The output less gas; it may be negative.
    net_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Routes:
    """An order on every way of its token, the best first; those without a quote come last."""

    symbol: str
    side: Side
    amount_usd: Decimal
    #: Whole tokens of a sale; of a buy cash.
    amount_in: Decimal
    #: USD per whole token, as said by `source`.
    price_usd: Decimal
    source: str
    verdict: PriceVerdict
    observed_at: datetime
    #: Of the batch.
    step: int
    market_time: datetime
    #: What would stop such an order of a strategy that left its settings alone; OK: nothing.
    code: Code
    #: Prices are simulated or recorded: one modelled pool is all that a token has.
    is_modelled: bool
    routes: tuple[Route, ...]

    @property
    def taken(self) -> Route | None:
        """Return the route that an order takes: most is left of it after gas; None: no way."""
        first = next(iter(self.routes), None)
        return first if first is not None and first.code is Code.OK else None

    @property
    def age(self) -> timedelta:
        """Return how old the price was at the batch."""
        return self.market_time - self.observed_at


class DexRouter:
    """Quotes orders on the newest batch of a market."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def routes(self, symbol: str, side: Side, usd: Decimal) -> Routes:
        """Quote a buy for so many USD of cash, or a sale of tokens worth as much at the quote.

        :raises TypeError: when the amount is no exact number.
        :raises ValueError: when it is not above 0 and at most 10**12 USD, or not one base unit; for
            cash, and a token that the batch does not list or has no price of; without a batch, and
            where cash or the native token has no price.
        """
        if side not in (Side.BUY, Side.SELL):
            raise ValueError(f"side was {side!r}; allowed are BUY and SELL")
        require("usd", usd, ZERO, HIGHEST_DEPOSIT_USD, above=True)
        found = PriceBatch.objects.filter(market=self._market).select_related("token_list")
        row = found.order_by("-step").first()
        if row is None:
            raise ValueError(f"market {self._market} has no price batch yet")
        batch, listed = market_view(row.pk).batch, listed_tokens(row)
        token = _token(symbol, listed, self._market)
        return _Order(
            market=self._market,
            batch=batch,
            listed={one.token.id: one for one in listed},
            quote=_quote(token, batch, row),
            side=Side(side),
            amount_usd=Decimal(usd),
        ).routes()


def get_dex_router(market: Market) -> DexRouter:
    """Return the router of a market."""
    return DexRouter(market)


def _token(symbol: str, listed: Sequence[ListedToken], market: Market) -> Token:
    """Return a listed token by its symbol, whatever the case where that names one alone."""
    named = [one for one in listed if one.token.symbol == symbol] or [
        one for one in listed if one.token.symbol.casefold() == symbol.casefold()
    ]
    if len(named) != 1:
        known = sorted(one.token.symbol for one in listed if not one.is_cash)
        allowed = ", ".join(known) or "none"
        raise ValueError(
            f"token {symbol!r} is not in the newest batch of {market}; allowed are {allowed}"
        )
    if named[0].is_cash:
        raise ValueError(f"{named[0].token.symbol} is the cash of {market}: it is not traded")
    return named[0].token


def _quote(token: Token, batch: Batch, row: PriceBatch) -> Quote:
    if token.id not in batch.quotes:
        reason = row.reasons.get(token.symbol, Code.PRICE_MISSING)
        raise ValueError(f"{token.symbol} has no price at step {batch.step}: {reason}")
    if not batch.cash_price_usd:
        raise ValueError(f"step {batch.step} has no price of cash")
    if not batch.native_price_usd:
        raise ValueError(f"step {batch.step} has no price of the native token: gas is unknown")
    return batch.quotes[token.id]


@dataclass(frozen=True, slots=True)
class _Order:
    market: Market
    batch: Batch
    listed: Mapping[int, ListedToken]
    quote: Quote
    side: Side
    amount_usd: Decimal

    @exact
    def routes(self) -> Routes:
        """Quote the order on every way."""
        amount_in, quote, batch = self._amount_in(), self.quote, self.batch
        known = {way.pool: way for way in ways(quote, self.side)}
        found = [
            self._quoted(known.pop(self._own_pool(one)), one, amount_in)
            for one in routing(batch, quote, self.side, amount_in).candidates
        ]
        decimals = CASH_DECIMALS if self.side is Side.BUY else quote.token.decimals
        return Routes(
            symbol=quote.token.symbol,
            side=self.side,
            amount_usd=self.amount_usd,
            amount_in=from_base_units(amount_in, decimals),
            price_usd=quote.price_usd,
            source=quote.source,
            verdict=quote.verdict,
            observed_at=quote.observed_at,
            step=batch.step,
            market_time=batch.market_time,
            code=self._code(),
            is_modelled=self.market.mode != FeedMode.LIVE,
            routes=(*found, *(self._unquoted(way) for way in known.values())),
        )

    def _amount_in(self) -> int:
        if self.side is Side.BUY:
            units = cash_units(self.amount_usd)
        else:
            tokens = self.amount_usd * self.batch.cash_price_usd / self.quote.price_usd
            units = to_base_units(tokens, self.quote.token.decimals)
        what = "cash" if self.side is Side.BUY else self.quote.token.symbol
        require(
            f"base units of {what} for {self.amount_usd} USD", units, 1, MAX_AMOUNT_IN, whole=True
        )
        return units

    def _code(self) -> Code:
        age = Strategy().max_quote_age_seconds
        code = pricing_code(self.quote.token.id, self.batch, age)
        disputed = self.quote.verdict is PriceVerdict.DISPUTED and self.side is Side.BUY
        return Code.PRICE_DISPUTED if code is Code.OK and disputed else code

    def _own_pool(self, one: Candidate) -> str:
        """Return the pool of a route that trades the token, by the name of its way."""
        own = str(self.quote.token.id)
        return next(hop.listed.address for hop in one.route if hop.listed.token == own)

    def _quoted(self, way: Quote, one: Candidate, amount_in: int) -> Route:
        pool = pool_in(self.batch, way)
        if pool is None:
            raise ValueError(f"a route leads through pool {way.pool or 'that prices'}, not known")
        gas_usd = fee_usd(one.gas_wei, self.batch)
        out = one.amount_out
        out_usd = None if out is None else self._worth(out)
        decimals = self.quote.token.decimals if self.side is Side.BUY else CASH_DECIMALS
        return Route(
            pools=self._pools(way),
            hops=len(one.route),
            code=one.code,
            fee_percent=_percent(pool.fee_pips),
            grade=graded(self.batch, way),
            amount_out=None if out is None else from_base_units(out, decimals),
            out_usd=out_usd,
            price_impact_percent=None if out is None else self._impact(pool, amount_in, out),
            gas_used=one.gas_used,
            gas_usd=gas_usd,
            net_usd=None if out_usd is None else out_usd - gas_usd,
        )

    def _unquoted(self, way: Quote) -> Route:
        kinds = kinds_of(self.batch, way.token)
        return Route(
            pools=self._pools(way),
            hops=len(kinds),
            code=Code.DEPTH_UNKNOWN,
            fee_percent=None,
            grade=None,
            amount_out=None,
            out_usd=None,
            price_impact_percent=None,
            gas_used=gas.swap_gas(kinds),
            gas_usd=swap_fee_usd(self.batch, kinds),
            net_usd=None,
        )

    def _impact(self, pool: PairPool, amount_in: int, out: int) -> Decimal:
        """Return the term of a fill that impact is, in percent of the input at mid."""
        token, mid = self.quote.token, pool.mid_price
        _, impact, _, _ = terms(
            Plan(token, self.side, amount_in, out, 0, mid, pool.fee_pips), out, out
        )
        if self.side is Side.BUY:
            value_in = cash_amount(amount_in)
        else:
            value_in = from_base_units(amount_in, token.decimals) * mid
        return ratio(impact / value_in * HUNDRED)

    def _worth(self, out: int) -> Decimal:
        if self.side is Side.SELL:
            return cash_amount(out)
        tokens = from_base_units(out, self.quote.token.decimals)
        return usd(tokens * self.quote.price_usd / self.batch.cash_price_usd)

    def _pools(self, way: Quote) -> tuple[RoutePool, ...]:
        """Return the pools of a way in the order of the swap."""
        first = between(self.batch, way)
        cash = next((one.token.symbol for one in self.listed.values() if one.is_cash), CASH_SYMBOL)
        if way.token.through is None:
            return (self._pool(way, cash),)
        if first is None:
            return (self._pool(way, ""),)
        both = self._pool(first, cash), self._pool(way, first.token.symbol)
        return both if self.side is Side.BUY else (both[1], both[0])

    def _pool(self, way: Quote, against: str) -> RoutePool:
        pinned = self.listed[way.token.id].pool or ""
        return RoutePool(
            address=way.pool or pinned,
            kind=way.token.kind,
            fee_percent=_percent(way.token.fee_pips),
            token=way.token.symbol,
            against=against,
            prices_token=not way.pool,
        )


def _percent(fee_pips: int) -> Decimal:
    return Decimal(fee_pips) / _PIPS_A_PERCENT
