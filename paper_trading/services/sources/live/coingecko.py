"""CoinGecko: the average over exchanges of many coins by id, 515 to a call, with a key.

`GET /simple/price`. Unknown ids are left out of the answer, dead ones are an empty object.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from paper_trading.engine.trust import Check
from paper_trading.services.sources.live.base import Answer, LiveToken, Request
from paper_trading.services.sources.live.batches import at_most, batches
from paper_trading.services.sources.live.values import check, inside, named

NAME: Final = "coingecko"
BATCH_LIMIT: Final = 515
DEMO_HEADER: Final = "x-cg-demo-api-key"
PRO_HEADER: Final = "x-cg-pro-api-key"
_QUERY = "vs_currencies=usd&include_last_updated_at=true&precision=full"


class CoinGecko:
    """A cross-check of every token that has an id. Its month is small: it is asked seldom."""

    name = NAME
    batch_limit = BATCH_LIMIT

    def __init__(self, base_url: str, key: str, *, is_pro: bool = False) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {PRO_HEADER if is_pro else DEMO_HEADER: key} if key else {}

    def requests(self, tokens: Sequence[LiveToken]) -> list[Request]:
        """Return a call for each 515 ids, whatever the chain; an id is asked for once."""
        return list(self._requests(tokens))

    def read(self, request: Request, answer: Answer) -> Mapping[str, Check]:
        """Return the price and its time of each token whose id has a sound one.

        :raises SourceFailure: BAD_BODY when the body is no object.
        """
        coins = named(answer.body, "the answer")
        found = {
            one.symbol: check(
                inside(coins, one.coingecko_id, "usd"),
                inside(coins, one.coingecko_id, "last_updated_at"),
                answer.received_at,
            )
            for one in request.tokens
        }
        return {symbol: one for symbol, one in found.items() if one is not None}

    def _requests(self, tokens: Sequence[LiveToken]) -> Iterator[Request]:
        known = [one for one in tokens if one.coingecko_id]
        for batch in batches(known, lambda one: one.coingecko_id, at_most(BATCH_LIMIT)):
            ids = ",".join(dict.fromkeys(one.coingecko_id for one in batch))
            url = f"{self._base_url}/simple/price?ids={ids}&{_QUERY}"
            yield Request(url, f"{NAME} simple price", batch, headers=self._headers)
