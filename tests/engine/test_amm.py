from datetime import UTC, datetime
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paper_trading.engine.amm import MIN_RESERVE, Pool, amount_out
from paper_trading.engine.enums import FillGrade, Side
from paper_trading.engine.market import Quote, Token
from paper_trading.engine.money import CONTEXT

E18 = 10**18
RESERVES = st.integers(MIN_RESERVE, 10**40)
AMOUNTS = st.integers(0, 10**42)
FEES = st.integers(0, 999_999)
SIDES = st.sampled_from(Side)
POOLS = st.builds(Pool, RESERVES, RESERVES, st.integers(0, 36), FEES)


def quote_of(
    price: str,
    liquidity: str | None,
    decimals: int = 18,
    grade: FillGrade = FillGrade.C,
) -> Quote:
    token = Token(1, "TKN", decimals, "0x01", 3000, grade)
    depth = None if liquidity is None else Decimal(liquidity)
    return Quote(token, Decimal(price), datetime(2026, 1, 1, tzinfo=UTC), "test", depth)


def product(pool: Pool) -> int:
    return pool.cash_reserve * pool.token_reserve


@pytest.mark.parametrize(
    ("amount", "reserve_in", "reserve_out", "out"),
    [
        (1, 5, 10, 1662497915624478906),
        (1, 10, 5, 453305446940074565),
        (2, 5, 10, 2851015155847869602),
        (1, 10, 10, 906610893880149131),
        (1, 100, 100, 987158034397061298),
        (1, 1000, 1000, 996006981039903216),
    ],
)
def test_outputs_are_those_of_uniswap_v2(
    amount: int, reserve_in: int, reserve_out: int, out: int
) -> None:
    assert amount_out(amount * E18, reserve_in * E18, reserve_out * E18, 3000) == out


@pytest.mark.parametrize(
    ("share", "shortfall"),
    [("0.001", "0.3993"), ("0.005", "0.7945"), ("0.01", "1.2842"), ("0.05", "5.0341")],
)
def test_shortfall_grows_with_the_share_of_the_pool(share: str, shortfall: str) -> None:
    pool = Pool(E18, E18, 6, 3000)
    amount = int(Decimal(share) * E18)
    lost = 100 * (1 - Decimal(pool.quote(Side.BUY, amount)) / amount)
    assert round(lost, 4) == Decimal(shortfall)


@given(AMOUNTS, RESERVES, RESERVES, FEES)
def test_an_output_is_the_exact_formula_rounded_down(
    amount: int, reserve_in: int, reserve_out: int, fee: int
) -> None:
    net = Fraction(amount) * (1 - Fraction(fee, 10**6))
    exact = net * reserve_out / (reserve_in + net)
    assert amount_out(amount, reserve_in, reserve_out, fee) == exact.__floor__()


@pytest.mark.parametrize(
    ("amount", "reserve_in", "reserve_out", "fee", "message"),
    [
        (-1, 1, 1, 3000, "amount in -1 is negative"),
        (1, 0, 1, 3000, "reserves 0 and 1 must both be positive"),
        (1, 1, -5, 3000, "reserves 1 and -5 must both be positive"),
        (1, 1, 1, -1, "fee -1 pips is outside 0 to 999999"),
        (1, 1, 1, 1_000_000, "fee 1000000 pips is outside 0 to 999999"),
    ],
)
def test_impossible_swaps_are_refused(
    amount: int, reserve_in: int, reserve_out: int, fee: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        amount_out(amount, reserve_in, reserve_out, fee)


@given(POOLS, SIDES, AMOUNTS)
def test_all_of_the_input_stays_in_the_pool_so_its_product_never_falls(
    pool: Pool, side: Side, amount: int
) -> None:
    after = pool.after(side, amount)
    out = pool.quote(side, amount)
    cash, tokens = (amount, -out) if side is Side.BUY else (-out, amount)
    assert after.cash_reserve == pool.cash_reserve + cash
    assert after.token_reserve == pool.token_reserve + tokens
    assert product(after) >= product(pool)


@given(POOLS, SIDES, AMOUNTS)
def test_an_output_is_less_than_the_reserve(pool: Pool, side: Side, amount: int) -> None:
    reserve_out = pool.token_reserve if side is Side.BUY else pool.cash_reserve
    assert 0 <= pool.quote(side, amount) < reserve_out


@given(POOLS, SIDES, AMOUNTS, AMOUNTS)
def test_more_in_is_never_less_out(pool: Pool, side: Side, one: int, another: int) -> None:
    low, high = sorted((one, another))
    assert pool.quote(side, low) <= pool.quote(side, high)


@given(POOLS, AMOUNTS)
def test_a_round_trip_never_profits(pool: Pool, cash: int) -> None:
    tokens = pool.quote(Side.BUY, cash)
    assert pool.after(Side.BUY, cash).quote(Side.SELL, tokens) <= cash


@given(POOLS, st.decimals("0.5", "1.5", places=12))
def test_a_moved_pool_keeps_its_product_and_takes_the_price(pool: Pool, factor: Decimal) -> None:
    moved = pool.moved(factor)
    assert product(moved) <= product(pool)
    # Each reserve is under one unit short of the exact root.
    exact_cash = Fraction(pool.cash_reserve) ** 2 * Fraction(factor)
    exact_tokens = Fraction(pool.token_reserve) ** 2 / Fraction(factor)
    assert moved.cash_reserve**2 <= exact_cash < (moved.cash_reserve + 1) ** 2
    assert moved.token_reserve**2 <= exact_tokens < (moved.token_reserve + 1) ** 2


@given(POOLS)
def test_a_pool_moved_by_nothing_is_the_same(pool: Pool) -> None:
    assert pool.moved(Decimal(1)) == pool


@pytest.mark.parametrize("factor", ["0", "-0.5"])
def test_a_price_factor_that_is_not_positive_is_refused(factor: str) -> None:
    with pytest.raises(ValueError, match=f"price factor {factor} must be positive"):
        Pool(10**6, 10**6, 6, 3000).moved(Decimal(factor))


def test_a_provider_figure_is_halved_and_cut_by_a_fifth() -> None:
    pool = Pool.from_quote(quote_of("2000", "1000000"), Decimal("0.5"))
    assert pool == Pool(800_000 * 10**6, 200 * E18, 18, 3000)
    assert pool.mid_price == 4000


@pytest.mark.parametrize("grade", [FillGrade.A, FillGrade.B])
def test_depth_read_on_chain_is_taken_whole(grade: FillGrade) -> None:
    pool = Pool.from_quote(quote_of("2000", "1000000", grade=grade), Decimal(1))
    assert pool == Pool(500_000 * 10**6, 250 * E18, 18, 3000)


@pytest.mark.parametrize(
    ("price", "liquidity", "decimals"),
    [
        ("1", None, 18),
        ("1", "0", 18),
        # A tenth of a cent a side is a thousand units of cash.
        ("1", "0.0025", 18),
        # 400 whole tokens of no decimals are too coarse to carry a price.
        ("1000", "1000000", 0),
        ("1000000000", "1000000", 3),
    ],
)
def test_a_pool_too_small_to_carry_the_price_is_none(
    price: str, liquidity: str | None, decimals: int
) -> None:
    assert Pool.from_quote(quote_of(price, liquidity, decimals), Decimal(1)) is None


@pytest.mark.parametrize("cash", ["0", "-1"])
def test_a_price_of_cash_that_is_not_positive_is_refused(cash: str) -> None:
    with pytest.raises(ValueError, match=f"cash_price_usd was {cash}; allowed are .* above 0"):
        Pool.from_quote(quote_of("1", "1000000"), Decimal(cash))


@given(
    st.integers(0, 36),
    st.integers(-18, 9),
    st.decimals("1", "9.999999", places=6),
    st.decimals("0.9", "1.1", places=4),
)
def test_any_scale_of_price_and_decimals_keeps_the_price_to_a_basis_point(
    decimals: int, exponent: int, digits: Decimal, cash_price: Decimal
) -> None:
    price = CONTEXT.scaleb(digits, exponent)
    pool = Pool.from_quote(quote_of(str(price), "25000000", decimals), cash_price)
    with localcontext(CONTEXT):
        whole = int(10_000_000 / price * 10**decimals)
        assert (pool is None) is (whole < MIN_RESERVE)
        assume(pool is not None)
        assert pool is not None
        assert abs(pool.mid_price * cash_price / price - 1) < Decimal("0.0001")


def test_a_price_of_attodollars_buys_and_sells() -> None:
    pool = Pool.from_quote(quote_of("0.00000000000000000234", "500000"), Decimal(1))
    assert pool is not None
    tokens = pool.quote(Side.BUY, 100 * 10**6)
    assert tokens > 4 * 10**19 * E18
    assert 99 * 10**6 < pool.after(Side.BUY, 100 * 10**6).quote(Side.SELL, tokens) < 100 * 10**6
