"""Which swaps the chain's quoter is asked for at a step: those whose block has been reached."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from paper_trading.engine.enums import Side
from paper_trading.engine.pending import Pending
from paper_trading.engine.pending_json import pending_from
from paper_trading.models import Market, PaperTradingAccount, SessionStatus
from paper_trading.services.sources.live.base import LiveToken
from paper_trading.services.sources.live.quoter import AskedQuote, named, swap_along


def asked_quotes(
    market: Market, tokens: Sequence[LiveToken], now: datetime
) -> tuple[AskedQuote, ...]:
    """Return the pending swaps of a market's running accounts as the chain is asked for them.

    Each once, the one that waits longest first. `tokens` are those of the market with the pools
    that price them, and their further pools. Not asked for is a swap that comes after its
    deadline, one of a token that is another by now, and one in a pool that is not among them or
    that no pool of the same chain leads to from cash.
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
    # A further pool has a name of its own.
    by_symbol = {one.symbol: one for one in tokens}
    known = {(one.listed_as, one.address.lower(), named(one)): one for one in tokens}
    for one in reached:
        plan = one.plan
        token = known.get((plan.token.symbol, plan.token.address, plan.pool))
        asked = None if token is None else _along(token, by_symbol, plan.side, plan.amount_in)
        if asked is not None:
            yield asked


def _along(
    token: LiveToken, by_symbol: Mapping[str, LiveToken], side: Side, amount_in: int
) -> AskedQuote | None:
    """Return a swap of a token as orders go: in its own pool, or after the one that leads to it."""
    if token.is_against_cash:
        return swap_along(token, side, amount_in)
    between = by_symbol.get(token.pool_quote)
    if between is None or not between.is_against_cash:
        return None
    return swap_along(token, side, amount_in, between)
