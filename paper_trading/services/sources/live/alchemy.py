"""Alchemy: prices of decentralised exchanges by address, 25 to a call, with a key.

`POST /prices/v1/tokens/by-address`. Tokens that it does not know stand in the answer with an
error, which is null, text, an object or absent where there is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from paper_trading.engine.trust import Check
from paper_trading.services.sources.live.base import Answer, LiveToken, Request
from paper_trading.services.sources.live.batches import batches
from paper_trading.services.sources.live.chains import CHAIN_NAMES
from paper_trading.services.sources.live.values import check, inside, objects, text

NAME: Final = "alchemy"
BATCH_LIMIT: Final = 25
NETWORK_LIMIT: Final = 3


class Alchemy:
    """A cross-check of every token that has an address."""

    name = NAME
    batch_limit = BATCH_LIMIT

    def __init__(self, base_url: str, key: str) -> None:
        self._url = f"{base_url.rstrip('/')}/prices/v1/tokens/by-address"
        # In the path it would stand in every log on the way.
        self._headers = {"Authorization": f"Bearer {key}"}

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        """Return a call for each 25 addresses of at most three chains."""
        return list(self._requests(tokens))

    def read(self, request: Request, answer: Answer) -> Mapping[str, Check]:
        """Return the price and its time of each token that has a sound one.

        :raises SourceFailure: BAD_BODY when the body holds no list of tokens.
        """
        items = objects(inside(answer.body, "data"), "`data`")
        by_key = {
            (text(inside(one, "network")), text(inside(one, "address"))): one for one in items
        }
        found = {one.symbol: _said(by_key.get(_key(one)), answer) for one in request.tokens}
        return {symbol: one for symbol, one in found.items() if one is not None}

    def _requests(self, tokens: Sequence[LiveToken]) -> Iterator[Request]:
        known = [one for one in tokens if one.price_chain_id in CHAIN_NAMES and one.address]
        for batch in batches(known, _key, _fits):
            wanted = [
                {"network": network, "address": address}
                for network, address in dict.fromkeys(map(_key, batch))
            ]
            yield Request(
                self._url,
                f"{NAME} prices by address",
                batch,
                method="POST",
                headers=self._headers,
                json={"addresses": wanted},
            )


def _key(token: LiveToken) -> tuple[str, str]:
    return CHAIN_NAMES[token.price_chain_id].alchemy, token.address.lower()


def _fits(keys: Sequence[Any]) -> bool:
    return len(keys) <= BATCH_LIMIT and len({network for network, _ in keys}) <= NETWORK_LIMIT


def _said(item: Any, answer: Answer) -> Check | None:
    """Return the price in USD; an item with an error has none, whatever else it says."""
    prices = inside(item, "prices")
    if inside(item, "error") or not isinstance(prices, list):
        return None
    in_usd = [one for one in prices if text(inside(one, "currency")) == "usd"]
    if not in_usd:
        return None
    price = in_usd[0]
    return check(inside(price, "value"), inside(price, "lastUpdatedAt"), answer.received_at)
