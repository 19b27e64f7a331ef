"""Quantiles of a market's scores, frozen in rows: what ranks a score, and how it came about."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from paper_trading.intelligence import quantiles
from paper_trading.intelligence.market_view import buyable
from paper_trading.models import Bar, Market, ScoreQuantiles, TokenList
from paper_trading.services.market_rows import buyable_at, first_buyable, listed_from_json


def freeze_when_due(market: Market, market_time: datetime, tokens: TokenList) -> None:
    """Freeze the quantiles once a market day, and as soon as there are enough scores."""
    newest = market.quantiles.order_by("-frozen_at").first()
    if quantiles.is_due(None if newest is None else newest.frozen_at, market_time):
        freeze(market, market_time, buyable(listed_from_json(tokens.tokens)))


def freeze(market: Market, market_time: datetime, tokens: Collection[int]) -> None:
    """Freeze the quantiles of the scores known at a market time, when these are enough."""
    made = quantile_row(market, market_time, tokens)
    if made is not None:
        made.save(force_insert=True)


def quantiles_again(frozen: ScoreQuantiles) -> ScoreQuantiles | None:
    """Return what `quantile_row` makes now of what was known when quantiles were frozen."""
    market, at = frozen.market, frozen.frozen_at
    tokens = buyable_at(market.pk, [at]).get(at)
    # Before the first batch, they were frozen by the back-fill.
    return quantile_row(market, at, first_buyable(market.pk) if tokens is None else tokens)


def quantile_row(
    market: Market, market_time: datetime, tokens: Collection[int]
) -> ScoreQuantiles | None:
    """Return the quantiles of the scores known at a market time; None when these are too few.

    `tokens` are those that could be bought then: only they are ranked. The row is not saved.
    Made again later, it is the same: only bars closed until then count.
    """
    # A gap may have closed a bar later than its end says; a back-fill names no such time.
    scores = list(
        Bar.objects.filter(
            Q(known_at=None) | Q(known_at__lte=market_time),
            market=market,
            token__in=tokens,
            slow=False,
            score__isnull=False,
            closes_at__gt=market_time - quantiles.SCORE_WINDOW,
            closes_at__lte=market_time,
        ).values_list("score", flat=True)
    )
    if len(scores) < quantiles.MINIMUM_SCORES:
        return None
    points = quantiles.freeze([score for score in scores if score is not None])
    return ScoreQuantiles(
        market=market,
        frozen_at=market_time,
        sample_size=len(scores),
        points=[str(point) for point in points],
    )
