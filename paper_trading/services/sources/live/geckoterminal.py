"""GeckoTerminal: price and depth of pinned pools, 30 to a call, without a key.

`GET /networks/{network}/pools/multi/{pool,pool,…}`. Cached for a minute: it stands in for the
source of ticks, and asking more often brings nothing new.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from paper_trading.engine import money
from paper_trading.engine.trust import POOL_ABSENT, POOL_OTHER, Absent
from paper_trading.intelligence.live_step import BAD_PRICE, Seen, seen
from paper_trading.services.sources.live.base import Answer, LiveToken, Request
from paper_trading.services.sources.live.batches import at_most, batches, by_chain
from paper_trading.services.sources.live.chains import CHAIN_NAMES
from paper_trading.services.sources.live.values import (
    amount,
    inside,
    known_once,
    objects,
    positive,
    text,
)

NAME: Final = "geckoterminal"
BATCH_LIMIT: Final = 30
#: What it says is up to so old when no cache on the way says better.
CACHED_SECONDS: Final = 60
#: Volume comes for five minutes; a step of a live market is 15 seconds.
STEPS_OF_VOLUME: Final = 300 // 15


class GeckoTerminal:
    """Stands in for the source of ticks."""

    name = NAME
    batch_limit = BATCH_LIMIT

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        """Return a call for each 30 pools of a chain."""
        return list(self._requests(tokens))

    @money.exact
    def read(self, request: Request, answer: Answer) -> Mapping[str, Seen | Absent]:
        """Return price and depth of each token's pool; POOL_ABSENT when it is not in the answer.

        :raises SourceFailure: BAD_BODY when the body holds no list of pools.
        """
        found = objects(inside(answer.body, "data"), "`data`")
        pools = known_once(((text(inside(one, "id")), one) for one in found), request)
        return {one.symbol: _said(one, pools, answer) for one in request.tokens}

    def _requests(self, tokens: Sequence[LiveToken]) -> Iterator[Request]:
        for chain_id, of_chain in by_chain(one for one in tokens if one.pool):
            if chain_id not in CHAIN_NAMES:
                continue
            network = CHAIN_NAMES[chain_id].geckoterminal
            for batch in batches(of_chain, lambda one: one.pool, at_most(BATCH_LIMIT)):
                pools = ",".join(dict.fromkeys(one.pool for one in batch))
                url = f"{self._base_url}/networks/{network}/pools/multi/{pools}"
                yield Request(url, f"{NAME} pools of {network}", batch)


def _said(token: LiveToken, pools: Mapping[str, Any], answer: Answer) -> Seen | Absent:
    network = CHAIN_NAMES[token.price_chain_id].geckoterminal
    key = f"{network}_{token.pool.lower()}"
    if key not in pools:
        return Absent(POOL_ABSENT)
    pool = pools[key]
    if pool is None:
        # Twice in one answer, and not the same.
        return Absent(BAD_PRICE)
    wanted = f"{network}_{token.address.lower()}"
    sides = [
        side
        for side in ("base_token", "quote_token")
        if text(inside(pool, "relationships", side, "data", "id")) == wanted
    ]
    if not sides:
        return Absent(POOL_OTHER)
    price = positive(inside(pool, "attributes", f"{sides[0]}_price_usd"))
    if price is None:
        return Absent(BAD_PRICE)
    volume = amount(inside(pool, "attributes", "volume_usd", "m5"))
    spread = 0 if answer.has_age else CACHED_SECONDS
    return seen(
        price,
        amount(inside(pool, "attributes", "reserve_in_usd")),
        answer.received_at - timedelta(seconds=answer.age_seconds + spread),
        token.pool,
        NAME,
        volume_usd=None if volume is None else volume / STEPS_OF_VOLUME,
        spread_seconds=spread,
    )
