"""FastLZ and the bytes of transactions, against vectors of the chain's own client."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_trading.engine.gas import APPROVE_BYTES, SWAP_BYTES, l1_data_fee_wei
from paper_trading.engine.gas_savings.encoding import (
    TypeTwo,
    approve_call,
    multicall,
    rlp,
    signed,
    swap_v2_call,
    swap_v3_call,
)
from paper_trading.engine.gas_savings.fastlz import compressed_length

EMPTY_TRANSACTION = bytes.fromhex("DD80808094095E7BAEA6A6C7C4C2DFEB977EFAC326AF552D878080808080")
CONTRACT_CALL = bytes.fromhex(
    "02f901550a758302df1483be21b88304743f94f80e51afb613d764fa61751affd3313c190a86bb870151bd62"
    "fd12adb8e41ef24f3f000000000000000000000000000000000000000000000000000000000000006e000000"
    "000000000000000000af88d065e77c8cc2239327c5edb3a432268e5831000000000000000000000000000000"
    "000000000000000000000000000003c1e5000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000a000000000000000"
    "000000000000000000000000000000000000000000000000148c89ed219d02f1a5be012c689b4f5b731827be"
    "be000000000000000000000000c001a033fd89cb37c31b2cba46b6466e040c61fc9b2a3675a7f5f493ebd5ad"
    "77c497f8a07cdf65680e238392693019b4092f610222e71b7cec06449cb922b93b6a12744e"
)
WETH = bytes.fromhex("4200000000000000000000000000000000000006")
USDC = bytes.fromhex("833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")
ROUTER = bytes.fromhex("2626664c2603336E57B271c5C0b26F421741e481")
ME = hashlib.sha256(b"me").digest()[:20]
R, S = (int.from_bytes(hashlib.sha256(name).digest(), "big") for name in (b"r", b"s"))
AMOUNT, MINIMUM, DEADLINE = 1_000_000_000, 536_200_000_123_456_789, 1_784_900_800


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"", 0),
        (b"\x01" * 1000, 21),
        (bytes(1000), 21),
        (EMPTY_TRANSACTION, 31),
        (CONTRACT_CALL, 202),
    ],
)
def test_fastlz_gives_the_lengths_of_the_client(data: bytes, length: int) -> None:
    assert compressed_length(data) == length


@settings(max_examples=30)
@given(st.binary(max_size=12))
def test_what_is_too_short_for_a_match_is_literals(data: bytes) -> None:
    assert compressed_length(data) == len(data) + bool(data)


@settings(max_examples=30)
@given(st.binary(max_size=300), st.integers(1, 20))
def test_data_never_grows_beyond_its_literals(data: bytes, times: int) -> None:
    repeated = data * times
    assert compressed_length(repeated) <= len(repeated) + -(-len(repeated) // 32)


def test_a_match_is_found_in_the_window_only() -> None:
    noise = hashlib.shake_256(b"noise").digest(100)
    near, far = (noise + hashlib.shake_256(b"gap").digest(n) + noise for n in (8_000, 8_200))
    saved = [len(data) - compressed_length(data) for data in (near, far)]
    assert saved[0] > saved[1] + 80


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"dog", b"\x83dog"),
        ([b"cat", b"dog"], b"\xc8\x83cat\x83dog"),
        (b"", b"\x80"),
        ([], b"\xc0"),
        (b"\x0f", b"\x0f"),
        (b"\x80", b"\x81\x80"),
        (b"a" * 56, b"\xb8\x38" + b"a" * 56),
        ([[], [[]], [[], [[]]]], bytes.fromhex("c7c0c1c0c3c0c1c0")),
    ],
)
def test_rlp_follows_its_examples(item: bytes, encoded: bytes) -> None:
    assert rlp(item) == encoded


def test_the_calls_have_the_lengths_that_were_measured() -> None:
    v2, v3 = swap_v2_call(AMOUNT, MINIMUM, [USDC, WETH], ME, DEADLINE), v3_call()
    assert [len(approve_call(ROUTER, 2**256 - 1)), len(v2), len(v3)] == [68, 260, 260]
    assert len(swap_v2_call(AMOUNT, MINIMUM, [USDC, WETH, ME], ME, DEADLINE)) == 292
    assert [len(multicall([v3] * k)) for k in (2, 3)] == [772, 1_124]


def v3_call(deadline: int | None = DEADLINE) -> bytes:
    return swap_v3_call((USDC, WETH, 500), ME, (AMOUNT, MINIMUM), deadline)


def sent(data: bytes, to: bytes, gas_limit: int) -> bytes:
    return signed(TypeTwo(8453, 41, 1_000_000, 11_000_000, gas_limit, to, data), 1, R, S)


def test_the_sizes_that_fees_are_charged_on_follow_from_real_transactions() -> None:
    """The constants are those of other amounts and signatures: a byte or two apart."""
    approval = sent(approve_call(ROUTER, 2**256 - 1), USDC, 60_000)
    swap = sent(v3_call(deadline=None), ROUTER, 150_000)
    assert (len(approval), len(swap)) == (178, 340)
    assert abs(compressed_length(approval) - APPROVE_BYTES) <= 2
    assert abs(compressed_length(swap) - SWAP_BYTES) <= 2


def test_a_swap_by_the_v2_router_is_a_little_longer() -> None:
    swap = sent(swap_v2_call(AMOUNT, MINIMUM, [USDC, WETH], ME, DEADLINE), ROUTER, 150_000)
    assert SWAP_BYTES < compressed_length(swap) < SWAP_BYTES * 106 // 100


def test_swaps_share_bytes_in_one_transaction() -> None:
    calls = [v3_call(), swap_v3_call((USDC, ME, 3_000), ME, (AMOUNT, MINIMUM), DEADLINE)]
    alone = sum(compressed_length(sent(call, ROUTER, 150_000)) for call in calls)
    assert compressed_length(sent(multicall(calls), ROUTER, 300_000)) < alone * 3 // 4


def test_the_fee_on_the_sample_call_is_that_of_its_length() -> None:
    size = compressed_length(CONTRACT_CALL)
    fee = l1_data_fee_wei(size, 2 * 10**6, 3 * 10**6, 20, 15)
    assert fee == (202 * 836_500 - 42_585_600) * 685_000_000 // 10**12
