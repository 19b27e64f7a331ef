"""DexScreener: price and depth of pinned pairs, 30 to a call, without a key.

`GET /latest/dex/pairs/{chain}/{pair,pair,…}` answers `{"pairs": [...] or null}`; other routes
answer the bare list, which is read as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
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

NAME: Final = "dexscreener"
BATCH_LIMIT: Final = 30
#: Volume comes for five minutes; a step of a live market is 15 seconds.
STEPS_OF_VOLUME: Final = 300 // 15


class DexScreener:
    """The source of ticks when no RPC URL is set."""

    name = NAME
    batch_limit = BATCH_LIMIT

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        """Return a call for each 30 pairs of a chain."""
        return list(self._requests(tokens))

    @money.exact
    def read(self, request: Request, answer: Answer) -> Mapping[str, Seen | Absent]:
        """Return price and depth of each token's pair; POOL_ABSENT when it is not in the answer.

        :raises SourceFailure: BAD_BODY when the body holds no list of pairs.
        """
        pairs = known_once(_pairs(answer.body), request)
        return {one.symbol: _said(one, pairs, answer) for one in request.tokens}

    def _requests(self, tokens: Sequence[LiveToken]) -> Iterator[Request]:
        for chain_id, of_chain in by_chain(one for one in tokens if one.pool):
            if chain_id not in CHAIN_NAMES:
                continue
            chain = CHAIN_NAMES[chain_id].dexscreener
            for batch in batches(of_chain, lambda one: one.pool, at_most(BATCH_LIMIT)):
                pools = ",".join(dict.fromkeys(one.pool for one in batch))
                url = f"{self._base_url}/latest/dex/pairs/{chain}/{pools}"
                yield Request(url, f"{NAME} pairs of {chain}", batch)


def _pairs(body: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield pairs with chain and address. Null stands for no pair at all."""
    found = body if isinstance(body, list) else inside(body, "pairs")
    if found is None and isinstance(body, Mapping) and "pairs" in body:
        found = []
    for one in objects(found, "`pairs`"):
        yield (text(inside(one, "chainId")), text(inside(one, "pairAddress"))), one


def _said(token: LiveToken, pairs: Mapping[tuple[str, str], Any], answer: Answer) -> Seen | Absent:
    key = (CHAIN_NAMES[token.price_chain_id].dexscreener, token.pool.lower())
    if key not in pairs:
        return Absent(POOL_ABSENT)
    pair = pairs[key]
    if pair is None:
        # Twice in one answer, and not the same.
        return Absent(BAD_PRICE)
    sides = {text(inside(pair, side, "address")): side for side in ("quoteToken", "baseToken")}
    side = sides.get(token.address.lower())
    if side is None:
        return Absent(POOL_OTHER)
    price = _price(pair, side)
    if price is None:
        return Absent(BAD_PRICE)
    volume = amount(inside(pair, "volume", "m5"))
    return seen(
        price,
        amount(inside(pair, "liquidity", "usd")),
        answer.received_at - timedelta(seconds=answer.age_seconds),
        token.pool,
        NAME,
        volume_usd=None if volume is None else volume / STEPS_OF_VOLUME,
    )


def _price(pair: Any, side: str) -> Decimal | None:
    """Return USD of a token of the pair: priceUsd is that of its base, priceNative in its quote."""
    usd = positive(inside(pair, "priceUsd"))
    if usd is None or side == "baseToken":
        return usd
    native = positive(inside(pair, "priceNative"))
    return None if native is None else usd / native
