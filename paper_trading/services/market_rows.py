"""Rows of a market as the values that the pure packages work on."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from paper_trading.engine import money
from paper_trading.engine.market import Batch, GasConditions
from paper_trading.engine.market import Quote as QuoteValue
from paper_trading.engine.market import Token as TokenValue
from paper_trading.intelligence.bars import Bar as BarValue
from paper_trading.intelligence.decision_json import signals_from_json, signals_to_json
from paper_trading.intelligence.series import ClosedBar
from paper_trading.models import Bar, PriceBatch, Quote, ScoreQuantiles, Token


def token_value(token: Token) -> TokenValue:
    """Return a token as the engine knows it; a recorded one is identified by its symbol."""
    return TokenValue(
        id=token.pk,
        symbol=token.symbol,
        decimals=token.decimals,
        address=(token.price_address or token.symbol).lower(),
        fee_pips=token.pool_fee_pips,
    )


def quote_value(row: Quote) -> QuoteValue:
    """Return a stored quote as the engine's value."""
    return QuoteValue(
        token=token_value(row.token),
        price_usd=row.price_usd,
        observed_at=row.observed_at,
        source=row.source,
        liquidity_usd=row.liquidity_usd,
    )


def gas_value(batch: PriceBatch, price_chain_id: int) -> GasConditions:
    """Return the gas conditions stored on a batch."""
    return GasConditions(
        chain_id=price_chain_id,
        base_fee_wei=batch.base_fee_wei,
        priority_fee_wei=batch.priority_fee_wei,
        l1_base_fee_wei=batch.l1_base_fee_wei,
        l1_blob_base_fee_wei=batch.l1_blob_base_fee_wei,
    )


def batch_value(batch: PriceBatch, price_chain_id: int, rows: Iterable[Quote]) -> Batch:
    """Return a batch with the given quotes (with their tokens) as the engine's value."""
    quotes = list(rows)
    return Batch(
        id=batch.pk,
        step=batch.step,
        market_time=batch.market_time,
        quotes={row.token_id: quote_value(row) for row in quotes},
        gas=gas_value(batch, price_chain_id),
        cash_price_usd=batch.cash_price_usd,
        native_price_usd=batch.native_price_usd,
        sigma_annual={
            row.token_id: row.sigma_annual for row in quotes if row.sigma_annual is not None
        },
    )


def quantile_points(batch: PriceBatch) -> tuple[Decimal, ...] | None:
    """Return the frozen quantiles that were in force at a batch; None while calibrating."""
    return None if batch.quantiles_id is None else _points(batch.quantiles_id)


@lru_cache(maxsize=64)
def _points(quantiles_id: int) -> tuple[Decimal, ...]:
    """Read frozen quantiles once a process: their row never changes."""
    row = ScoreQuantiles.objects.get(pk=quantiles_id)
    return tuple(Decimal(point) for point in row.points)


def bar_row(market_id: int, token_id: int, closed: ClosedBar) -> Bar:
    """Return the row of a closed bar, not yet saved."""
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
    )


def closed_bar(row: Bar) -> ClosedBar:
    """Return a stored fast bar with what its signals said."""
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
        signals=signals_from_json(found.get("signals", [])),
        score=row.score,
        sigma_annual=None if sigma is None else Decimal(sigma),
        families_agreeing=found.get("families_agreeing"),
        ready=bool(found.get("ready", False)),
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
