from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.amm import Pool, amount_out
from paper_trading.engine.enums import Side
from paper_trading.engine.mev import sandwiched_out
from paper_trading.engine.pools.base import PairPool
from paper_trading.engine.pools.chained import ChainedPool, least_in
from paper_trading.engine.pools.concentrated import ConcentratedPool
from tests.engine.pool_kinds import concentrated

CASH, ETHER = 10**6, 10**18
#: WETH at 2,000 cash; the token at 0.005 WETH, which is 10 cash.
WETH = Pool(20_000_000 * CASH, 10_000 * ETHER, 18, 500)
TOKEN = Pool(500 * ETHER, 100_000 * 10**8, 8, 3000, 18)
BOTH = ChainedPool(WETH, TOKEN)
SIDES = st.sampled_from(list(Side))


def test_a_buy_goes_through_weth_and_a_sale_comes_back() -> None:
    between = amount_out(1_000 * CASH, WETH.cash_reserve, WETH.token_reserve, 500)
    bought = amount_out(between, TOKEN.cash_reserve, TOKEN.token_reserve, 3000)
    assert BOTH.quote(Side.BUY, 1_000 * CASH) == bought
    back = amount_out(bought, TOKEN.token_reserve, TOKEN.cash_reserve, 3000)
    cash = amount_out(back, WETH.token_reserve, WETH.cash_reserve, 500)
    assert BOTH.quote(Side.SELL, bought) == cash
    # Twice 0.35 % of fees, and the impact.
    assert Decimal("0.990") < Decimal(cash) / (1_000 * CASH) < Decimal("0.993")


def test_its_price_and_fee_are_those_of_both() -> None:
    assert BOTH.mid_price == 10
    assert BOTH.fee_pips == 3499
    assert BOTH.token_decimals == 8


@given(side=SIDES, millionths=st.integers(1, 10**6))
def test_it_is_never_better_than_its_middle(side: Side, millionths: int) -> None:
    amount = BOTH.reserve_in(side) * millionths // 10**6
    out = BOTH.quote(side, amount)
    assert out is not None
    units_in, units_out = (CASH * 10, 10**8) if side is Side.BUY else (10**8, CASH * 10)
    assert Fraction(out, units_out) <= Fraction(amount, units_in)


@given(side=SIDES, millionths=st.integers(1, 10**6), parts=st.integers(2, 5))
def test_slices_never_beat_one_order(side: Side, millionths: int, parts: int) -> None:
    part = BOTH.reserve_in(side) * millionths // 10**6 // parts
    pool, out = BOTH, 0
    for _ in range(parts):
        paid, after = pool.quote(side, part), pool.after(side, part)
        assert paid is not None
        assert after is not None
        out, pool = out + paid, after
    whole = BOTH.quote(side, part * parts)
    assert whole is not None
    # Each slice is rounded down twice.
    assert out <= whole + parts


@given(side=SIDES, millionths=st.integers(1, 100_000))
def test_it_moves_as_fast_as_the_reserve_that_it_states(side: Side, millionths: int) -> None:
    reserve = BOTH.reserve_in(side)
    amount = reserve * millionths // 10**6
    out, mid = BOTH.quote(side, amount), Fraction(1, 10**8) * 10 * CASH
    assert out is not None
    at_mid = Fraction(amount) / mid if side is Side.BUY else Fraction(amount) * mid
    kept = 1 - Fraction(3500, 10**6)
    stated = at_mid * kept / (1 + kept * Fraction(amount, reserve))
    assert abs(Fraction(out) - stated) < stated * Fraction(1, 10**3) + 2


@pytest.mark.parametrize("factor", ["0.9", "1.1"])
def test_a_move_is_the_token_s(factor: str) -> None:
    moved = BOTH.moved(Decimal(factor))
    assert moved is not None
    assert moved.first == WETH
    assert abs(moved.mid_price - 10 * Decimal(factor)) < Decimal("1e-6")


def test_depth_that_is_unknown_in_either_pool_is_unknown() -> None:
    shallow = ConcentratedPool.assumed(
        3420271608825245582957501,
        liquidity=10**15,
        fee_pips=500,
        tick_spacing=10,
        cash_is_token0=False,
        token_decimals=18,
    )
    through = ChainedPool(shallow, TOKEN)
    assert through.quote(Side.BUY, CASH) is not None
    assert through.quote(Side.BUY, 1_000_000 * CASH) is None
    assert through.after(Side.BUY, 1_000_000 * CASH) is None
    assert through.quote(Side.SELL, 90_000 * 10**8) is None


@given(first=concentrated() | st.just(WETH), second=concentrated() | st.just(TOKEN), side=SIDES)
def test_the_known_input_is_the_largest_that_both_quote(
    first: PairPool, second: PairPool, side: Side
) -> None:
    both = ChainedPool(first, second)
    known = both.known_in(side)
    if known is None:
        # What the nearer pool can pay at most is known to the other.
        assert isinstance(first if side is Side.BUY else second, Pool)
        assert both.quote(side, 10**40) is not None
        return
    assert both.quote(side, known) is not None
    assert both.quote(side, known + 1) is None


@pytest.mark.parametrize("side", list(Side))
def test_either_pool_may_be_attacked_alone(side: Side) -> None:
    deep = Pool(2 * 10**9 * CASH, 10**6 * ETHER, 18, 500)
    thin = Pool(500 * ETHER, 100_000 * 10**8, 8, 3000, 18)
    for pool, shares in (
        # 0.5 % of the thin pool's side are attacked there, 0.1 % are not.
        (ChainedPool(deep, thin), ((1_000, None), (5_000, True))),
        # The same input in front of a deep second pool: attacked in the pool of WETH, at 0.05 %.
        (
            ChainedPool(WETH, Pool(10**6 * ETHER, 2 * 10**8 * 10**8, 8, 3000, 18)),
            ((400, None), (1_000, True)),
        ),
    ):
        for millionths, hit in shares:
            amount = pool.reserve_in(side) * millionths // 10**6
            out = pool.quote(side, amount)
            assert out is not None
            left = sandwiched_out(pool, side, amount, out * 99 // 100, 0)
            assert (left is not None) is bool(hit)
            if left is not None:
                # The whole tolerance is gone, to a few units.
                assert 0 <= left - out * 99 // 100 <= out // 10**6 + 2
            # An attack that costs more than there is to gain does not come.
            assert sandwiched_out(pool, side, amount, out * 99 // 100, 10**60) is None


@given(side=SIDES, output=st.integers(1, 10**12))
def test_the_least_input_that_pays_an_output(side: Side, output: int) -> None:
    known = TOKEN.reserve_in(side)
    least = least_in(TOKEN, side, output, known)
    if least is None:
        assert (TOKEN.quote(side, known) or 0) < output
        return
    assert TOKEN.quote(side, least) >= output > TOKEN.quote(side, least - 1)
