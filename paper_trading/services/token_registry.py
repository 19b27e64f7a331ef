"""The known chains and tokens: plain data, each token with the pool that prices it.

A token's chain says where it is traded; its price chain, price address and pool say where
its price comes from. Testnet tokens have no market of their own and take the price of the
mainnet token. Addresses carry their EIP-55 checksum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ETHEREUM = 1
BASE = 8453
ARBITRUM = 42161
BASE_SEPOLIA = 84532
SEPOLIA = 11155111

POOL_UNISWAP_V3 = "uniswap_v3"

DEFAULT_CHAIN_ID = BASE_SEPOLIA
#: The nine tokens of the specification; MATIC is POL since September 2024.
DEFAULT_SYMBOLS = ("WETH", "USDC", "DAI", "WBTC", "UNI", "AAVE", "LINK", "POL", "ARB")

#: What every account holds as cash; markets list it, since its price is the cash price.
CASH_SYMBOL = "USDC"


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """A chain that accounts can trade on."""

    chain_id: int
    name: str
    native_symbol: str
    #: Id of the chain where prices come from: its own, or that of a testnet's mainnet.
    price_chain: int
    is_testnet: bool
    is_rollup: bool


@dataclass(frozen=True, slots=True)
class TokenSpec:
    """A token of one chain and the pool that prices it."""

    symbol: str
    chain_id: int
    #: None where the token was never deployed.
    address: str | None
    decimals: int
    coingecko_id: str
    price_chain_id: int
    #: The token on its price chain.
    price_address: str
    #: None when no pool of the token is known: without a depth it cannot be traded.
    pool_address: str | None
    pool_kind: str
    #: The other token of the pool.
    pool_quote: str
    #: Pool fee in millionths: 500 is 0.05 %.
    pool_fee_pips: int
    #: The pool was picked by the usual fee tier and not verified to be the deepest.
    pool_fee_is_assumed: bool
    is_stable: bool
    #: Belongs in a market: not an alias, and deployed (or a testnet, where paper will do).
    tradable: bool
    #: Not deployed on this testnet: trades on paper as if it were.
    synthetic_on_testnet: bool
    note: str


CHAINS: Mapping[int, ChainSpec] = MappingProxyType(
    {
        chain.chain_id: chain
        for chain in (
            ChainSpec(ETHEREUM, "Ethereum", "ETH", ETHEREUM, is_testnet=False, is_rollup=False),
            ChainSpec(BASE, "Base", "ETH", BASE, is_testnet=False, is_rollup=True),
            ChainSpec(BASE_SEPOLIA, "Base Sepolia", "ETH", BASE, is_testnet=True, is_rollup=True),
            ChainSpec(ARBITRUM, "Arbitrum One", "ETH", ARBITRUM, is_testnet=False, is_rollup=True),
            ChainSpec(
                SEPOLIA, "Ethereum Sepolia", "ETH", ETHEREUM, is_testnet=True, is_rollup=False
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class _Coin:
    """What is the same on every chain."""

    decimals: int
    coingecko_id: str
    is_stable: bool = False


@dataclass(frozen=True, slots=True)
class _Pool:
    """A Uniswap v3 pool of a token against another one, on one chain."""

    address: str
    quote: str
    fee_pips: int
    is_assumed: bool = True


_COINS = {
    "WETH": _Coin(18, "ethereum"),
    "USDC": _Coin(6, "usd-coin", is_stable=True),
    "DAI": _Coin(18, "dai", is_stable=True),
    "WBTC": _Coin(8, "wrapped-bitcoin"),
    "cbBTC": _Coin(8, "coinbase-wrapped-btc"),
    "UNI": _Coin(18, "uniswap"),
    "AAVE": _Coin(18, "aave"),
    "LINK": _Coin(18, "chainlink"),
    "POL": _Coin(18, "polygon-ecosystem-token"),
    "MATIC": _Coin(18, "polygon-ecosystem-token"),
    "ARB": _Coin(18, "arbitrum"),
}
#: A symbol that is another token by now: priced as that token, never held beside it.
ALIASES: Mapping[str, str] = MappingProxyType({"MATIC": "POL"})

_ADDRESSES: dict[int, dict[str, str | None]] = {
    ETHEREUM: {
        "WETH": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        "USDC": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
        "DAI": "0x6B175474E89094C44Da98b954EedeAC495271d0F",
        "WBTC": "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599",
        "cbBTC": "0xcbB7C0000aB88B473b1f5aFd9ef808440eed33Bf",
        "UNI": "0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984",
        "AAVE": "0x7Fc66500c84A76Ad7e9c93437bFc5Ac33E2DDaE9",
        "LINK": "0x514910771AF9Ca656af840dff83E8264EcF986CA",
        "POL": "0x455e53CBB86018Ac2B8092FdCd39d8444aFFC3F6",
        "MATIC": "0x7D1AfA7B718fb893dB30A3aBc0Cfc608AaCfeBB0",
        "ARB": "0xB50721BCf8d664c30412Cfbc6cf7a15145234ad1",
    },
    BASE: {
        "WETH": "0x4200000000000000000000000000000000000006",
        "USDC": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "DAI": "0x50c5725949A6F0c72E6C4a641F24049A917DB0Cb",
        "WBTC": "0x0555E30da8f98308EdB960aa94C0Db47230d2B9c",
        "cbBTC": "0xcbB7C0000aB88B473b1f5aFd9ef808440eed33Bf",
        "UNI": "0xc3De830EA07524a0761646a6a4e4be0e114a3C83",
        "AAVE": "0x63706e401c06ac8513145b7687A14804d17f814b",
        "LINK": "0x88Fb150BDc53A65fe94Dea0c9BA0a6dAf8C6e196",
        "POL": None,
        "MATIC": None,
        "ARB": None,
    },
    ARBITRUM: {
        "WETH": "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1",
        "USDC": "0xaf88d065e77c8cC2239327C5EDb3A432268e5831",
        "DAI": "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1",
        "WBTC": "0x2f2a2543B76A4166549F7aaB2e75Bef0aefC5B0f",
        "cbBTC": "0xcbB7C0000aB88B473b1f5aFd9ef808440eed33Bf",
        "UNI": "0xFa7F8980b0f1E64A2062791cc3b0871572f1F7f0",
        "AAVE": "0xba5DdD1f9d7F570dc94a51479a000E3BCE967196",
        "LINK": "0xf97f4df75117a78c1A5a0DBb814Af92458539FB4",
        "POL": "0x044d8e7F3A17751D521efEa8CCf9282268fE08CC",
        "MATIC": "0x561877b6b3DD7651313794e5F2894B2F18bE0766",
        "ARB": "0x912CE59144191C1204E64559FE8253a0e49E6548",
    },
    BASE_SEPOLIA: {
        "WETH": "0x4200000000000000000000000000000000000006",
        "USDC": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "DAI": None,
        "WBTC": "0x54114591963CF60EF3aA63bEfD6eC263D98145a4",
        "UNI": None,
        "AAVE": None,
        "LINK": "0xE4aB69C077896252FAFBD49EFD26B5D171A32410",
        "POL": None,
        "MATIC": None,
        "ARB": None,
    },
    SEPOLIA: {
        "WETH": "0xfFf9976782d46CC05630D1f6eBAb18b2324d6B14",
        "USDC": "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238",
        "DAI": "0xFF34B3d4Aee8ddCd6F9AFFFB6Fe49bD371b8a357",
        "WBTC": "0x29f2D40B0605204364af54EC677bD022dA425d03",
        "UNI": "0x1f9840a85d5aF5bf1D1762F925BDADdC4201F984",
        "AAVE": "0x88541670E55cC00bEEFD87eB59EDd1b7C511AC9a",
        "LINK": "0x779877A7B0D9E8603169DdbD7836e478b4624789",
        "POL": None,
        "MATIC": None,
        "ARB": None,
    },
}

_POOLS: dict[int, dict[str, _Pool]] = {
    ETHEREUM: {
        "WETH": _Pool("0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640", "USDC", 500, is_assumed=False),
        "USDC": _Pool("0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640", "WETH", 500, is_assumed=False),
        "DAI": _Pool("0x5777d92f208679DB4b9778590Fa3CAB3aC9e2168", "USDC", 100),
        "WBTC": _Pool("0x99ac8cA7087fA4A2A1FB6357269965A2014ABc35", "USDC", 3000),
        "cbBTC": _Pool("0x54E58c986818903d2d86dAfE03f5F5E6C2cA6710", "USDC", 500),
        "UNI": _Pool("0x1d42064Fc4Beb5F8aAF85F4617AE8b3b5B8Bd801", "WETH", 3000),
        "AAVE": _Pool("0x5aB53EE1d50eeF2C1DD3d5402789cd27bB52c1bB", "WETH", 3000),
        "LINK": _Pool("0xa6Cc3C2531FdaA6Ae1A3CA84c2855806728693e8", "WETH", 3000),
        "POL": _Pool("0x88ada7b1dd1C728ea87404CEa7a0780139EB35d1", "WETH", 3000),
        "ARB": _Pool("0x59354356Ec5d56306791873f567d61EBf11dfbD5", "WETH", 3000),
    },
    BASE: {
        "WETH": _Pool("0xd0b53D9277642d899DF5C87A3966A349A798F224", "USDC", 500, is_assumed=False),
        "USDC": _Pool("0xd0b53D9277642d899DF5C87A3966A349A798F224", "WETH", 500, is_assumed=False),
        "DAI": _Pool("0xC18F50d6A832f12F6DcAaeEe8D0c87A65B96787E", "USDC", 100),
        "WBTC": _Pool("0x49e30c322E2474B3767de9FC4448C1e9ceD6552f", "USDC", 3000),
        "cbBTC": _Pool("0x7AeA2E8A3843516afa07293a10Ac8E49906dabD1", "WETH", 500, is_assumed=False),
        # The 0.3 % pool of UNI on Base is all but empty.
        "UNI": _Pool("0xAb365f161Dd501473a1ff0D2ef0dCE94E7398839", "WETH", 10000),
        "AAVE": _Pool("0x2e86514CFd61Fb19c5cf2b879d536D273d6E693d", "WETH", 3000),
        "LINK": _Pool("0x224a5D3f2155f2F85Af70B6D72AEa61a15273ff4", "WETH", 3000),
    },
    ARBITRUM: {
        "WETH": _Pool("0xC6962004f452bE9203591991D15f6b388e09E8D0", "USDC", 500),
        "USDC": _Pool("0xC6962004f452bE9203591991D15f6b388e09E8D0", "WETH", 500),
        "DAI": _Pool("0x7CF803e8d82A50504180f417B8bC7a493C0a0503", "USDC", 100),
        "WBTC": _Pool("0x2f5e87C9312fa29aed5c179E456625D79015299c", "WETH", 500),
        "cbBTC": _Pool("0xb48B15861f9c5b513690fAD7240d741cb40798dE", "WETH", 500),
        "UNI": _Pool("0xC24f7d8E51A64dc1238880BD00bb961D54cbeb29", "WETH", 3000),
        "AAVE": _Pool("0xDD672b3B768A16b9BcB4eE1060d3e8221435BeAa", "WETH", 3000),
        "LINK": _Pool("0x468b88941e7Cc0B88c1869d68ab6b570bCEF62Ff", "WETH", 3000),
        "POL": _Pool("0x492536aBF39f78bb852C34bEF5D1232417B70b87", "WETH", 3000),
        "ARB": _Pool("0xC6F780497A95e246EB9449f5e4770916DCd6396A", "WETH", 500),
    },
}

#: On Base, but in no issuer's list there: its testnet twin is priced on Ethereum instead.
_UNLISTED = frozenset({(BASE, "WBTC")})

_NOTES = {
    (BASE, "WBTC"): "not in the Uniswap list, its pool is shallow; cbBTC is the usual one",
    (ETHEREUM, "POL"): "its pool is a guess by the usual fee tier, seen in no list",
    (ARBITRUM, "POL"): "its pool is a guess by the usual fee tier, seen in no list",
    (BASE, "POL"): "not deployed on Base",
    (BASE, "MATIC"): "not deployed on Base",
    (BASE, "ARB"): "not deployed on Base",
    (ARBITRUM, "USDC"): "native USDC, not the bridged USDC.e",
    (BASE_SEPOLIA, "WBTC"): "mock of the Aave faucet",
    (SEPOLIA, "DAI"): "token of the Aave faucet",
    (SEPOLIA, "WBTC"): "token of the Aave faucet",
    (SEPOLIA, "AAVE"): "token of the Aave faucet",
}


def tokens(chain_id: int) -> tuple[TokenSpec, ...]:
    """Return every token of a chain; ValueError names the known chains."""
    if chain_id not in _TOKENS:
        known = ", ".join(f"{chain.chain_id} ({chain.name})" for chain in CHAINS.values())
        raise ValueError(f"chain {chain_id} is not known; known are {known}")
    return tuple(_TOKENS[chain_id].values())


def token(chain_id: int, symbol: str) -> TokenSpec:
    """Return one token of a chain, whatever the case; ValueError names those of the chain."""
    by_symbol = {spec.symbol.upper(): spec for spec in tokens(chain_id)}
    if symbol.upper() not in by_symbol:
        known = ", ".join(spec.symbol for spec in by_symbol.values())
        name = CHAINS[chain_id].name
        raise ValueError(f"token {symbol!r} is not known on {name}; known are {known}")
    return by_symbol[symbol.upper()]


def default_tokens(chain_id: int = DEFAULT_CHAIN_ID) -> tuple[TokenSpec, ...]:
    """Return the nine tokens of the specification on a chain, in its order."""
    return tuple(token(chain_id, symbol) for symbol in DEFAULT_SYMBOLS)


def _price_chain(chain_id: int, symbol: str) -> int:
    """Return the chain whose pool prices a token: its own or its mainnet, else Ethereum."""
    chain = CHAINS[chain_id]
    candidate = chain.price_chain
    is_unlisted = chain.is_testnet and (candidate, symbol) in _UNLISTED
    if _ADDRESSES[candidate].get(symbol) is None or is_unlisted:
        return ETHEREUM
    return candidate


def _spec(chain_id: int, symbol: str) -> TokenSpec:
    priced_as = ALIASES.get(symbol, symbol)
    price_chain_id = _price_chain(chain_id, priced_as)
    price_address = _ADDRESSES[price_chain_id][priced_as]
    pool = _POOLS[price_chain_id][priced_as]
    if price_address is None:
        raise AssertionError(f"{priced_as} has no address on its price chain {price_chain_id}")
    address = _ADDRESSES[chain_id][symbol]
    coin, is_testnet = _COINS[symbol], CHAINS[chain_id].is_testnet
    return TokenSpec(
        symbol=symbol,
        chain_id=chain_id,
        address=address,
        decimals=coin.decimals,
        coingecko_id=coin.coingecko_id,
        price_chain_id=price_chain_id,
        price_address=price_address,
        pool_address=pool.address,
        pool_kind=POOL_UNISWAP_V3,
        pool_quote=pool.quote,
        pool_fee_pips=pool.fee_pips,
        pool_fee_is_assumed=pool.is_assumed,
        is_stable=coin.is_stable,
        tradable=_is_tradable(chain_id, symbol),
        synthetic_on_testnet=is_testnet and address is None,
        note=_note(chain_id, symbol),
    )


def _is_tradable(chain_id: int, symbol: str) -> bool:
    if symbol in ALIASES:
        return False
    return CHAINS[chain_id].is_testnet or _ADDRESSES[chain_id][symbol] is not None


def _note(chain_id: int, symbol: str) -> str:
    if symbol in ALIASES:
        return f"alias of {ALIASES[symbol]}: migrated 1:1, priced as {ALIASES[symbol]}"
    if symbol == CASH_SYMBOL:
        return _NOTES.get((chain_id, symbol), "cash of every account")
    if CHAINS[chain_id].is_testnet and _ADDRESSES[chain_id][symbol] is None:
        return "not deployed on this testnet: traded on paper only"
    return _NOTES.get((chain_id, symbol), "")


_TOKENS = {
    chain_id: {symbol: _spec(chain_id, symbol) for symbol in by_symbol}
    for chain_id, by_symbol in _ADDRESSES.items()
}
