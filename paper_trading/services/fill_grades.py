"""Fills of live markets beside the real swaps of their pools, as far as a source lists them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from paper_trading.engine.enums import FillGrade, Side, TradeStatus
from paper_trading.engine.money import cash_amount, exact, from_base_units
from paper_trading.engine.real_swaps import (
    Compared,
    Fill,
    Likeness,
    NotCompared,
    compare,
)
from paper_trading.models import FeedMode, PaperTrade, Quote
from paper_trading.services.back_fill import live_token
from paper_trading.services.patience import Patience
from paper_trading.services.sources.live.base import LiveToken, SourceFailure
from paper_trading.services.sources.live.pool_trades import KEPT, NAME, PoolTrades, Trades

#: A fill by its cash; the price of cash at its tick tells USD.
_Told = tuple[LiveToken, Fill, Decimal]


@dataclass(frozen=True, slots=True)
class Graded:
    """Every fill with its comparison, and the pools that the source did not answer for."""

    compared: tuple[Compared, ...]
    #: Pools that were asked for.
    asked: int
    #: Symbol and why there was no answer, of each pool without one.
    failures: tuple[tuple[str, str], ...]


def live_fills() -> "QuerySet[PaperTrade]":
    """Return the confirmed fills of live markets; the caller narrows them."""
    return PaperTrade.objects.filter(
        status=TradeStatus.FILLED, account__market__mode=FeedMode.LIVE, tick__batch__isnull=False
    )


def grade(
    fills: "QuerySet[PaperTrade]",
    trades: PoolTrades,
    patience: Patience,
    like: Likeness,
    now: datetime,
) -> Graded:
    """Compare fills with real swaps; a pool is asked for once, and one of old fills not at all."""
    told = list(_told(fills))
    lists: dict[LiveToken, Trades | None] = {}
    failures: list[tuple[str, str]] = []
    compared, oldest = [], now - KEPT - like.within
    for token, fill, cash_usd in told:
        if fill.at < oldest:
            compared.append(Compared(fill, None, NotCompared.BEFORE_THE_LIST))
            continue
        if token not in lists:
            lists[token] = _asked(token, trades, patience, failures)
        found, request = lists[token], trades.request(token)
        if found is None:
            reason = NotCompared.NO_POOL if request is None else NotCompared.NO_ANSWER
            compared.append(Compared(fill, None, reason))
            continue
        laid = fill if found.in_cash else _in_usd(fill, cash_usd)
        compared.append(compare(laid, found.swaps, found.known_since, like))
    asked = sum(trades.request(token) is not None for token in lists)
    return Graded(tuple(compared), asked, tuple(sorted(failures)))


def _asked(
    token: LiveToken, trades: PoolTrades, patience: Patience, failures: list[tuple[str, str]]
) -> Trades | None:
    request = trades.request(token)
    if request is None:
        return None
    try:
        return trades.read(token, patience.asked(NAME, request))
    except SourceFailure as failure:
        failures.append((token.symbol, str(failure)))
        return None


def _told(fills: "QuerySet[PaperTrade]") -> Iterable[_Told]:
    rows = list(fills.select_related("token", "tick__batch").order_by("-market_time", "pk"))
    quotes = Quote.objects.filter(batch__in={row.tick.batch_id for row in rows})
    named = quotes.values_list("batch", "token", "pool")
    pools: dict[tuple[int | None, int], str] = {(one[0], one[1]): one[2] for one in named}
    for row in rows:
        # The pool that it went to, else the one that priced it then: another may be pinned by now.
        pool = row.pool or pools.get((row.tick.batch_id, row.token_id), "")
        token = live_token(row.token)
        yield from _fill(row, replace(token, pool=pool.lower() or token.pool))


@exact
def _fill(row: PaperTrade, token: LiveToken) -> Iterable[_Told]:
    batch, amount_in, amount_out = row.tick.batch, row.amount_in, row.amount_out
    if batch is None or not amount_in or not amount_out or not row.grade:
        return []
    buys = row.side == Side.BUY
    cash, units = (amount_in, amount_out) if buys else (amount_out, amount_in)
    paid = cash_amount(int(cash))
    fill = Fill(
        at=row.included_market_time or row.market_time,
        side=Side(row.side),
        price=paid / from_base_units(int(units), token.decimals),
        size_usd=paid * batch.cash_price_usd,
        grade=FillGrade(row.grade),
        chain_id=token.price_chain_id,
        against=_against(row),
    )
    return [(token, fill, batch.cash_price_usd)]


def _against(row: PaperTrade) -> str:
    """Return the symbol of the other token in a fill's pool; "?" of one that is kept no more."""
    if not row.pool:
        return row.token.pool_quote
    further = {address: other for address, _, other, _ in row.token.further_pools}
    return str(further.get(row.pool, "?"))


@exact
def _in_usd(fill: Fill, cash_usd: Decimal) -> Fill:
    return replace(fill, price=fill.price * cash_usd)
