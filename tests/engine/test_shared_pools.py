"""What several orders of one account do to each other in pools that they share."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paper_trading.engine.amm import Pool
from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Reserves
from paper_trading.engine.enums import PoolKind, PriceVerdict, Side, TradeStatus
from paper_trading.engine.impact import Displaced, added, left
from paper_trading.engine.market import Batch, GasConditions, OtherPool, Quote
from paper_trading.engine.pools.chained import ChainedPool
from paper_trading.engine.strategy import Strategy
from paper_trading.engine.ways import Own, best_way, met, pool_in, rest_in, way_by, ways
from tests.engine.desks import closed, executed, only
from tests.engine.pools import CASH, ETHER
from tests.engine.waiting import sent, told
from tests.engine.worlds import APPETITE, NOON, account, batch, decision, later, quote, rules, token

WETH = replace(token(1, "WETH", fee_pips=500), kind=PoolKind.V3)
SEVEN = [
    replace(token(key, f"T{key}", fee_pips=3000), kind=PoolKind.V3, through=WETH.id)
    for key in range(2, 9)
]
MANY = Strategy(max_concurrent_positions=10)
GREEDY = replace(
    APPETITE,
    max_pool_percent=Decimal(5),
    max_exposure_percent=Decimal(100),
    max_position_percent=Decimal(10),
)
LINK = SEVEN[0]


def thin() -> Batch:
    """Seven tokens with deep pools against WETH, whose own pool is small."""
    weth = quote(WETH, "2000", liquidity="1000000")
    return batch(weth, *(quote(one, "10", liquidity="100000000") for one in SEVEN))


@pytest.mark.parametrize("share", ["0.5", "2", "5"])
def test_entries_of_one_tick_get_no_more_than_the_shared_pool_pays(share: str) -> None:
    by = rules(MANY, replace(GREEDY, max_pool_percent=Decimal(share)), managed=True)
    world = thin()
    made = sent(*map(decision, SEVEN), of=account("150000"), world=world, by=by)
    then = closed(made.account, later(world, {}, seconds=15), by)
    pool = pool_in(world, world.quotes[LINK.id])
    assert isinstance(pool, ChainedPool)
    first, filled = pool.first, 0
    for record in then.trades:
        assert record.swap is not None
        if record.status is not TradeStatus.FILLED:
            continue
        filled += 1
        between, after = (
            first.quote(Side.BUY, record.swap.amount_in),
            first.after(Side.BUY, record.swap.amount_in),
        )
        assert between is not None
        assert after is not None
        paid = pool.second.quote(Side.BUY, between)
        assert paid is not None
        assert record.swap.amount_out <= paid + 2
        first = after
    # Each is planned behind those before it, so none fails by them.
    assert filled == 7


def test_an_order_on_its_way_is_met_by_the_next_one_in_the_same_pool() -> None:
    world = thin()
    waiting = sent(decision(LINK), world=world).account
    own = Own(waiting.displaced, waiting.pending)
    (one,) = waiting.pending.values()
    spent = one.plan.amount_in
    other = world.quotes[SEVEN[1].id]
    assert (rest_in(world, other, own).own, rest_in(world, other, own).first) == (0, spent)
    assert rest_in(world, world.quotes[WETH.id], own).own == spent
    assert rest_in(world, other, Own(waiting.displaced)).first == 0


def with_other(world: Batch, other: OtherPool, of: Quote | None = None) -> Batch:
    mine = replace(of or world.quotes[LINK.id], others=(other,))
    return replace(world, quotes={**world.quotes, LINK.id: mine})


def test_what_is_left_before_a_further_pool_counts_though_the_pinned_one_is_direct() -> None:
    direct = replace(LINK, through=None, fee_pips=10_000)
    deep = OtherPool("0xdeep", PoolKind.V3, 500, WETH.id, Decimal(100_000_000))
    world = with_other(thin(), deep, quote(direct, "10", liquidity="300000"))
    used = {WETH.id: Displaced(100_000 * CASH, NOON)}
    of = replace(account("100000"), displaced=used, approvals=frozenset({0, 1, 2}))
    record = only(executed(decision(direct), of=of, world=world, by=rules(appetite=GREEDY)))
    assert record.swap is not None
    way = way_by(world.quotes[LINK.id], record.swap.pool, Side.BUY)
    assert way is not None
    pool = pool_in(world, way)
    assert pool is not None
    there = met(pool, Side.BUY, rest_in(world, way, Own(used)))
    assert there is not None
    assert record.swap.amount_out == there.quote(Side.BUY, record.swap.amount_in)
    # With so much left in the pool of WETH, the dear one is the better way.
    assert best_way(world, world.quotes[LINK.id], Side.BUY, 2_000 * CASH).pool == "0xdeep"
    assert best_way(world, world.quotes[LINK.id], Side.BUY, 2_000 * CASH, Own(used)).pool == ""


@pytest.mark.parametrize(
    ("verdict", "weth"), [(PriceVerdict.JUMP, "2000"), (PriceVerdict.DISPUTED, "2300")]
)
def test_a_hop_of_another_price_moves_no_pool_that_was_read(
    verdict: PriceVerdict, weth: str
) -> None:
    """WETH is 2,400 USD really; LINK was read at 10.8 USD in a pool against WETH."""
    link = replace(LINK, kind=PoolKind.V2)
    read = Reserves(4_500 * ETHER, 1_000_000 * ETHER)
    mine = replace(quote(link, "10.8", liquidity="20000000"), depth=read)
    real = batch(quote(WETH, "2400", liquidity="20000000"), mine)
    odd = batch(replace(quote(WETH, weth, liquidity="20000000"), verdict=verdict), mine)
    for world in (real, odd):
        pool = pool_in(world, world.quotes[link.id])
        assert pool is not None
        assert abs(pool.mid_price - Decimal("10.8")) < Decimal("1e-6")
    bought = sent(decision(link), of=account("100000"), world=real).account
    fair, other = (told(bought, later(world, {}, seconds=15)).swap for world in (real, odd))
    assert fair is not None
    assert other is not None
    # The depth of the first pool is that of another figure; the price is not.
    assert abs(other.amount_out / fair.amount_out - 1) < 1e-3


@pytest.mark.parametrize(("read", "side"), [("10.19", Side.BUY), ("9.81", Side.SELL)])
def test_a_further_pool_that_was_read_at_a_worse_price_has_that_price(
    read: str, side: Side
) -> None:
    other = OtherPool("0xnear", PoolKind.V3, 3_000, None, Decimal(1_000_000), None, Decimal(read))
    direct = replace(LINK, through=None, fee_pips=10_000)
    world = with_other(thin(), other, quote(direct, "10", liquidity="1000000"))
    for one in Side:
        way = way_by(world.quotes[LINK.id], "0xnear", one)
        assert way is not None
        assert way.price_usd == (Decimal(read) if one is side else 10)
        pool = pool_in(world, way)
        assert pool is not None
        assert abs(pool.mid_price - way.price_usd) < Decimal("1e-6")
    amount = 100 * CASH if side is Side.BUY else 10 * ETHER
    # 0.3 % and 1.9 % worse a price cost more than 1 %.
    assert best_way(world, world.quotes[LINK.id], side, amount).pool == ""


def test_a_pair_that_is_listed_twice_is_one_way() -> None:
    other = OtherPool("0xnear", PoolKind.V3, 3_000, None, Decimal(1_000_000))
    mine = replace(thin().quotes[LINK.id], others=(other, other))
    assert [one.pool for one in ways(mine, Side.BUY)] == ["", "0xnear"]


def test_an_order_that_is_told_late_takes_no_flow_again() -> None:
    pool = Pool(10**12, 500 * ETHER, 18, 500)
    later_on = NOON + timedelta(hours=5)
    before = added(None, pool, Side.BUY, 300_000 * CASH, later_on)
    after = added(before, pool, Side.BUY, 1_000 * CASH, NOON)
    at = NOON + timedelta(hours=6)
    assert left(after, pool, at) == left(before, pool, at) + 1_000 * CASH


def test_an_entry_takes_the_way_that_it_was_sized_for() -> None:
    """A cap makes it small enough for a pool of low fee that it is too much for."""
    direct = replace(LINK, through=None, fee_pips=10_000)
    small = OtherPool("0xthin", PoolKind.V3, 100, None, Decimal(24_000))
    world = with_other(thin(), small, quote(direct, "10", liquidity="50000000"))
    strategy = Strategy(max_trade_usd=Decimal(90))
    record = only(executed(decision(direct), world=world, by=rules(strategy)))
    assert record.swap is not None
    # 0.15 % of 9,600 USD are 14: the thin pool is not for 90 USD.
    assert best_way(world, world.quotes[LINK.id], Side.BUY, 90 * CASH).pool == "0xthin"
    assert (record.allowed_usd, record.swap.pool) == (Decimal(90), "")


@pytest.mark.parametrize("cash", ["8", "11"])
def test_an_exit_pays_no_gas_that_the_account_has_not(cash: str) -> None:
    """Own sales turn it to the way through two pools, whose gas is more."""
    link = replace(LINK, through=None, fee_pips=500)
    deep = OtherPool("0xdeep", PoolKind.V3, 10_000, WETH.id, Decimal(50_000_000))
    mine = replace(quote(link, "10", liquidity="1000000"), others=(deep,))
    dear = GasConditions(1, 30 * 10**9, 10**9)
    world = batch(quote(WETH, "2000", liquidity="50000000"), mine, gas=dear)
    by = rules(appetite=replace(GREEDY, max_pool_percent=Decimal(100)))
    held = executed(decision(link), of=account("30000"), world=world, by=by).account
    world = replace(later(world, {}, minutes=5), sigma_annual={link.id: Decimal(40)})
    sold = {link.id: Displaced(-100_000 * CASH, world.market_time)}
    approved = frozenset({0, WETH.id, link.id})
    held = replace(held, cash_usd=Decimal(cash), displaced=sold, approvals=approved)
    found = set()
    for seed in range(10):
        done = closed(held, world, replace(by, seed=seed), frozenset({link.id}))
        assert done.account.cash_usd >= 0
        found.add(only(done).code)
    # One pool takes 7 USD, two take 10.7.
    fails = {Code.MINIMUM_OUT_NOT_MET, Code.OK}
    assert found == ({Code.BALANCE_LOW} if cash == "8" else fails)


def test_a_pool_of_few_units_behind_one_of_cents_is_sold_into() -> None:
    """What both come to has less than one unit of the token."""
    few = replace(token(2, "FEW", decimals=0), through=WETH.id)
    world = batch(
        quote(WETH, "2000", liquidity="20000000"), quote(few, "500", liquidity="12500000")
    )
    by = rules(appetite=replace(GREEDY, max_pool_percent=Decimal(100)))
    held = executed(decision(few), of=account("100000"), world=world, by=by).account
    gone = later(world, {}, minutes=5)
    gone = replace(gone, quotes={**gone.quotes, WETH.id: quote(WETH, "2000", liquidity="2")})
    pool = pool_in(gone, gone.quotes[few.id])
    assert pool is not None
    assert pool.reserve_in(Side.SELL) == 0
    done = closed(held, gone, by, frozenset({few.id}))
    record = only(done)
    assert record.code is Code.OK
    assert record.swap is not None
    assert record.swap.amount_out < 2 * CASH
    assert done.account.displaced[few.id].cash_units < 0


# Legs of one transaction


FIVE = batch(*(quote(token(key, f"T{key}"), "10") for key in range(1, 6)))
WIDE = rules(MANY, managed=True)


def without(world: Batch, key: int) -> Batch:
    return replace(world, quotes={one: kept for one, kept in world.quotes.items() if one != key})


def two_legs() -> Mapping[int, Decimal]:
    return {1: Decimal("0.9"), 2: Decimal("0.5")}


def test_legs_that_are_told_later_were_in_the_same_block_at_the_same_price() -> None:
    wanted = [replace(decision(FIVE.quotes[key].token), score=at) for key, at in two_legs().items()]
    made = executed(*wanted, world=FIVE, by=WIDE)
    half = closed(made.account, without(later(FIVE, {}, seconds=15), 2), WIDE)
    (first,) = half.trades
    assert first.swap is not None
    paid = first.swap.transactions[-1].gas_price_wei
    # Gas is a hundred times as dear by then: that says nothing of a block that has been.
    dear = later(FIVE, {}, seconds=40)
    dear = replace(dear, gas=replace(dear.gas, base_fee_wei=100 * dear.gas.base_fee_wei))
    (second,) = closed(half.account, dear, WIDE).trades
    assert second.swap is not None
    assert (second.status, second.code) == (TradeStatus.FILLED, Code.OK)
    assert second.swap.transactions[-1].gas_price_wei == paid


def test_legs_that_are_told_later_were_in_no_block_either() -> None:
    wanted = [replace(decision(FIVE.quotes[key].token), score=at) for key, at in two_legs().items()]
    made = executed(*wanted, world=FIVE, by=WIDE)
    poor = {
        key: replace(one, maximum_fee_wei=1, approves=False) if key == 1 else one
        for key, one in made.account.pending.items()
    }
    approved = replace(made.account, pending=poor, approvals=frozenset({0}))
    half = closed(approved, without(later(FIVE, {}, seconds=15), 2), WIDE)
    assert [one.code for one in half.trades] == [Code.NOT_INCLUDED]
    (second,) = closed(half.account, later(FIVE, {}, seconds=40), WIDE).trades
    assert second.code is Code.NOT_INCLUDED


def test_legs_that_are_told_at_once_were_in_no_block_together() -> None:
    wanted = [replace(decision(FIVE.quotes[key].token), score=at) for key, at in two_legs().items()]
    made = executed(*wanted, world=FIVE, by=WIDE).account
    poor = replace(made.pending[1], maximum_fee_wei=1)
    left_out = replace(made, pending={**made.pending, 1: poor}, approvals=frozenset({0}))
    told_both = closed(left_out, later(FIVE, {}, seconds=15), WIDE).trades
    assert [one.code for one in told_both] == [Code.NOT_INCLUDED] * 2
