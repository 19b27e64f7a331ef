"""What sources say of tokens in tests: bodies by address, and a way to ask that serves them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from paper_trading.services import asking
from paper_trading.services.asking import Asking
from paper_trading.services.sources.live.base import Answer, Reason, Request, SourceFailure

NOW = datetime(2026, 7, 24, 12, tzinfo=UTC)
WETH = "0x4200000000000000000000000000000000000006"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
TOSHI = "0xAC1Bd2486aAf3B5C0fc3Fd868558b082a531B2B4"
POOL = "0x4b0Aaf3EBb163dd45F663b38b6d93f6093EBC2d3"
OTHER_POOL = "0x" + "5e" * 20
RPC_URL = "https://rpc.invalid/a-key"


def pair(**changes: Any) -> dict[str, Any]:
    """Return a sound pair of TOSHI and WETH on Base, as DexScreener writes it."""
    created = NOW - timedelta(days=90)
    return {
        "chainId": "base",
        "dexId": "uniswap",
        "pairAddress": POOL,
        "labels": ["v3"],
        "baseToken": {"address": TOSHI, "name": "Toshi", "symbol": "TOSHI"},
        "quoteToken": {"address": WETH, "name": "Wrapped Ether", "symbol": "WETH"},
        "priceNative": "0.0000002",
        "priceUsd": "0.0004",
        "txns": {"h1": {"buys": 60, "sells": 58}, "h24": {"buys": 1400, "sells": 1390}},
        "volume": {"h24": 880331.5, "h1": 35248.1},
        "liquidity": {"usd": 2183312.25, "base": 1, "quote": 1},
        "pairCreatedAt": int(created.timestamp() * 1000),
        **changes,
    }


def token(address: str, symbol: str) -> dict[str, str]:
    return {"address": address, "symbol": symbol}


def as_json(body: Any) -> Any:
    """Return a body as it comes from the wire: every number as Decimal."""
    return json.loads(json.dumps(body), parse_float=Decimal, parse_int=Decimal)


@dataclass
class Scripted:
    """Sources that answer from bodies; what has none is unreachable. `asked` keeps the calls."""

    #: By the last part of the address: token or pair, in lower case.
    pairs_by_token: dict[str, Any] = field(default_factory=dict)
    pairs_by_pair: dict[str, Any] = field(default_factory=dict)
    decimals: dict[str, Any] = field(default_factory=dict)
    #: What eth_call answers; None: no RPC URL is set.
    rpc: Any = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, source: str, request: Request) -> Answer:
        self.asked.append((source, request.shown))
        if source == asking.RPC:
            return self._answer(self.rpc)
        last = request.url.rsplit("/", 1)[1]
        if source == "geckoterminal":
            if last not in self.decimals:
                raise SourceFailure(Reason.UNREACHABLE, "nobody answers")
            attributes = {"address": last, "decimals": self.decimals[last]}
            return self._answer({"data": {"attributes": attributes}})
        if "/latest/dex/pairs/" in request.url:
            return self._answer({"pairs": self.pairs_by_pair.get(last)})
        return self._answer(self.pairs_by_token.get(last, []))

    @property
    def asking(self) -> Asking:
        rpc = {} if self.rpc is None else {8453: RPC_URL}
        return Asking(self.ask, rpc=rpc)

    @staticmethod
    def _answer(body: Any) -> Answer:
        return Answer(as_json(body), NOW)


def scripted(*pairs: Mapping[str, Any], decimals: Any = 18) -> Scripted:
    """Return sources that know pairs, by their tokens and by themselves."""
    found = Scripted()
    for one in pairs:
        found.pairs_by_pair[one["pairAddress"].lower()] = [one]
        for side in ("baseToken", "quoteToken"):
            address = one[side]["address"].lower()
            found.pairs_by_token.setdefault(address, []).append(one)
            found.decimals[address] = decimals
    return found
