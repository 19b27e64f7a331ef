"""Real swaps of a pool by GeckoTerminal: `/networks/{n}/pools/{pool}/trades`, newest first.

Those of about the last day, 300 at most: of a busy pool they are those of a few minutes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from paper_trading.engine import money
from paper_trading.engine.enums import Side
from paper_trading.engine.real_swaps import RealSwap
from paper_trading.engine.trust import CLOCK_SKEW
from paper_trading.services import token_registry
from paper_trading.services.sources.live.base import (
    Answer,
    LiveToken,
    Reason,
    Request,
    SourceFailure,
)
from paper_trading.services.sources.live.chains import CHAIN_NAMES
from paper_trading.services.sources.live.values import at, inside, objects, positive, text

NAME: Final = "geckoterminal"
#: Swaps of an answer at most, and how far back they go.
MOST: Final = 300
KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Trades:
    """What an answer says of a pool's swaps, from a token's side."""

    #: Newest first, as they came.
    swaps: tuple[RealSwap, ...]
    #: Where the list begins: before it there may have been others.
    known_since: datetime
    #: The pool's other token is cash, so that prices are in cash and not in USD.
    in_cash: bool
    #: Rows that are no swap of the token.
    dropped: int


class PoolTrades:
    """Asks for the swaps of one pool, and reads them."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def request(self, token: LiveToken) -> Request | None:
        """Return the call for the swaps of a token's pool; None without a known pool."""
        if token.price_chain_id not in CHAIN_NAMES or not token.pool or not token.address:
            return None
        network = CHAIN_NAMES[token.price_chain_id].geckoterminal
        url = f"{self._base_url}/networks/{network}/pools/{token.pool}/trades"
        shown = f"{NAME} trades of {token.symbol}"
        return Request(url, shown, (token,), headers={"accept": "application/json"})

    @money.exact
    def read(self, token: LiveToken, answer: Answer) -> Trades:
        """Return the swaps of a token in an answer.

        :raises SourceFailure: BAD_BODY when the body is no list of swaps, or all of them are of
            other tokens.
        """
        rows = objects(inside(answer.body, "data"), "`data`")
        read = [_swap(inside(row, "attributes"), token, answer.received_at) for row in rows]
        found = [one for one in read if one is not None]
        if rows and not found:
            raise SourceFailure(Reason.BAD_BODY, f"no row is a swap of {token.symbol}")
        others = {other for other, _ in found}
        if len(others) > 1:
            raise SourceFailure(Reason.BAD_BODY, f"the pool of {token.symbol} has other tokens")
        swaps = tuple(swap for _, swap in found)
        since = answer.received_at - KEPT
        if len(rows) >= MOST:
            since = max(since, min(one.at for one in swaps))
        return Trades(swaps, since, others == {_cash_of(token)}, len(rows) - len(found))


def _swap(row: Any, token: LiveToken, now: datetime) -> tuple[str, RealSwap] | None:
    """Return the pool's other token and the swap; None for what is no swap of the token.

    The price comes from both amounts, so that fee and impact are in it as in a fill's.
    """
    own, sides = token.address.lower(), ("from", "to")
    addresses = {side: text(inside(row, f"{side}_token_address")) for side in sides}
    mine = [side for side in sides if addresses[side] == own]
    if len(mine) != 1:
        return None
    here = mine[0]
    there = "to" if here == "from" else "from"
    happened = at(inside(row, "block_timestamp"))
    size = positive(inside(row, "volume_in_usd"))
    amounts = [positive(inside(row, f"{side}_token_amount")) for side in (here, there)]
    usd = Decimal(1)
    if addresses[there] != _cash_of(token):
        usd = positive(inside(row, f"price_{there}_in_usd")) or Decimal(0)
    if happened is None or happened > now + CLOCK_SKEW or size is None or None in amounts:
        return None
    units, paid = (one or Decimal(0) for one in amounts)
    side = Side.SELL if here == "from" else Side.BUY
    try:
        return addresses[there], RealSwap(happened, side, paid * usd / units, size)
    except (ValueError, ArithmeticError):
        return None


def _cash_of(token: LiveToken) -> str:
    cash = token_registry.token(token.price_chain_id, token_registry.CASH_SYMBOL)
    return cash.price_address.lower()
