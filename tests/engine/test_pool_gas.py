"""Gas by the kind of the pool: of fills, of failures, of what is set aside, of estimates."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper_trading.engine.enums import PoolKind, Side, TransactionKind, TransactionStatus
from paper_trading.engine.fills import leaving, round_trip_percent
from paper_trading.engine.gas import APPROVE_GAS, FAILED_SWAP_GAS, SWAP_GAS
from paper_trading.engine.gas_savings.policies import B0
from paper_trading.engine.gas_savings.recorded import RecordedTrade, Sent, baseline_wei
from paper_trading.engine.inclusion import highest_gas_usd
from paper_trading.engine.pair_choice import curve_of
from paper_trading.engine.swaps import fee_usd
from tests.engine.pools import (
    APPROVED,
    CASH,
    CONFIRMED,
    ETHER,
    ETHEREUM,
    REVERTED,
    TOKEN,
    batch_of,
    order_of,
    seed_where,
    swap_of,
)

SUCCEEDS = {
    PoolKind.V2: SWAP_GAS,
    PoolKind.V3: 114_118,
    PoolKind.SOLIDLY_VOLATILE: 135_000,
    PoolKind.SOLIDLY_STABLE: 165_000,
}
FAILS = {
    PoolKind.V2: FAILED_SWAP_GAS,
    PoolKind.V3: 100_509,
    PoolKind.SOLIDLY_VOLATILE: 31_570,
    PoolKind.SOLIDLY_STABLE: 61_570,
}
KINDS = pytest.mark.parametrize("kind", list(PoolKind))


@KINDS
def test_a_swap_and_a_failure_take_the_gas_of_the_quoted_pool(kind: PoolKind) -> None:
    world = batch_of(token=replace(TOKEN, kind=kind), gas=ETHEREUM, sigma="2")
    # The order's own token may be from before the kind was known.
    order = order_of(Side.BUY, 1_000 * CASH, tolerance="0")
    for status, expected in ((CONFIRMED, SUCCEEDS), (REVERTED, FAILS)):
        made = swap_of(order, world, seed_where(order, world, status))
        assert made.transactions[-1].gas_used == expected[kind]
        assert made.transactions[-1].fee_wei == expected[kind] * 170_000_000


@KINDS
def test_estimates_reckon_with_the_gas_of_the_kind(kind: PoolKind) -> None:
    world = batch_of(token=replace(TOKEN, kind=kind), gas=ETHEREUM)
    used = fee_usd(SUCCEEDS[kind] * 170_000_000, world)
    left = leaving(ETHER, TOKEN.id, world, APPROVED)
    assert left is not None
    assert left[1] == used
    plain = round_trip_percent(TOKEN.id, Decimal(1_000), batch_of(gas=ETHEREUM))
    cost = round_trip_percent(TOKEN.id, Decimal(1_000), world)
    assert cost is not None
    assert plain is not None
    more = fee_usd((SUCCEEDS[kind] - SWAP_GAS) * 170_000_000, world)
    assert abs(cost - plain - 2 * more / 10) < Decimal("1e-9")
    aside = highest_gas_usd(world, (kind,), approves=True)
    assert aside == fee_usd((SUCCEEDS[kind] + APPROVE_GAS) * 330_000_000, world)


@KINDS
def test_a_baseline_sends_the_same_kind_of_swap(kind: PoolKind) -> None:
    sent = tuple(
        Sent(TransactionKind.SWAP, status, 0)
        for status in (TransactionStatus.CONFIRMED, TransactionStatus.REVERTED)
    )
    trade = RecordedTrade(ETHEREUM, sent, Decimal(2_000), (kind,))
    assert baseline_wei(trade, B0) == (SUCCEEDS[kind] + FAILS[kind]) * 170_000_000


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("uniswap_v2", PoolKind.V2),
        ("uniswap_v3", PoolKind.V3),
        ("pancakeswap_v3", PoolKind.V3),
        ("aerodrome", PoolKind.SOLIDLY_VOLATILE),
        ("aerodrome_v3", PoolKind.V3),
        ("aerodrome_slipstream", PoolKind.V3),
        ("aerodrome_stable", PoolKind.SOLIDLY_STABLE),
        ("velodrome_v2", PoolKind.SOLIDLY_VOLATILE),
        ("modelled", PoolKind.V2),
        ("", PoolKind.V2),
        ("balancer", PoolKind.V2),
    ],
)
def test_a_curve_is_known_by_the_exchange_and_its_version(name: str, kind: PoolKind) -> None:
    assert curve_of(name) is kind


def test_the_kind_is_no_part_of_who_a_token_is() -> None:
    assert replace(TOKEN, kind=PoolKind.V3) == TOKEN
