"""Rows of a market as the values that the pure packages work on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db.models import Q

from paper_trading.engine import money
from paper_trading.engine.depth import depth_from_json, depth_to_json
from paper_trading.engine.enums import PoolKind, PriceVerdict
from paper_trading.engine.market import UNREACHED, Batch, GasConditions, OtherPool
from paper_trading.engine.market import Quote as QuoteValue
from paper_trading.engine.market import Token as TokenValue
from paper_trading.engine.pair_choice import curve_of
from paper_trading.engine.seal import seal_rows
from paper_trading.intelligence.bars import Bar as BarValue
from paper_trading.intelligence.decision_json import signals_from_json, signals_to_json
from paper_trading.intelligence.market_view import ListedToken, buyable
from paper_trading.intelligence.observed import (
    SourceQuote,
    beside_from_json,
    beside_to_json,
    l1_fees,
    other_pools,
)
from paper_trading.intelligence.said_quotes import quoted_swaps
from paper_trading.intelligence.series import ClosedBar
from paper_trading.models import Bar, PriceBatch, Quote, ScoreQuantiles, Token, TokenList
from paper_trading.services import token_registry

#: Columns of a token list; one of a live market names the pinned pools besides, their curves, and
#: the token that comes between cash and a pool, and further pools.
_LISTED = ("id", "symbol", "decimals", "address", "fee_pips", "is_cash", "tradable")
_PINNED = (*_LISTED, "pool", "kind", "through", "further")


def token_value(token: Token, *, pools: Mapping[str, int] | None = None) -> TokenValue:
    """Return a token as the engine knows it; a recorded one is identified by its symbol.

    With `pools`, the ids of the market's tokens by symbol, it has the curve of its pinned pool and
    the token that this is against; where prices are modelled every pool is one of constant product
    against cash.
    """
    return TokenValue(
        id=token.pk,
        symbol=token.symbol,
        decimals=token.decimals,
        address=(token.price_address or token.symbol).lower(),
        fee_pips=token.pool_fee_pips,
        kind=PoolKind.V2 if pools is None else curve_of(token.pool_kind),
        through=None if pools is None else _through(token.pool_quote, pools, token.is_cash),
        further=() if pools is None else _further(token, pools),
    )


def _further(token: Token, ids: Mapping[str, int]) -> tuple[OtherPool, ...]:
    """Return a token's further pools that lead to it from cash; cash is not traded."""
    if token.is_cash:
        return ()
    found = (
        OtherPool(address.lower(), curve_of(kind), fee_pips, _through(quote, ids), None)
        for address, kind, quote, fee_pips in token.further_pools
    )
    return tuple(one for one in found if one.through not in (UNREACHED, token.pk))


def _through(quote: str, ids: Mapping[str, int], is_cash: bool = False) -> int | None:
    """Return the token between cash and a pool, by its symbol; None for a pool against cash."""
    if is_cash or quote in ("", token_registry.CASH_SYMBOL):
        return None
    return ids.get(quote, UNREACHED)


def listed_to_json(tokens: Iterable[Token], *, pools: bool = False) -> list[list[Any]]:
    """Return a market's tokens, as they stand now, as the rows of a token list.

    With `pools` each names its pinned pool, which is what prices it in a live market.
    """
    ordered = sorted(tokens, key=lambda token: (token.symbol, token.pk))
    ids = {token.symbol: token.pk for token in ordered} if pools else None
    return [_listed_row(token_value(token, pools=ids), token, pools) for token in ordered]


def _listed_row(value: TokenValue, token: Token, pools: bool) -> list[Any]:
    identity = [value.id, value.symbol, value.decimals, value.address, value.fee_pips]
    row = [*identity, token.is_cash, token.tradable]
    if not pools:
        return row
    further = [[one.address, one.kind.value, one.through, one.fee_pips] for one in value.further]
    return [*row, token.pool_address.lower(), value.kind.value, value.through, further]


def listed_from_json(rows: Iterable[Sequence[Any]]) -> tuple[ListedToken, ...]:
    """Return the tokens of a token list."""
    return tuple(map(_listed_token, rows))


def _listed_token(row: Sequence[Any]) -> ListedToken:
    """Return the token of a row.

    One of before curves were kept is of constant product, and one of before ways were kept is taken
    for one against cash, as it was then.
    """
    token_id, symbol, decimals, address, fee_pips, is_cash, tradable = row[: len(_LISTED)]
    pool, kind, through, further = (*row[len(_LISTED) :], None, None, None, None)[:4]
    value = TokenValue(
        token_id,
        symbol,
        decimals,
        address,
        fee_pips,
        kind=PoolKind(kind or PoolKind.V2),
        through=through,
        further=tuple(
            OtherPool(at, PoolKind(curve), fee, between, None)
            for at, curve, between, fee in further or ()
        ),
    )
    return ListedToken(value, is_cash, tradable, pool)


def listed_tokens(batch: PriceBatch) -> tuple[ListedToken, ...]:
    """Return the tokens that a batch was made with.

    One of before token lists were kept is read with the tokens as they stand now.
    """
    if batch.token_list is not None:
        return listed_from_json(batch.token_list.tokens)
    listed = Q(listings__market=batch.market_id) | Q(quotes__batch=batch)
    return listed_from_json(listed_to_json(Token.objects.filter(listed).distinct()))


def buyable_at(
    market_id: int, market_times: Collection[datetime]
) -> dict[datetime, frozenset[int]]:
    """Return which tokens could be bought at some of a market's steps, by their stored lists.

    A back-fill has no batch of its own: its step is not in the result.
    """
    rows = PriceBatch.objects.filter(market=market_id, market_time__in=market_times)
    found: dict[datetime, frozenset[int]] = {}
    for batch_id, at, list_id in rows.order_by("step").values_list(
        "pk", "market_time", "token_list"
    ):
        found[at] = _unlisted(batch_id) if list_id is None else buyable_of(list_id)
    return found


def _unlisted(batch_id: int) -> frozenset[int]:
    return buyable(listed_tokens(PriceBatch.objects.get(pk=batch_id)))


def first_buyable(market_id: int) -> frozenset[int]:
    """Return which tokens could be bought when a market was back-filled."""
    found = TokenList.objects.filter(market=market_id).order_by("number").first()
    return frozenset() if found is None else buyable_of(found.pk)


@lru_cache(maxsize=64)
def buyable_of(list_id: int) -> frozenset[int]:
    """Read which tokens of a list could be bought once a process: its row never changes."""
    return buyable(listed_from_json(TokenList.objects.get(pk=list_id).tokens))


def quote_value(row: Quote, token: TokenValue) -> QuoteValue:
    """Return a stored quote as the engine's value."""
    return QuoteValue(
        token=token,
        price_usd=row.price_usd,
        observed_at=row.observed_at,
        source=row.source,
        liquidity_usd=row.liquidity_usd,
        verdict=PriceVerdict(row.verdict),
        depth=depth_from_json(row.depth),
        others=other_pools(token, beside_from_json(row.others)),
    )


def gas_value(batch: PriceBatch, price_chain_id: int) -> GasConditions:
    """Return the gas conditions stored on a batch; the scalars stand in what was said."""
    found = GasConditions(
        chain_id=price_chain_id,
        base_fee_wei=batch.base_fee_wei,
        priority_fee_wei=batch.priority_fee_wei,
        l1_base_fee_wei=batch.l1_base_fee_wei,
        l1_blob_base_fee_wei=batch.l1_blob_base_fee_wei,
    )
    l1 = l1_fees(batch.said)
    return found if l1 is None else found.charged(l1)


def batch_value(
    batch: PriceBatch, price_chain_id: int, rows: Iterable[Quote], listed: Iterable[ListedToken]
) -> Batch:
    """Return a batch with its quotes as the engine's value."""
    quotes = list(rows)
    tokens = {one.token.id: one.token for one in listed}
    return Batch(
        id=batch.pk,
        step=batch.step,
        market_time=batch.market_time,
        quotes={row.token_id: quote_value(row, tokens[row.token_id]) for row in quotes},
        gas=gas_value(batch, price_chain_id),
        cash_price_usd=batch.cash_price_usd,
        native_price_usd=batch.native_price_usd,
        sigma_annual={
            row.token_id: row.sigma_annual for row in quotes if row.sigma_annual is not None
        },
        chain_quotes=quoted_swaps(batch.said, {one.symbol: one.id for one in tokens.values()}),
    )


def quantile_points(batch: PriceBatch) -> tuple[Decimal, ...] | None:
    """Return the frozen quantiles that were in force at a batch; None while calibrating."""
    return None if batch.quantiles_id is None else points_of(batch.quantiles_id)


@lru_cache(maxsize=64)
def points_of(quantiles_id: int) -> tuple[Decimal, ...]:
    """Read frozen quantiles once a process: their row never changes."""
    row = ScoreQuantiles.objects.get(pk=quantiles_id)
    return tuple(Decimal(point) for point in row.points)


def token_list_seal(tokens: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Return the seal of a token list, a column each."""
    width = max((len(row) for row in tokens), default=len(_LISTED))
    return seal_rows(_PINNED[:width], tokens)


def quote_row(
    batch: PriceBatch, token_id: int, said: SourceQuote, bar: Bar | None, value: Batch
) -> Quote:
    """Return the row of what a source said of one token, not yet saved."""
    return Quote(
        batch=batch,
        token_id=token_id,
        price_usd=said.price_usd,
        open=said.open,
        high=said.high,
        low=said.low,
        start=said.start,
        liquidity_usd=said.liquidity_usd,
        volume_usd=said.volume_usd,
        observed_at=said.observed_at,
        source=said.source,
        verdict=said.verdict,
        pool=said.pool,
        block=said.block,
        depth=depth_to_json(said.depth),
        others=beside_to_json(said.beside),
        bar=bar,
        sigma_annual=value.sigma_annual.get(token_id),
    )


def bar_row(market_id: int, token_id: int, closed: ClosedBar, known_at: datetime) -> Bar:
    """Return the row of a bar that a step at a market time closed, not yet saved."""
    bar = closed.bar
    return Bar(
        market_id=market_id,
        token_id=token_id,
        slow=closed.slow,
        seconds=bar.seconds,
        start=bar.start,
        closes_at=bar.end,
        open=money.price(bar.open),
        high=money.price(bar.high),
        low=money.price(bar.low),
        close=money.price(bar.close),
        volume_usd=None if bar.volume_usd is None else money.usd(bar.volume_usd),
        readings=_readings(closed),
        score=closed.score,
        round_trip_percent=closed.round_trip_percent,
        known_at=known_at,
    )


def closed_bar(row: Bar, *, with_signals: bool = True) -> ClosedBar:
    """Return a stored fast bar with what its signals said; without them it is read faster."""
    found: Mapping[str, Any] = row.readings
    sigma = found.get("sigma_annual")
    return ClosedBar(
        bar=BarValue(
            start=row.start,
            seconds=row.seconds,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume_usd=row.volume_usd,
        ),
        slow=row.slow,
        signals=signals_from_json(found.get("signals", [])) if with_signals else (),
        score=row.score,
        sigma_annual=None if sigma is None else Decimal(sigma),
        families_agreeing=found.get("families_agreeing"),
        ready=bool(found.get("ready", False)),
        round_trip_percent=row.round_trip_percent,
    )


def _readings(closed: ClosedBar) -> dict[str, Any]:
    if closed.slow:
        return {}
    return {
        "signals": signals_to_json(closed.signals),
        "sigma_annual": None if closed.sigma_annual is None else str(closed.sigma_annual),
        "families_agreeing": closed.families_agreeing,
        "ready": closed.ready,
    }
