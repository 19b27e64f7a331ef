from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.amm import Pool
from paper_trading.engine.enums import Side
from paper_trading.engine.fills import execute_swap
from paper_trading.engine.impact import Displaced, added, left, met, moved_units
from paper_trading.engine.money import CONTEXT, cash_amount
from paper_trading.engine.trade import Order
from paper_trading.engine.ways import Own
from tests.engine.worlds import NOON, batch, quote, token

CASH = 10**6
POOL = Pool(500_000 * CASH, 500_000 * 10**18, 18, 3000)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("hours", "rest"),
    [(0, 50_000), (1, 8_333), (2, 0), (48, 0), (-1, 50_000)],
)
def test_the_flow_of_a_day_is_the_liquidity_of_the_pool(hours: int, rest: int) -> None:
    """A million USD a day is 41,667 an hour."""
    for sign in (1, -1):
        found = left(Displaced(sign * 50_000 * CASH, NOON), POOL, NOON + timedelta(hours=hours))
        assert sign * found // CASH in (rest, rest - 1, rest + 1)
        assert found == 0 or (found > 0) == (sign > 0)


def test_nothing_is_left_where_nothing_was_done() -> None:
    assert left(None, POOL, NOON) == 0
    assert met(POOL, Side.BUY, 0) is POOL


def test_only_what_is_against_an_order_is_met() -> None:
    bought = met(POOL, Side.BUY, 2_500 * CASH)
    assert bought == POOL.after(Side.BUY, 2_500 * CASH)
    assert met(POOL, Side.SELL, 2_500 * CASH) is POOL
    sold = met(POOL, Side.SELL, -2_500 * CASH)
    assert sold == POOL.after(Side.SELL, 2_500 * 10**18)
    assert met(POOL, Side.BUY, -2_500 * CASH) is POOL


def test_swaps_of_both_sides_add_up() -> None:
    once = added(None, POOL, Side.BUY, 2_500 * CASH, NOON)
    twice = added(once, POOL, Side.BUY, 2_500 * CASH, NOON)
    assert twice == Displaced(5_000 * CASH, NOON)
    assert added(twice, POOL, Side.SELL, 6_000 * CASH, NOON) == Displaced(-1_000 * CASH, NOON)
    assert added(twice, POOL, Side.BUY, CASH, NOON + DAY) == Displaced(CASH, NOON + DAY)


def lost(slices: int, seconds: int) -> Decimal:
    """The share that 50,000 USD lose in a pool of a million, in equal slices so far apart."""
    abc = token()
    world = batch(quote(abc, "100", liquidity="1250000"))
    before, out, paid = None, 0, 50_000 * CASH // slices
    pool = Pool.from_quote(world.quotes[abc.id], world.cash_price_usd)
    assert pool is not None
    for number in range(slices):
        at = NOON + timedelta(seconds=number * seconds)
        own = Own({} if before is None else {abc.id: before}, at=at)
        order = Order(abc, Side.BUY, paid, Decimal("0.5"))
        swap = execute_swap(order, world, seed=1, nonce=0, approvals=frozenset({0}), own=own)
        out += swap.amount_out
        before = added(before, pool, Side.BUY, paid, at)
    value = CONTEXT.multiply(CONTEXT.scaleb(Decimal(out), -18), Decimal(100))
    return CONTEXT.divide(cash_amount(50_000 * CASH) - value, Decimal(500))


def test_twenty_slices_cost_what_one_order_costs_less_the_stated_refill() -> None:
    """The pool counts for a million after the haircut of a stated figure."""
    whole, at_once, spread, alone = lost(1, 0), lost(20, 0), lost(20, 15), lost(20, 86_400)
    assert round(whole, 2) == Decimal("9.34")
    assert round(at_once, 2) == Decimal("9.35")
    assert at_once >= whole
    # In 15 s the flow brings 174 of 2,500 USD back.
    assert round(spread, 2) == Decimal("8.81")
    assert round(alone, 2) == Decimal("0.79")


@given(
    slices=st.integers(2, 12),
    seconds=st.integers(0, 600),
    units=st.integers(CASH, 200_000 * CASH),
)
def test_slices_gain_no_more_than_what_flowed_back_between_them(
    slices: int, seconds: int, units: int
) -> None:
    part = units // slices
    before, out, refilled = None, 0, 0
    for number in range(slices):
        at = NOON + timedelta(seconds=number * seconds)
        rest = left(before, POOL, at)
        refilled += 0 if before is None else before.cash_units - rest
        pool = met(POOL, Side.BUY, rest)
        assert pool is not None
        out += pool.quote(Side.BUY, part) or 0
        before = added(before, POOL, Side.BUY, part, at)
    # What flowed back in the meantime is all that slicing can gain, at the price of the middle.
    whole = POOL.quote(Side.BUY, part * slices)
    gain = refilled * POOL.token_reserve // POOL.cash_reserve
    assert out <= whole + gain + slices
    assert out <= POOL.quote(Side.BUY, part) * slices


@given(parts=st.integers(2, 8), millionths=st.integers(100, 200_000), side=st.sampled_from(Side))
def test_slices_at_once_never_beat_one_order_either_way(
    parts: int, millionths: int, side: Side
) -> None:
    part = POOL.reserve_in(side) * millionths // 10**6 // parts
    whole, rest, out = POOL.quote(side, part * parts), 0, 0
    for _ in range(parts):
        now = met(POOL, side, rest)
        assert now is not None
        got = now.quote(side, part) or 0
        moved = moved_units(POOL, side, part, got)
        out, rest = out + got, rest + (moved if side is Side.BUY else -moved)
    assert out <= whole + parts


def test_without_a_pool_a_sale_moves_what_it_paid() -> None:
    assert moved_units(None, Side.SELL, 10**18, 7) == 7
    assert moved_units(None, Side.BUY, 5, 10**18) == 5
