import random
from decimal import Decimal

import pytest

from paper_trading.engine import gas
from paper_trading.engine.amm import Pool
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import PoolKind, Side
from paper_trading.engine.market import GasConditions
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.pools.ladder import Ladder, Tick
from paper_trading.engine.pools.routes import (
    Candidate,
    GasCost,
    Hop,
    Listed,
    best_route,
    candidate,
    routes,
)
from paper_trading.engine.pools.tick_math import Q96
from tests.engine.pool_kinds import CASH, ETHER, STABLE, V2, VOLATILE, unknown_ticks, v3
from tests.engine.pools import BASE, ETHEREUM

USDC, WETH, TOKEN, DAI = "0x0c", "0x0e", "0x0f", "0x0d"
MIDDLES = (WETH, USDC)
#: Two thousand dollars a coin, in units of 18 decimals at a dollar a token.
IN_TOKENS = Decimal(2000 * ETHER)
FREE = GasCost(GasConditions(8453, 0, 0), Decimal(0))
ON_L1 = GasCost(ETHEREUM, IN_TOKENS)

#: A token of a dollar, against USDC and against WETH.
DIRECT = Listed("0x1", PoolKind.V2, USDC, TOKEN, Pool(10**11, 10**5 * ETHER, 18, 3000))
ENTRY = Listed("0x2", PoolKind.V3, USDC, WETH, v3())
ENTRY_V2 = Listed("0x3", PoolKind.V2, USDC, WETH, V2)
EXIT = Listed("0x4", PoolKind.V2, WETH, TOKEN, Pool(500 * ETHER, 10**6 * ETHER, 18, 3000))
DEAD_END = Listed("0x5", PoolKind.SOLIDLY_STABLE, USDC, DAI, STABLE)
DAI_EXIT = Listed("0x6", PoolKind.V2, DAI, TOKEN, Pool(10**24, 10**24, 18, 3000))
POOLS = (DIRECT, ENTRY, ENTRY_V2, EXIT, DEAD_END, DAI_EXIT)


def best(amount: int, cost: GasCost = FREE, pools: tuple[Listed, ...] = POOLS) -> Candidate:
    found = best_route(pools, USDC, TOKEN, amount, MIDDLES, cost).best
    assert found is not None
    return found


def test_all_routes_of_one_and_two_hops_through_the_middles_are_candidates() -> None:
    found = {tuple(hop.listed.address for hop in route) for route in
             routes(POOLS, USDC, TOKEN, MIDDLES)}  # fmt: skip
    assert found == {("0x1",), ("0x2", "0x4"), ("0x3", "0x4")}


def test_a_sale_goes_the_same_ways_back() -> None:
    found = list(routes(POOLS, TOKEN, USDC, MIDDLES))
    assert [tuple(hop.side for hop in route) for route in found] == [
        (Side.SELL,),
        (Side.SELL, Side.SELL),
        (Side.SELL, Side.SELL),
    ]
    assert found[1][0].token_out == WETH


def test_a_small_order_goes_direct_and_a_large_one_through_the_deeper_pools() -> None:
    assert best(10 * CASH).addresses == ("0x1",)
    assert best(10_000 * CASH).addresses == ("0x2", "0x4")


def test_two_hops_pay_what_their_pools_pay_in_turn() -> None:
    found = best(10_000 * CASH)
    wei = ENTRY.pool.quote(Side.BUY, 10_000 * CASH)
    assert wei is not None
    assert found.amounts_out == (wei, EXIT.pool.quote(Side.BUY, wei))


def test_gas_decides_where_it_is_dear() -> None:
    dear = GasCost(GasConditions(1, 100 * 10**9, 10**9), IN_TOKENS)
    amount = 1_000 * CASH
    assert best(amount).addresses == ("0x2", "0x4")
    assert best(amount, dear).addresses == ("0x1",)


def test_every_candidate_says_its_figures() -> None:
    found = best_route(POOLS, USDC, TOKEN, 1_000 * CASH, MIDDLES, ON_L1)
    assert len(found.candidates) == 3
    for one in found.candidates:
        assert one.code is Code.OK
        assert one.amount_out is not None
        assert one.net_out == one.amount_out - one.gas_out
        assert one.gas_wei == one.gas_used * 170_000_000
        # Two thousand tokens of 18 decimals for a coin of 18.
        assert one.gas_out == one.gas_wei * 2000
    nets = [one.net_out or 0 for one in found.candidates]
    assert nets == sorted(nets, reverse=True)


def test_a_fee_is_rounded_up_in_the_output() -> None:
    cost = GasCost(BASE, Decimal("1.5"))
    assert [cost.in_output(wei) for wei in (0, 1, ETHER, 2 * ETHER)] == [0, 1, 2, 3]


def test_the_data_fee_of_a_rollup_is_in() -> None:
    one, two = (GasCost(BASE, Decimal(1)).wei(100_000, [PoolKind.V3] * hops) for hops in (1, 2))
    assert one == gas.transaction_fee_wei(100_000, BASE, gas.SWAP_BYTES)[2]
    assert two > one > 100_000 * 6_000_000


def test_a_route_of_unknown_depth_comes_last_with_its_code() -> None:
    shallow = Listed("0x0", PoolKind.V3, USDC, WETH, unknown_ticks())
    found = best_route((shallow, *POOLS), USDC, TOKEN, 10_000 * CASH, MIDDLES, ON_L1)
    last = found.candidates[-1]
    assert (last.addresses, last.code) == (("0x0", "0x4"), Code.DEPTH_UNKNOWN)
    assert (last.amount_out, last.net_out, last.amounts_out) == (None, None, ())
    assert found.best is not None
    assert found.best.addresses == ("0x2", "0x4")


def test_where_nothing_can_be_quoted_there_is_no_best() -> None:
    shallow = Listed("0x0", PoolKind.V3, USDC, TOKEN, unknown_ticks())
    found = best_route((shallow,), USDC, TOKEN, 10_000 * CASH, MIDDLES, ON_L1)
    assert [one.code for one in found.candidates] == [Code.DEPTH_UNKNOWN]
    assert found.best is None
    assert best_route((), USDC, TOKEN, 1, MIDDLES, ON_L1).best is None


def test_an_output_that_gas_eats_up_is_said_as_it_is() -> None:
    found = best(1, GasCost(ETHEREUM, IN_TOKENS))
    assert found.net_out is not None
    assert found.net_out < 0


def test_ties_go_to_fewer_hops_then_less_gas_then_the_lower_address() -> None:
    even = Pool(10**24, 10**24, 18, 0)
    twins = [Listed(f"0x{n}", PoolKind.V2, USDC, TOKEN, even) for n in (9, 8)]
    dearer = Listed("0x7", PoolKind.V3, USDC, TOKEN, even)
    # One unit comes out as nothing everywhere.
    ways = [Listed("0xa", PoolKind.V2, USDC, WETH, even), Listed("0xb", PoolKind.V2, WETH, TOKEN,
            even)]  # fmt: skip
    # One hop that takes more gas than two.
    dearest = Listed("0x6", PoolKind.SOLIDLY_STABLE, USDC, TOKEN, even)
    pools = [*ways, *twins, dearer, dearest]
    wanted = [("0x8",), ("0x9",), ("0x7",), ("0x6",), ("0xa", "0xb")]
    for seed in range(5):
        random.Random(seed).shuffle(pools)
        found = best_route(pools, USDC, TOKEN, 1, MIDDLES, FREE)
        assert [one.addresses for one in found.candidates] == wanted


def test_each_crossed_tick_is_paid_for() -> None:
    ticks = (Tick(-10, 10**21), Tick(10, -(9 * 10**20)), Tick(20, -(9 * 10**19)))
    pool = ConcentratedPool(Q96, 0, 10**21, 500, Ladder(10, -1000, 1000, ticks), False, 18, 18)
    route = (Hop(Listed("0x1", PoolKind.V3, USDC, TOKEN, pool), Side.BUY),)
    used = [candidate(route, amount, FREE).gas_used for amount in (10**16, 55 * 10**16, 7 * 10**17)]
    assert used == [gas.V3_SWAP_GAS + crossed * 31_000 for crossed in (0, 1, 2)]


@pytest.mark.parametrize(
    ("kinds", "used"),
    [
        ("V2", 97_762),
        ("V2 V2", 152_673),
        ("V3", 114_118),
        ("V3 V3", 172_498),
        ("V2 V3", 182_000),
        ("V3 V2", 182_000),
        ("SOLIDLY_VOLATILE", 135_000),
        ("SOLIDLY_STABLE", 165_000),
        ("SOLIDLY_VOLATILE SOLIDLY_STABLE", 215_000),
        ("SOLIDLY_STABLE SOLIDLY_STABLE", 245_000),
        ("V3 SOLIDLY_STABLE", 215_000),
        ("SOLIDLY_VOLATILE V2", 185_000),
    ],
)
def test_gas_is_that_of_the_kinds_of_pools(kinds: str, used: int) -> None:
    assert gas.swap_gas([PoolKind(kind) for kind in kinds.split()]) == used


@pytest.mark.parametrize("count", [0, 3])
def test_a_route_of_another_length_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"a route of {count} hops"):
        gas.swap_gas([PoolKind.V2] * count)


def test_a_negative_number_of_ticks_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 crossed ticks"):
        gas.swap_gas([PoolKind.V3], -1)


@pytest.mark.parametrize(
    ("pools", "token_out", "amount", "message"),
    [
        (POOLS, USDC, 1, "a route leads from 0x0c to itself"),
        (POOLS, TOKEN, 0, "amount in 0 must be positive"),
        ((DIRECT, DIRECT), TOKEN, 1, "two pools have the same address"),
    ],
)
def test_an_impossible_question_is_refused(
    pools: tuple[Listed, ...], token_out: str, amount: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        best_route(pools, USDC, token_out, amount, MIDDLES, FREE)


@pytest.mark.parametrize("worth", [Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_worth_of_gas_that_is_none_is_refused(worth: Decimal) -> None:
    with pytest.raises(ValueError, match="out_per_coin was"):
        GasCost(BASE, worth)


@pytest.mark.parametrize("pool", [V2, v3(), VOLATILE])
def test_any_kind_of_pool_can_be_a_hop(pool: PairPool) -> None:
    route = (Hop(Listed("0x1", PoolKind.V2, USDC, WETH, pool), Side.SELL),)
    assert candidate(route, ETHER, FREE).amount_out == pool.quote(Side.SELL, ETHER)
