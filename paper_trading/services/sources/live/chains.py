"""What each provider calls the price chains."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from paper_trading.services.token_registry import ARBITRUM, BASE, ETHEREUM


@dataclass(frozen=True, slots=True)
class ChainNames:
    """Names of one chain."""

    dexscreener: str
    geckoterminal: str
    defillama: str
    alchemy: str


CHAIN_NAMES: Mapping[int, ChainNames] = MappingProxyType(
    {
        ETHEREUM: ChainNames("ethereum", "eth", "ethereum", "eth-mainnet"),
        BASE: ChainNames("base", "base", "base", "base-mainnet"),
        ARBITRUM: ChainNames("arbitrum", "arbitrum", "arbitrum", "arb-mainnet"),
    }
)
