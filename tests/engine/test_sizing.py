from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paper_trading.engine.account import Account
from paper_trading.engine.amm import Pool
from paper_trading.engine.codes import Code
from paper_trading.engine.fills import leaving
from paper_trading.engine.market import Batch, GasConditions
from paper_trading.engine.money import HUNDRED, cash_amount, cash_units, exact
from paper_trading.engine.position import buy, market_value
from paper_trading.engine.sizing import Verdict, asked, size_buy
from paper_trading.engine.strategy import Appetite, Strategy
from tests.engine.worlds import APPETITE, NOON, account, batch, quote, token

ABC = token(3, "ABC")
XYZ = token(4, "XYZ")
WORLD = batch(quote(ABC), quote(XYZ))
EQUITY = Decimal(10_000)


#: What is set aside for gas is then the gas of now.
DIRECT = Strategy(use_transaction_manager=False)


def sized(
    of: Account,
    world: Batch = WORLD,
    strategy: Strategy | None = None,
    appetite: Appetite = APPETITE,
    equity: Decimal = EQUITY,
) -> Verdict:
    return size_buy(of, ABC, world, strategy or DIRECT, appetite, equity)


def with_xyz(cost: str, price: str = "100") -> Account:
    held = buy(None, XYZ, 10 * 10**18, Decimal(cost), Decimal(price), NOON)
    return account().with_position(held)


def test_the_level_share_is_what_is_asked_and_given_when_nothing_else_bites() -> None:
    verdict = sized(account())
    assert verdict == Verdict(Decimal(1000), Decimal(1000), "level share", Code.OK, verdict.limits)


def test_the_strategy_share_bites_when_it_is_smaller() -> None:
    verdict = sized(account(), strategy=Strategy(max_position_size_percent=Decimal(3)))
    assert verdict == Verdict(
        Decimal(1000), Decimal(300), "strategy share", Code.OK, verdict.limits
    )


def test_an_add_gets_the_share_less_what_is_held_at_cost_or_value() -> None:
    half = buy(None, ABC, 4 * 10**18, Decimal(400), Decimal(90), NOON)
    assert sized(account().with_position(half)).allowed_usd == 600
    risen = replace(half, mark_price_usd=Decimal(150))
    assert sized(account().with_position(risen)).allowed_usd == 400


def test_a_position_at_its_cap_leaves_no_exposure() -> None:
    full = buy(None, ABC, 10 * 10**18, Decimal(1000), Decimal(50), NOON)
    verdict = sized(account().with_position(full))
    assert (verdict.code, verdict.limit) == (Code.EXPOSURE_FULL, "level share")
    assert verdict.allowed_usd == 0


def test_gross_exposure_counts_every_position() -> None:
    assert sized(with_xyz("4600")).allowed_usd == 400
    assert sized(with_xyz("4600")).limit == "exposure"
    verdict = sized(with_xyz("1", price="500"))
    assert (verdict.code, verdict.limit) == (Code.EXPOSURE_FULL, "exposure")


def test_an_order_takes_no_more_than_its_share_of_the_counted_pool_side() -> None:
    shallow = batch(quote(ABC, liquidity="200000"))
    pool = Pool.from_quote(shallow.quotes[ABC.id], Decimal(1))
    assert pool is not None
    verdict = sized(account(), shallow)
    assert verdict.limit == "pool side"
    assert verdict.allowed_usd == cash_amount(pool.cash_reserve) * APPETITE.max_pool_percent / 100
    assert verdict.allowed_usd == 120


def test_cash_keeps_the_minimum_balance_and_the_gas_of_both_ways() -> None:
    poor = replace(account(), cash_usd=Decimal(500))
    gas = leaving(0, ABC.id, WORLD, frozenset())
    assert gas is not None
    verdict = sized(poor)
    assert verdict.limit == "cash"
    assert verdict.allowed_usd == cash_amount(cash_units(400 - 2 * gas[1]))
    approved = replace(poor, approvals=frozenset({0, ABC.id}))
    assert sized(approved).allowed_usd > verdict.allowed_usd


def test_cash_at_the_minimum_balance_is_too_low() -> None:
    verdict = sized(replace(account(), cash_usd=Decimal(100)))
    assert (verdict.code, verdict.limit) == (Code.BALANCE_LOW, "cash")


@pytest.mark.parametrize(("equity", "code"), [("100", Code.OK), ("99.99", Code.SIZE_TOO_SMALL)])
def test_ten_dollars_are_the_least(equity: str, code: Code) -> None:
    assert sized(account(), equity=Decimal(equity)).code is code


def test_an_entry_is_too_small_when_two_swaps_of_gas_take_over_one_percent() -> None:
    # 97,762 gas at 128 gwei and 2,000 a coin is 25.03 USD, so the least size is 5,006 USD.
    dear = batch(quote(ABC), gas=GasConditions(1, 127_000_000_000, 1_000_000_000))
    rich = account("1000000")
    for equity, code in (("50040", Code.SIZE_TOO_SMALL), ("50060", Code.OK)):
        assert sized(rich, dear, equity=Decimal(equity)).code is code


def test_an_order_that_buys_no_unit_is_too_small() -> None:
    whole = token(3, "ABC", decimals=0)
    # Deep enough in units, and one unit costs more than the order.
    world = batch(quote(whole, "5000", liquidity="1000000000000"))
    assert sized(account(), world).code is Code.SIZE_TOO_SMALL


def test_shares_are_of_equity_in_cash() -> None:
    world = batch(quote(ABC), cash_price="0.8")
    assert asked(EQUITY, world.cash_price_usd, APPETITE) == 1250
    assert sized(account("20000"), world).allowed_usd == 1250


def test_an_unpriceable_token_is_refused() -> None:
    with pytest.raises(ValueError, match="ABC cannot be priced in batch 1"):
        sized(account(), batch())
    with pytest.raises(ValueError, match="ABC cannot be priced in batch 1"):
        sized(account(), batch(quote(ABC), native_price=None))


@given(
    cash=st.decimals(0, 50_000, places=18),
    held=st.decimals("0.01", 20_000, places=6),
    price=st.decimals("0.01", 10_000, places=6),
    liquidity=st.integers(1000, 10**9),
    level=st.decimals("0.1", 100, places=2),
    exposure=st.decimals("0.1", 100, places=2),
)
@example(
    cash=Decimal("12499.9999999999999995"),
    held=Decimal("0.01"),
    price=Decimal("0.01"),
    liquidity=20817,
    level=Decimal("0.1"),
    exposure=Decimal("0.1"),
)
@exact
def test_no_limit_is_ever_exceeded(
    cash: Decimal,
    held: Decimal,
    price: Decimal,
    liquidity: int,
    level: Decimal,
    exposure: Decimal,
) -> None:
    position = buy(None, XYZ, 10**18, held, price, NOON)
    of = replace(account().with_position(position), cash_usd=cash)
    world = batch(quote(ABC, liquidity=str(liquidity)), quote(XYZ, price))
    equity = cash + market_value(position)
    appetite = replace(APPETITE, max_position_percent=level, max_exposure_percent=exposure)
    verdict = sized(of, world, appetite=appetite, equity=equity)
    allowed = verdict.allowed_usd
    assert (allowed > 0) is (verdict.code is Code.OK)
    if allowed:
        assert 10 <= allowed <= verdict.asked_usd
        assert allowed <= cash - 100
        assert allowed + max(held, price) <= equity * exposure / HUNDRED
        assert allowed <= Decimal(liquidity) / 2 * APPETITE.max_pool_percent / HUNDRED
        assert cash_amount(cash_units(allowed)) == allowed
