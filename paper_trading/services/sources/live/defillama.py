"""DefiLlama: prices by chain and address, some 190 to a call, without a key.

`GET /prices/current/{chain:address,…}` answers `{"coins": {...}}`; keys echo what was asked, in
any case, and unknown coins are left out. Its prices rest on CoinGecko's and on the deepest pool.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from paper_trading.engine.trust import Check
from paper_trading.services.sources.live.base import Answer, LiveToken, Request
from paper_trading.services.sources.live.batches import batches
from paper_trading.services.sources.live.chains import CHAIN_NAMES
from paper_trading.services.sources.live.values import amount, check, inside, named

NAME: Final = "defillama"
BATCH_LIMIT: Final = 200
#: 172 coins with their chains were taken and 180 were not, which is about 9,000 characters.
LONGEST_URL: Final = 8_500
#: Below it, DefiLlama itself does not use a price.
LOWEST_CONFIDENCE: Final = Decimal("0.5")


class DefiLlama:
    """A cross-check of every token that has an address."""

    name = NAME
    batch_limit = BATCH_LIMIT

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        """Return a call for each 200 coins or 8,500 characters, of all chains together."""
        return list(self._requests(tokens))

    def read(self, request: Request, answer: Answer) -> Mapping[str, Check]:
        """Return the price and its time of each token that has a sound and sure one.

        :raises SourceFailure: BAD_BODY when the body holds no coins.
        """
        coins = named(inside(answer.body, "coins"), "`coins`")
        by_name = {name.lower(): coin for name, coin in coins.items()}
        found = {one.symbol: _said(by_name.get(_coin(one)), answer) for one in request.tokens}
        return {symbol: one for symbol, one in found.items() if one is not None}

    def _requests(self, tokens: Sequence[LiveToken]) -> Iterator[Request]:
        known = [one for one in tokens if one.price_chain_id in CHAIN_NAMES and one.address]
        for batch in batches(known, _coin, lambda coins: self._fits([str(one) for one in coins])):
            url = self._url(list(dict.fromkeys(map(_coin, batch))))
            yield Request(url, f"{NAME} current prices", batch)

    def _fits(self, coins: list[str]) -> bool:
        return len(coins) <= BATCH_LIMIT and len(self._url(coins)) <= LONGEST_URL

    def _url(self, coins: list[str]) -> str:
        return f"{self._base_url}/prices/current/{','.join(coins)}"


def _coin(token: LiveToken) -> str:
    return f"{CHAIN_NAMES[token.price_chain_id].defillama}:{token.address.lower()}"


def _said(coin: Any, answer: Answer) -> Check | None:
    sure = amount(inside(coin, "confidence"))
    if sure is not None and sure < LOWEST_CONFIDENCE:
        return None
    return check(inside(coin, "price"), inside(coin, "timestamp"), answer.received_at)
