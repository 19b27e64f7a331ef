"""The registry against the standards its data obeys: EIP-55 and CREATE2."""

import pytest
from eth_hash.auto import keccak

from paper_trading.services.sources.simulation import DEFAULT_TOKENS
from paper_trading.services.token_registry import (
    ARBITRUM,
    BASE,
    BASE_SEPOLIA,
    CHAINS,
    DEFAULT_SYMBOLS,
    ETHEREUM,
    POOL_UNISWAP_V3,
    SEPOLIA,
    TokenSpec,
    default_tokens,
    token,
    tokens,
)

FACTORIES = {
    ETHEREUM: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
    BASE: "0x33128a8fC17869897dcE68Ed026d694621f6FDfD",
    ARBITRUM: "0x1F98431c8aD98523631AE4a59f267346ea31F984",
}
INIT_CODE_HASH = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")
ALL = [spec for chain_id in CHAINS for spec in tokens(chain_id)]


def raw(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))


def checksummed(address: bytes) -> str:
    digits = address.hex()
    nibbles = keccak(digits.encode()).hex()
    pairs = zip(digits, nibbles, strict=False)
    return "0x" + "".join(digit.upper() if int(n, 16) >= 8 else digit for digit, n in pairs)


def pool_address(chain_id: int, one: str, other: str, fee_pips: int) -> str:
    token0, token1 = sorted((raw(one), raw(other)))
    words = (token0, token1, fee_pips.to_bytes(3, "big"))
    salt = keccak(b"".join(word.rjust(32, b"\0") for word in words))
    preimage = b"\xff" + raw(FACTORIES[chain_id]) + salt + INIT_CODE_HASH
    return checksummed(keccak(preimage)[12:])


def label(spec: TokenSpec) -> str:
    return f"{spec.chain_id}-{spec.symbol}"


@pytest.mark.parametrize(
    ("chain_id", "one", "other", "fee_pips", "expected"),
    [
        (BASE, "WETH", "USDC", 500, "0xd0b53D9277642d899DF5C87A3966A349A798F224"),
        (BASE, "WETH", "USDC", 3000, "0x6c561B446416E1A00E8E93E221854d6eA4171372"),
        (BASE, "WETH", "cbBTC", 500, "0x7AeA2E8A3843516afa07293a10Ac8E49906dabD1"),
        (ETHEREUM, "WETH", "USDC", 500, "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"),
        (ETHEREUM, "WETH", "USDC", 3000, "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8"),
    ],
)
def test_the_tests_own_create2_yields_the_known_pools(
    chain_id: int, one: str, other: str, fee_pips: int, expected: str
) -> None:
    pair = (token(chain_id, one).price_address, token(chain_id, other).price_address)
    assert pool_address(chain_id, *pair, fee_pips) == expected


@pytest.mark.parametrize("spec", ALL, ids=label)
def test_every_address_carries_its_checksum(spec: TokenSpec) -> None:
    for address in (spec.address, spec.price_address, spec.pool_address):
        assert address is None or address == checksummed(raw(address))
        assert address is None or len(raw(address)) == 20


@pytest.mark.parametrize("spec", ALL, ids=label)
def test_every_pool_is_the_create2_address_of_its_pair_and_fee(spec: TokenSpec) -> None:
    quote = token(spec.price_chain_id, spec.pool_quote)
    pair = (spec.price_address, quote.price_address)
    assert spec.pool_kind == POOL_UNISWAP_V3
    assert spec.pool_quote in ("USDC", "WETH")
    assert spec.pool_fee_pips in (100, 500, 3000, 10000)
    assert spec.pool_address == pool_address(spec.price_chain_id, *pair, spec.pool_fee_pips)


def test_only_verified_pools_lack_the_flag_of_an_assumption() -> None:
    verified = {(s.price_chain_id, s.pool_address) for s in ALL if not s.pool_fee_is_assumed}
    assert verified == {
        (ETHEREUM, "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"),
        (BASE, "0xd0b53D9277642d899DF5C87A3966A349A798F224"),
        (BASE, "0x7AeA2E8A3843516afa07293a10Ac8E49906dabD1"),
    }


@pytest.mark.parametrize("spec", ALL, ids=label)
def test_prices_come_from_a_mainnet_on_which_the_token_exists(spec: TokenSpec) -> None:
    twin = token(spec.price_chain_id, "POL" if spec.symbol == "MATIC" else spec.symbol)
    assert not CHAINS[spec.price_chain_id].is_testnet
    assert twin.address == spec.price_address
    assert twin.decimals == spec.decimals
    assert twin.pool_address == spec.pool_address


def test_base_sepolia_takes_prices_from_base_where_base_has_the_token() -> None:
    prices = {spec.symbol: spec.price_chain_id for spec in tokens(BASE_SEPOLIA)}
    on_base = {symbol for symbol, chain_id in prices.items() if chain_id == BASE}
    assert on_base == {"WETH", "USDC", "DAI", "UNI", "AAVE", "LINK"}
    assert {prices[symbol] for symbol in ("WBTC", "POL", "MATIC", "ARB")} == {ETHEREUM}


def test_ethereum_sepolia_takes_every_price_from_ethereum() -> None:
    assert {spec.price_chain_id for spec in tokens(SEPOLIA)} == {ETHEREUM}


def test_synthetic_tokens_are_those_that_a_testnet_does_not_have() -> None:
    synthetic = {
        (spec.chain_id, spec.symbol)
        for spec in ALL
        if spec.synthetic_on_testnet and spec.symbol != "MATIC"
    }
    on_base_sepolia = {(BASE_SEPOLIA, symbol) for symbol in ("DAI", "UNI", "AAVE", "POL", "ARB")}
    assert synthetic == on_base_sepolia | {(SEPOLIA, "POL"), (SEPOLIA, "ARB")}
    assert all(token(*key).address is None for key in synthetic)


def test_a_token_absent_from_a_mainnet_is_not_tradable_there() -> None:
    absent = {spec.symbol for spec in tokens(BASE) if spec.address is None}
    assert absent == {"POL", "MATIC", "ARB"}
    assert not any(token(BASE, symbol).tradable for symbol in absent)
    assert token(BASE, "cbBTC").tradable


@pytest.mark.parametrize("chain_id", list(CHAINS))
def test_matic_is_priced_as_pol_and_never_traded_beside_it(chain_id: int) -> None:
    matic, pol = token(chain_id, "MATIC"), token(chain_id, "POL")
    assert not matic.tradable
    assert "alias of POL" in matic.note
    assert matic.coingecko_id == "polygon-ecosystem-token"
    assert matic.price_address == pol.price_address
    assert matic.pool_address == pol.pool_address


def test_the_default_tokens_are_the_nine_of_the_specification() -> None:
    specs = default_tokens()
    assert [spec.symbol for spec in specs] == list(DEFAULT_SYMBOLS)
    assert len(specs) == 9
    assert all(spec.chain_id == BASE_SEPOLIA and spec.tradable for spec in specs)


def test_the_simulation_knows_the_default_tokens_and_which_are_stable() -> None:
    simulated = {item.symbol: item.is_stable for item in DEFAULT_TOKENS}
    assert simulated == {spec.symbol: spec.is_stable for spec in default_tokens()}


@pytest.mark.parametrize("spec", ALL, ids=label)
def test_decimals_are_those_of_the_contracts(spec: TokenSpec) -> None:
    assert spec.decimals == {"USDC": 6, "WBTC": 8, "cbBTC": 8}.get(spec.symbol, 18)
    assert spec.is_stable == (spec.symbol in ("USDC", "DAI"))


def test_symbols_are_unique_on_a_chain() -> None:
    keys = [(spec.chain_id, spec.symbol.upper()) for spec in ALL]
    assert len(keys) == len(set(keys))


def test_chains_name_their_price_chain_and_kind() -> None:
    kinds = {c.chain_id: (c.price_chain, c.is_testnet, c.is_rollup) for c in CHAINS.values()}
    assert kinds == {
        1: (1, False, False),
        8453: (8453, False, True),
        84532: (8453, True, True),
        42161: (42161, False, True),
        11155111: (1, True, False),
    }
    assert {chain.native_symbol for chain in CHAINS.values()} == {"ETH"}


def test_a_symbol_is_found_whatever_its_case() -> None:
    assert token(BASE, "CBBTC") is token(BASE, "cbBTC")


def test_an_unknown_chain_is_refused_by_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^chain 56 is not known; known are 1 \(Ethereum\), .*$"):
        tokens(56)


def test_an_unknown_symbol_is_refused_by_naming_those_of_the_chain() -> None:
    with pytest.raises(ValueError, match=r"^token 'DOGE' is not known on Base; known are WETH, "):
        token(BASE, "DOGE")
