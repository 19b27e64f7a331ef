"""Addresses in either case, and fees against pools that are on the chain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.services.sources.live.addresses import (
    checksummed,
    read_address,
    v3_fee_pips,
)
from paper_trading.services.token_examination import USDT
from paper_trading.services.token_registry import BASE, CHAINS, ETHEREUM, token, tokens
from tests.services.token_bodies import USDC, WETH

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


@given(addresses)
def test_an_address_is_read_in_any_case_that_says_the_same(address: str) -> None:
    right = checksummed(address)
    for text in (right, address, "0x" + address[2:].upper()):
        assert read_address(text) == address


@given(addresses, st.integers(0, 39))
def test_a_letter_in_the_wrong_case_is_refused(address: str, at: int) -> None:
    right = checksummed(address)
    wrong = right[: 2 + at] + right[2 + at].swapcase() + right[3 + at :]
    if wrong == right or wrong[2:] in (wrong[2:].lower(), wrong[2:].upper()):
        return
    with pytest.raises(ValueError, match="does not carry its checksum"):
        read_address(wrong)


@pytest.mark.parametrize("text", ["", "0x", "0x12", "0x" + "g" * 40, "0x" + "a" * 41, "a" * 42])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed are 0x and 40 hexadecimal digits"):
        read_address(text)


@pytest.mark.parametrize("address", [USDT[chain] for chain in USDT])
def test_the_addresses_of_usdt_carry_their_checksum(address: str) -> None:
    assert checksummed(address) == address


def test_the_address_of_a_pool_proves_its_fee() -> None:
    pools = [spec for chain in CHAINS for spec in tokens(chain) if spec.pool_address]
    assert pools
    for spec in pools:
        quote = token(spec.price_chain_id, spec.pool_quote).price_address
        found = v3_fee_pips(spec.price_chain_id, spec.price_address, quote, str(spec.pool_address))
        assert found == spec.pool_fee_pips, spec


def test_another_pool_proves_no_fee() -> None:
    on_base = "0xd0b53D9277642d899DF5C87A3966A349A798F224"
    assert v3_fee_pips(BASE, WETH, USDC, on_base) == 500
    assert v3_fee_pips(ETHEREUM, WETH, USDC, on_base) is None
    assert v3_fee_pips(BASE, WETH, USDC, "0x" + "5e" * 20) is None
    assert v3_fee_pips(10, WETH, USDC, on_base) is None
