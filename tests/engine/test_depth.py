"""Fills on depth that was read on chain, of every kind; and where the known depth ends."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.account import Account
from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.amm import amount_out
from paper_trading.engine.codes import Code
from paper_trading.engine.depth import Depth, Range, Reserves, depth_from_json, depth_to_json
from paper_trading.engine.enums import ExitReason, FillGrade, PoolKind, Side, TradeStatus
from paper_trading.engine.fills import leaving, pricing_code, round_trip_percent
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Batch
from paper_trading.engine.money import cash_amount
from paper_trading.engine.pools.concentrated import ConcentratedPool
from paper_trading.engine.sizing import size_buy
from paper_trading.engine.strategy import Strategy
from tests.engine.desks import closed, executed, only
from tests.engine.pool_kinds import (
    LIQUIDITY,
    SIDES,
    SQRT_2000,
    STABLE,
    VOLATILE,
    concentrated,
    unknown_ticks,
)
from tests.engine.pools import APPROVED, CASH, ETHER, NOON, batch_of, order_of, swap_of
from tests.engine.read_depths import ABC, DIRECT, KNOWN, MANAGED, greedy, ranged, read
from tests.engine.worlds import account, decision, later

# --- a fill is the pool's own answer -----------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fee_pips", "depth", "expected"),
    [
        (PoolKind.V2, 3000, Reserves(10**12, 500 * ETHER), None),
        (PoolKind.V3, 500, KNOWN, unknown_ticks()),
        (PoolKind.SOLIDLY_VOLATILE, 3000, Reserves(10**12, 500 * ETHER), VOLATILE),
        (PoolKind.SOLIDLY_STABLE, 500, Reserves(10**12, 10**6 * ETHER), STABLE),
    ],
)
@pytest.mark.parametrize("side", list(Side))
def test_a_fill_on_depth_that_was_read_is_what_that_pool_pays(
    kind: PoolKind, fee_pips: int, depth: Depth, expected: object, side: Side
) -> None:
    token = replace(ABC, kind=kind, fee_pips=fee_pips)
    price = "1" if kind is PoolKind.SOLIDLY_STABLE else "2000"
    plain = batch_of(token=token, liquidity="1000000", price=price)
    world = replace(plain, quotes={token.id: replace(plain.quotes[token.id], depth=depth)})
    amount = 400 * CASH if side is Side.BUY else 400 * ETHER // int(price)
    if isinstance(depth, Reserves) and expected is None:
        pair = (depth.cash, depth.tokens)
        reserve_in, reserve_out = pair if side is Side.BUY else pair[::-1]
        paid = amount_out(amount, reserve_in, reserve_out, fee_pips)
    else:
        assert isinstance(expected, type(unknown_ticks()) | type(VOLATILE) | type(STABLE))
        paid = expected.quote(side, amount) or 0
    made = swap_of(order_of(side, amount, token=token), world)
    assert (made.amount_out, made.quoted_out) == (paid, paid)
    assert made.grade is FillGrade.B
    assert paid != swap_of(order_of(side, amount, token=token), plain).amount_out
    assert made.shortfall_usd == made.fee_usd + made.impact_usd + made.drift_usd + made.mev_usd


def test_without_depth_a_fill_of_any_kind_is_of_grade_c_on_the_figure() -> None:
    order = order_of(Side.BUY, 400 * CASH, token=ABC)
    made = swap_of(order, batch_of(token=ABC))
    plain = swap_of(order, batch_of(token=replace(ABC, kind=PoolKind.V2)))
    assert made.grade is FillGrade.C
    assert (made.amount_out, made.shortfall_usd) == (plain.amount_out, plain.shortfall_usd)


@pytest.mark.parametrize(
    "depth",
    [
        Reserves(0, 0),
        Reserves(2**112, 10**18),
        Reserves(9_999, 10**18),
        replace(KNOWN, liquidity=0),
        replace(KNOWN, liquidity=2**128),
        replace(KNOWN, sqrt_price_x96=0),
        replace(KNOWN, sqrt_price_x96=2**160),
        replace(KNOWN, tick_spacing=0),
        replace(KNOWN, liquidity=1),
        # Of another price than the quote's.
        replace(KNOWN, sqrt_price_x96=2 * SQRT_2000),
        replace(KNOWN, cash_is_token0=False),
        Reserves(10**12, 200 * ETHER),
    ],
)
def test_what_is_no_pool_is_an_unknown_depth_whatever_figure_is_stated(depth: Depth) -> None:
    world = read(depth)
    assert pricing_code(ABC.id, world, 60) is Code.DEPTH_UNKNOWN
    assert leaving(ETHER, ABC.id, world, APPROVED) is None


# --- where the known depth ends ----------------------------------------------------------


@given(pool=concentrated(), side=SIDES)
def test_the_known_input_is_the_largest_that_is_quoted(pool: ConcentratedPool, side: Side) -> None:
    known = pool.known_in(side)
    assert known is not None
    assert pool.quote(side, known) is not None
    assert pool.quote(side, known + 1) is None


def test_pools_without_an_end_know_every_input() -> None:
    assert VOLATILE.known_in(Side.BUY) is STABLE.known_in(Side.SELL) is None


def test_an_entry_takes_half_of_the_known_depth_and_can_be_sold() -> None:
    world = read()
    pool = ranged(world)
    known = pool.known_in(Side.BUY)
    sold = pool.quote(Side.SELL, pool.known_in(Side.SELL) or 0)
    assert known is not None
    assert sold is not None
    bought = executed(decision(ABC), of=account("100000"), world=world, by=greedy())
    record = only(bought)
    assert (record.limit, record.code) == ("known depth", Code.OK)
    assert record.allowed_usd == cash_amount(min(known, sold) // 2)
    assert record.swap is not None
    assert record.swap.grade is FillGrade.B
    # What is held takes its room, so that no add makes a position that cannot be sold.
    again = size_buy(
        bought.account, ABC, world, greedy().strategy, greedy().appetite, Decimal(100_000)
    )
    assert (again.limit, again.code) == ("known depth", Code.DEPTH_UNKNOWN)
    out = only(closed(bought.account, world, greedy(), frozenset({ABC.id})))
    assert out.status is TradeStatus.FILLED


def test_a_pool_whose_known_depth_takes_less_than_the_least_order_is_denied() -> None:
    world = read(replace(KNOWN, liquidity=LIQUIDITY // 100_000))
    record = only(executed(decision(ABC), of=account("100000"), world=world, by=greedy()))
    assert (record.status, record.code) == (TradeStatus.DENIED, Code.DEPTH_UNKNOWN)


@pytest.mark.parametrize("strategy", [DIRECT, MANAGED])
def test_an_exit_beyond_the_known_depth_is_denied_and_costs_nothing(strategy: Strategy) -> None:
    held = executed(decision(ABC), of=account(), world=read(), by=greedy()).account
    thin = read(replace(KNOWN, liquidity=LIQUIDITY // 1_000))
    made = closed(held, thin, greedy(strategy), frozenset({ABC.id}))
    record = only(made)
    assert (record.status, record.code) == (TradeStatus.DENIED, Code.DEPTH_UNKNOWN)
    assert record.allowed_usd == 0
    assert (made.account.cash_usd, made.sent) == (held.cash_usd, ())
    # Nobody can say what leaving would bring, and it is not guessed.
    assert made.equity.equity_if_closed_usd is None
    assert made.account.positions[ABC.id].net_pnl_percent is None


def test_earlier_swaps_take_of_the_known_depth_until_it_has_flown_back() -> None:
    world = read()
    known = ranged(world).known_in(Side.BUY) or 0
    full = replace(account("100000"), displaced={ABC.id: Displaced(known, NOON)})
    record = only(executed(decision(ABC), of=full, world=world, by=greedy()))
    assert (record.limit, record.code) == ("known depth", Code.DEPTH_UNKNOWN)
    # The flow is that of the stated two million a day, not of the virtual reserves.
    day = later(world, {}, hours=23)
    assert only(executed(decision(ABC), of=full, world=day, by=greedy())).code is Code.OK
    silent = later(read(liquidity=None), {}, hours=23)
    assert only(executed(decision(ABC), of=full, world=silent, by=greedy())).code is not Code.OK


def test_a_round_trip_beyond_the_known_depth_has_no_cost() -> None:
    assert round_trip_percent(ABC.id, Decimal(250), read()) is not None
    assert round_trip_percent(ABC.id, Decimal(250_000), read()) is None


def test_a_drift_beyond_what_a_swap_may_lose_reverts_on_read_depth_too() -> None:
    wild = replace(read(), sigma_annual={ABC.id: Decimal(50)})
    order = order_of(Side.SELL, ETHER // 5, "0.0001", ABC)
    gas = {swap_of(order, wild, seed).transactions[-1].gas_used for seed in range(40)}
    assert gas == {114_118, 100_509}


@given(
    depth=st.builds(
        Range,
        st.integers(0, 2**161) | st.integers(4_295_128_739, 2**100),
        st.integers(0, 2**129),
        st.sampled_from([0, 1, 10, 60, 200, 16_383, 2**24]),
        st.booleans(),
    )
    | st.builds(Reserves, st.integers(0, 2**113), st.integers(0, 2**113)),
    price=st.none() | st.decimals("1e-30", "1e23", places=30),
    decimals=st.integers(0, 36),
    kind=st.sampled_from(PoolKind),
    strategy=st.sampled_from([DIRECT, MANAGED]),
    tolerance=st.sampled_from(["0.01", "10"]),
)
def test_absurd_depths_end_in_a_code_or_in_books_that_hold(
    depth: Depth,
    price: Decimal | None,
    decimals: int,
    kind: PoolKind,
    strategy: Strategy,
    tolerance: str,
) -> None:
    token = replace(ABC, decimals=decimals, kind=kind)
    # The price of the reserves, if there is one, or any other.
    near = (
        Decimal(depth.cash or 1).scaleb(decimals - 6) / (depth.tokens or 1)
        if isinstance(depth, Reserves)
        else Decimal(2000)
    )
    usable = near if Decimal("1e-30") < near < Decimal("1e23") else Decimal(1)
    world = batch_of(token=token, sigma="3", price=str(price or usable))
    world = replace(world, quotes={token.id: replace(world.quotes[token.id], depth=depth)})
    by = greedy(replace(strategy, max_slippage_percent=Decimal(tolerance)))
    bought = executed(decision(token), of=account("100000"), world=world, by=by)
    after = closed(bought.account, later(world, {}, minutes=1), by, frozenset({token.id}))
    for record in (*bought.trades, *after.trades):
        assert (record.status is TradeStatus.FILLED) == (record.code is Code.OK)
        if record.swap is not None:
            swap = record.swap
            terms = swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd
            assert swap.shortfall_usd == terms
            assert swap.grade is FillGrade.B
    assert cash_identity(after.account) == 0
    assert after.account.cash_usd >= 0


# --- a position that the known depth does not take ---------------------------------------


def stuck(world: Batch) -> Account:
    """An account that holds more than the world's known depth takes."""
    held = executed(decision(ABC), of=account("100000"), world=read(), by=greedy()).account
    assert leaving(held.positions[ABC.id].units, ABC.id, world, APPROVED) is None
    return held


def thinner(price: int = SQRT_2000) -> Batch:
    """A pool with a tenth of the liquidity, at a square root of the price."""
    world = read(replace(KNOWN, liquidity=LIQUIDITY // 10, sqrt_price_x96=price))
    mid = ranged(world).mid_price
    return replace(
        world, quotes={ABC.id: replace(world.quotes[ABC.id], price_usd=mid)}, market_time=NOON
    )


@pytest.mark.parametrize(
    ("over", "under", "reason"),
    # USDC is token0, so the root rises when the token falls.
    [(11, 10, ExitReason.STOP_LOSS), (10, 12, ExitReason.TAKE_PROFIT)],
)
@pytest.mark.parametrize("strategy", [DIRECT, MANAGED])
def test_a_stop_and_a_target_fire_beyond_the_known_depth(
    over: int, under: int, reason: ExitReason, strategy: Strategy
) -> None:
    world = thinner(SQRT_2000 * over // under)
    made = closed(stuck(world), world, greedy(strategy))
    held = made.account.positions[ABC.id]
    assert made.equity.equity_if_closed_usd is None
    if strategy is DIRECT:
        record = only(made)
        assert (record.status, record.exit_reason) == (TradeStatus.FILLED, reason)
        assert (record.closed, record.steps_taken, record.limit) == (None, None, "known depth")
        assert 10 <= record.allowed_usd < record.asked_usd
        assert held.units > 0
    else:
        (sent,) = made.sent
        assert sent.plan.amount_in < held.units
        assert sent.record.exit_reason is reason


def test_a_position_beyond_the_known_depth_is_sold_part_by_part() -> None:
    world = thinner()
    start = stuck(world)
    units, manual, now = start.positions[ABC.id].units, frozenset({ABC.id}), start
    parts = 0
    for _ in range(200):
        if ABC.id not in now.positions:
            break
        made = closed(now, world, greedy(), manual)
        record = only(made)
        assert record.exit_reason is ExitReason.MANUAL
        assert cash_identity(made.account) == 0
        if record.status is TradeStatus.DENIED:
            # Own sales have used up what is known.
            assert record.code is Code.DEPTH_UNKNOWN
        else:
            assert record.status is TradeStatus.FILLED
            assert record.swap is not None
            units, parts = units - record.swap.amount_in, parts + 1
            # Only the last sale closes: cool-down and rows of losses count once.
            assert (record.closed is None) is (units > 0)
        last = made.account.last_exits.get(ABC.id)
        assert (last is None) is (ABC.id in made.account.positions)
        now, world = made.account, later(world, {}, hours=1)
        world = replace(
            world,
            quotes={ABC.id: replace(world.quotes[ABC.id], observed_at=world.market_time)},
        )
    assert units == 0
    assert parts > 1
    assert now.losing_exits == 1
    assert now.losing_trades == 1


# --- as JSON -----------------------------------------------------------------------------


@given(
    depth=st.none()
    | st.builds(Reserves, st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
    | st.builds(
        Range,
        st.integers(0, 2**256 - 1),
        st.integers(0, 2**256 - 1),
        st.integers(1, 200),
        st.booleans(),
    )
)
def test_a_depth_comes_back_from_json(depth: Depth | None) -> None:
    assert depth_from_json(depth_to_json(depth)) == depth


@pytest.mark.parametrize("data", [[], ["range"], ["reserves", 1, 2], ["v4", "1", "2"], ["x"] * 5])
def test_what_is_no_depth_is_refused(data: list[object]) -> None:
    with pytest.raises(ValueError, match="is no depth of a pool"):
        depth_from_json(data)


def test_no_contract_says_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="cash reserve was -1"):
        Reserves(-1, 1)
    with pytest.raises(TypeError, match="liquidity was"):
        replace(KNOWN, liquidity=Decimal("1.5"))  # type: ignore[arg-type]


def test_quotes_are_no_older_for_their_depth() -> None:
    world = replace(read(), market_time=NOON + timedelta(seconds=61))
    assert pricing_code(ABC.id, world, 60) is Code.PRICE_STALE
