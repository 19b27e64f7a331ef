"""What a live market's newest batch changed: who says its prices, how far they can be trusted."""

from collections import defaultdict

from django.db.models import QuerySet

from paper_trading.bot import logs
from paper_trading.engine.enums import PriceVerdict
from paper_trading.models import PaperTradingSession, PriceBatch, SessionStatus
from paper_trading.services.feed_view import SERVED, advice
from paper_trading.services.live_markets import source_plan
from paper_trading.services.websocket_service import publish_on_commit

_KINDS = {
    PriceVerdict.MISSING: "degraded",
    PriceVerdict.STALE: "degraded",
    PriceVerdict.DISPUTED: "disputed",
    PriceVerdict.UNSELLABLE: "unsellable",
    PriceVerdict.FRESH: "recovered",
}
_TEXTS = {
    "degraded": "No fresh price for {}: it is not traded until there is one.",
    "disputed": "Sources disagree on {}: no entries until they agree.",
    "unsellable": "{} cannot be sold: the pool is gone or all but empty.",
    "recovered": "Prices of {} are good again.",
}


def after_fetch(batch: PriceBatch) -> None:
    """Log what a batch changed, and tell it to the owners of the market's sessions.

    One event a kind, whatever the number of tokens, and one when another source serves the
    prices. The batch's transaction must be open: it goes out after the commit.
    """
    if batch.said is None:
        return
    found: dict[str, list[str]] = defaultdict(list)
    for symbol, (_, now) in sorted(batch.said["changes"].items()):
        found[_KINDS[PriceVerdict(now)]].append(_named(symbol, batch))
    _tell_of_source(batch)
    for kind, names in found.items():
        text = _TEXTS[kind].format(", ".join(names))
        if kind == "degraded":
            text = f"{text} {advice(batch.reasons)}".rstrip()
        _tell(batch, kind, text, [name.split()[0] for name in names])


def _tell_of_source(batch: PriceBatch) -> None:
    """Tell of a source that stands in for the first of the plan, and of the end of that.

    While the first says any price it serves: that others come from another is told by quotes.
    A batch that nobody served says nothing of sources.
    """
    served = batch.market.batches.filter(quotes__verdict__in=SERVED)
    before = _sources(served.filter(step__lt=batch.step))
    now = _sources(served.filter(step=batch.step))
    if not before or not now:
        return
    first = source_plan(batch.market).tick[0].source
    if first in now and first not in before:
        _tell(batch, "recovered", f"{first} serves the prices again.", [])
    elif first not in now and (first in before or now[0] != before[0]):
        text = f"{first} does not serve the prices: {now[0]} stands in."
        _tell(batch, "degraded", text, [])


def _sources(batches: QuerySet[PriceBatch]) -> list[str]:
    """Return the sources of the newest batch, the one of most prices first; none of none."""
    source = batches.order_by("-step").values_list("source", flat=True).first()
    return source.split("+") if source else []


def _tell(batch: PriceBatch, kind: str, text: str, tokens: list[str]) -> None:
    logs.feed(batch.market.name, kind, text)
    for owner_id in _owners(batch):
        publish_on_commit(
            owner_id,
            {
                "type": "feed",
                "market": batch.market_id,
                "kind": kind,
                "tokens": tokens,
                "text": text,
            },
        )


def _named(symbol: str, batch: PriceBatch) -> str:
    reason = batch.reasons.get(symbol)
    return f"{symbol} ({reason})" if reason else symbol


def _owners(batch: PriceBatch) -> list[int]:
    running = PaperTradingSession.objects.filter(
        account__market=batch.market_id, status=SessionStatus.RUNNING
    )
    owners = running.order_by("account__owner").values_list("account__owner", flat=True)
    return list(owners.distinct())
