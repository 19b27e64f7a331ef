"""Which swaps the chain's quoter is asked for at a step: those whose block has been reached."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from paper_trading.engine.pending import Pending
from paper_trading.engine.pending_json import pending_from
from paper_trading.models import Market, PaperTradingAccount, SessionStatus
from paper_trading.services.sources.live.base import LiveToken
from paper_trading.services.sources.live.quoter import AskedQuote, direct


def asked_quotes(
    market: Market, tokens: Sequence[LiveToken], now: datetime
) -> tuple[AskedQuote, ...]:
    """Return the pending swaps of a market's running accounts as the chain is asked for them.

    Each once, the one that waits longest first. Not asked for is a swap that comes after its
    deadline, one of a token that is another by now, and one in another pool than that which prices
    its token.
    """
    reached = [one for one in _pending(market) if _may_swap(one, now)]
    reached.sort(key=lambda one: (one.submission.included_at, one.plan.token.symbol, one.nonce))
    return tuple(dict.fromkeys(_asked(reached, tokens)))


def _pending(market: Market) -> Iterator[Pending]:
    running = PaperTradingAccount.objects.filter(
        market=market, sessions__status=SessionStatus.RUNNING
    )
    for found in running.exclude(pending=[]).order_by("pk").values_list("pending", flat=True):
        yield from pending_from(found).values()


def _may_swap(one: Pending, now: datetime) -> bool:
    sent = one.submission
    return sent.included_at <= now and sent.included_at <= sent.deadline_at


def _asked(reached: Iterable[Pending], tokens: Sequence[LiveToken]) -> Iterator[AskedQuote]:
    known = {(one.symbol, one.address.lower()): one for one in tokens}
    for one in reached:
        plan = one.plan
        if plan.pool:
            # Of another pool than the one that prices the token no quote is kept.
            continue
        token = known.get((plan.token.symbol, plan.token.address))
        asked = None if token is None else direct(token, plan.side, plan.amount_in)
        if asked is not None:
            yield asked
