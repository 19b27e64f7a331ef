from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.gas import (
    APPROVE_BYTES,
    APPROVE_GAS,
    BLOB_BASE_FEE_WEI,
    CHAINS,
    chain,
    conditions,
    l1_data_fee_wei,
    next_base_fee,
    transaction_fee_wei,
)
from paper_trading.engine.market import GasConditions, L1Fees

GWEI = 10**9
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BASE_READ = GasConditions(8453, 5_000_000, 1_000_000, 158_000_000, 8_350_000)
TIMES = st.datetimes(datetime(2017, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (0, 875_000_000),
        (15_000_000, 937_500_000),
        (30_000_000, 1_000_000_000),
        (45_000_000, 1_062_500_000),
        (60_000_000, 1_125_000_000),
    ],
)
def test_base_fee_of_the_next_block_on_ethereum(used: int, expected: int) -> None:
    assert next_base_fee(GWEI, used, 60_000_000) == expected


@pytest.mark.parametrize(("used", "expected"), [(0, 992_000_000), (60_000_000, 1_040_000_000)])
def test_base_fee_of_the_next_block_on_base(used: int, expected: int) -> None:
    assert next_base_fee(GWEI, used, 60_000_000, 6, 125) == expected


def test_a_full_block_raises_even_the_smallest_base_fee() -> None:
    assert next_base_fee(1, 60_000_000, 60_000_000) == 2
    assert next_base_fee(1, 0, 60_000_000) == 1


@pytest.mark.parametrize(
    ("size", "l1", "blob", "scalar", "blob_scalar", "fee"),
    [
        (235, 2 * 10**6, 3 * 10**6, 20, 15, 105_484),
        (170, 10**9, 10**7, 2, 3, 3_203_000),
        (0, 10**9, 10**7, 2, 3, 3_203_000),
    ],
)
def test_l1_data_fee_follows_fjord(
    size: int, l1: int, blob: int, scalar: int, blob_scalar: int, fee: int
) -> None:
    assert l1_data_fee_wei(size, l1, blob, scalar, blob_scalar) == fee


@pytest.mark.parametrize(
    ("gas_used", "size", "l1", "l2"),
    [
        (APPROVE_GAS, APPROVE_BYTES, "1.455E+9", "2.783E+11"),
        (114_118, 222, "2.083E+9", "6.847E+11"),
        (264_229, 321, "3.288E+9", "1.585E+12"),
    ],
)
def test_fees_on_base_are_those_of_a_read_block(gas_used: int, size: int, l1: str, l2: str) -> None:
    price, l1_fee, total = transaction_fee_wei(gas_used, BASE_READ, size)
    assert price == 6_000_000
    assert f"{Decimal(l1_fee):.3E}" == l1
    assert f"{Decimal(total - l1_fee):.3E}" == l2


def test_ethereum_pays_no_l1_part_and_arbitrum_pays_blob_gas_per_byte() -> None:
    ethereum = GasConditions(1, 160_000_000, 10_000_000, 1, 1)
    arbitrum = GasConditions(42161, 10_000_000, 0, 160_000_000, 8_350_000)
    assert transaction_fee_wei(100_000, ethereum, 222) == (170_000_000, 0, 17 * 10**12)
    l1_fee = 222 * 8_350_000
    assert transaction_fee_wei(100_000, arbitrum, 222) == (10**7, l1_fee, 10**12 + l1_fee)


@given(st.sampled_from(sorted(CHAINS)), SEEDS, TIMES)
def test_fees_stay_within_half_and_twice_the_usual_level(
    chain_id: int, seed: int, time: datetime
) -> None:
    rules, now = chain(chain_id), conditions(chain_id, seed, time)
    assert now.chain_id == chain_id
    assert now.priority_fee_wei == rules.priority_fee_wei
    assert rules.base_fee_wei // 2 <= now.base_fee_wei <= rules.base_fee_wei * 2
    assert now.base_fee_wei >= rules.minimum_base_fee_wei
    if chain_id in (1, 11155111):
        assert now.l1_base_fee_wei == now.l1_blob_base_fee_wei == 0
    else:
        assert 80_000_000 <= now.l1_base_fee_wei <= 320_000_000
        assert BLOB_BASE_FEE_WEI // 2 <= now.l1_blob_base_fee_wei <= BLOB_BASE_FEE_WEI * 2


@given(SEEDS, TIMES)
def test_testnets_price_gas_like_their_mainnets(seed: int, time: datetime) -> None:
    for testnet, mainnet in ((11155111, 1), (84532, 8453)):
        test = conditions(testnet, seed, time)
        assert test.chain_id == testnet
        assert replace(test, chain_id=mainnet) == conditions(mainnet, seed, time)


@given(SEEDS, TIMES)
def test_the_l1_part_of_a_rollup_follows_ethereum(seed: int, time: datetime) -> None:
    ethereum = conditions(1, seed, time).base_fee_wei
    assert conditions(8453, seed, time).l1_base_fee_wei == ethereum
    assert conditions(42161, seed, time).l1_base_fee_wei == ethereum


def test_fees_hold_for_five_minutes_and_then_change() -> None:
    last = NOON + timedelta(minutes=4, seconds=59, microseconds=999_999)
    assert conditions(1, 7, last) == conditions(1, 7, NOON)
    later = [conditions(1, 7, NOON + timedelta(minutes=5 * n)).base_fee_wei for n in range(200)]
    assert len(set(later)) == 200
    # The geometric mean is the usual level: about as many above as below.
    assert 65 <= sum(fee > 160_000_000 for fee in later) <= 135


def test_one_instant_has_one_fee_whatever_its_time_zone() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert conditions(1, 7, there) == conditions(1, 7, NOON)
    assert conditions(1, 8, NOON) != conditions(1, 7, NOON)


def test_an_unknown_chain_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="unknown chain 137; known chains: 1, 8453, 42161, 84532, 11155111"
    ):
        conditions(137, 1, NOON)


def test_a_market_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="market time 2026-03-01T12:00:00 has no time zone"):
        conditions(1, 1, NOON.replace(tzinfo=None))


def test_the_l1_part_follows_the_scalars_that_a_chain_told() -> None:
    told = L1Fees(2_000_000, 3_000_000, 20, 15)
    charged = BASE_READ.charged(told)
    assert transaction_fee_wei(0, charged, 235)[1] == 105_484
    assert charged.base_fee_wei == BASE_READ.base_fee_wei
    assert transaction_fee_wei(0, BASE_READ, 235)[1] != 105_484


@pytest.mark.parametrize(("place", "figure"), [(0, -1), (1, 10**18 + 1), (2, -1), (3, 2**32)])
def test_no_chain_tells_such_l1_fees(place: int, figure: int) -> None:
    figures = [1, 1, 1, 1]
    figures[place] = figure
    with pytest.raises(ValueError, match=str(figure)):
        L1Fees(*figures)
