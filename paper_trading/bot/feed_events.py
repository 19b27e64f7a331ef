"""What a live market's newest batch changed in how far its prices can be trusted."""

from collections import defaultdict

from paper_trading.bot import logs
from paper_trading.engine.enums import PriceVerdict
from paper_trading.models import PaperTradingSession, PriceBatch, SessionStatus
from paper_trading.services.feed_view import advice
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

    One event a kind, whatever the number of tokens. The batch's transaction must be open: it
    goes out after the commit.
    """
    if batch.said is None:
        return
    found: dict[str, list[str]] = defaultdict(list)
    for symbol, (_, now) in sorted(batch.said["changes"].items()):
        found[_KINDS[PriceVerdict(now)]].append(_named(symbol, batch))
    for kind, names in found.items():
        text = _TEXTS[kind].format(", ".join(names))
        if kind == "degraded":
            text = f"{text} {advice(batch.reasons)}".rstrip()
        logs.feed(batch.market.name, kind, text)
        for owner_id in _owners(batch):
            publish_on_commit(
                owner_id,
                {
                    "type": "feed",
                    "market": batch.market_id,
                    "kind": kind,
                    "tokens": [name.split()[0] for name in names],
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
