"""The user's signals of a market, in rows: what it was made with, and what is switched off."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from paper_trading.engine.enums import Family
from paper_trading.engine.seal import seal
from paper_trading.intelligence.bars import Bar as BarValue
from paper_trading.intelligence.user_signals import SwitchedOff, UserSignal, longest
from paper_trading.models import Bar, Market, MarketSignal

logger = logging.getLogger(__name__)

_PRICES = ("start", "seconds", "open", "high", "low", "close", "volume_usd")


def list_signals(market: Market, signals: Iterable[UserSignal]) -> None:
    """Write the signals that a new market is made with."""
    rows = [
        MarketSignal(
            market=market,
            name=one.name,
            family=one.family,
            weight=one.weight,
            bars=one.bars,
            sha256=one.sha256,
        )
        for one in signals
    ]
    for row in rows:
        row.seal = seal(columns(row))
    MarketSignal.objects.bulk_create(rows)


def rows_of(market: Market) -> list[MarketSignal]:
    """Return a market's signals by name; no statement for a market without any."""
    return list(market.user_signals.order_by("name")) if market.signals else []


def values(rows: Iterable[MarketSignal]) -> tuple[UserSignal, ...]:
    """Return signals as the pure packages know them."""
    return tuple(
        UserSignal(row.name, Family(row.family), row.weight.normalize(), row.bars, row.sha256)
        for row in rows
    )


def off_of(rows: Iterable[MarketSignal]) -> tuple[SwitchedOff, ...]:
    """Return which of a market's signals are switched off."""
    return tuple(
        SwitchedOff(row.name, row.off_step, row.off_reason)
        for row in rows
        if row.off_step is not None
    )


def switch_off(market: Market, rows: Iterable[MarketSignal], off: Iterable[SwitchedOff]) -> None:
    """Write which signals were switched off since the rows were read, and say it aloud."""
    by_name = {row.name: row for row in rows if row.off_step is None}
    for one in off:
        row = by_name.get(one.name)
        if row is None:
            continue
        row.off_step, row.off_reason = one.step, one.reason
        row.seal = seal(columns(row))
        row.save(update_fields=["off_step", "off_reason", "seal"])
        logger.error(
            "Signal %s of %s is switched off from step %d on: %s",
            one.name, market, one.step, one.reason,
        )  # fmt: skip


def columns(row: MarketSignal) -> dict[str, Any]:
    """Return what the seal of a market's signal covers."""
    return {
        "name": row.name,
        "family": row.family,
        "weight": row.weight,
        "bars": row.bars,
        "sha256": row.sha256,
        "off_step": row.off_step,
        "off_reason": row.off_reason,
    }


def recent_bars(
    market: Market, token_ids: Sequence[int], signals: Sequence[UserSignal]
) -> Mapping[int, tuple[BarValue, ...]]:
    """Return each token's newest closed fast bars, oldest first, as many as signals look back.

    One statement whatever the number of tokens; none without signals.
    """
    count = longest(signals)
    found: dict[int, list[BarValue]] = {token_id: [] for token_id in token_ids}
    if count and token_ids:
        newest = [_newest(market, token_id, count) for token_id in token_ids]
        rows = newest[0].union(*newest[1:], all=True) if len(newest) > 1 else newest[0]
        for token_id, *prices in rows:
            found[token_id].append(BarValue(*prices))
    return {
        token_id: tuple(sorted(bars, key=lambda bar: bar.start)) for token_id, bars in found.items()
    }


def _newest(market: Market, token_id: int, count: int) -> QuerySet[Bar, tuple[Any, ...]]:
    fast = Bar.objects.filter(market=market, token=token_id, slow=False)
    return fast.order_by("-start").values_list("token_id", *_PRICES)[:count]
