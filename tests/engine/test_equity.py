from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paper_trading.engine.account import Account
from paper_trading.engine.equity import equity, in_cash, market_day, observe, roll_day, worth
from paper_trading.engine.fills import leaving
from paper_trading.engine.money import USD_LIMIT
from paper_trading.engine.position import buy
from tests.engine.worlds import NOON, account, batch, quote, token

ABC = token(3, "ABC")
XYZ = token(4, "XYZ", decimals=6)


def holding() -> Account:
    """9,000 in cash and ten ABC that cost and are marked at 100."""
    held = buy(None, ABC, 10 * 10**18, Decimal(1000), Decimal(100), NOON)
    return replace(account().with_position(held), cash_usd=Decimal(9000))


def test_equity_is_cash_at_its_price_plus_units_at_their_marks() -> None:
    point = equity(holding(), batch(quote(ABC, "100"), cash_price="0.99"))
    assert point.cash_usd == 8910
    assert point.positions_usd == 1000
    assert point.equity_usd == 9910
    assert worth(holding(), Decimal("0.99")) == 9910
    assert point.at == NOON


def test_a_depeg_shows_as_a_drawdown() -> None:
    point = equity(account(), batch(cash_price="0.9"))
    assert point.peak_usd == 10_000
    assert point.drawdown_percent == 10


def test_a_token_without_a_quote_keeps_its_last_mark() -> None:
    point = equity(holding(), batch())
    assert point.equity_usd == 10_000
    assert point.equity_if_closed_usd is None


def test_equity_if_closed_pays_fee_impact_and_gas_of_leaving() -> None:
    world = batch(quote(ABC, "100"))
    left = leaving(10 * 10**18, ABC.id, world, frozenset())
    assert left is not None
    point = equity(holding(), world)
    assert point.equity_if_closed_usd == 9000 + left[0] - left[1]
    assert point.equity_if_closed_usd < point.equity_usd


def test_exposure_and_unrealized_follow_the_marks() -> None:
    held = holding()
    risen = replace(held.positions[ABC.id], mark_price_usd=Decimal(300))
    point = equity(held.with_position(risen), batch())
    assert point.exposure_percent == 25
    assert point.unrealized_usd == 2000
    assert point.peak_usd == 12_000
    assert point.drawdown_percent == 0


def test_an_account_worth_nothing_has_no_exposure() -> None:
    broke = replace(account(), cash_usd=Decimal(0), peak_equity_usd=Decimal(0))
    point = equity(broke, batch())
    assert point.exposure_percent is None
    assert point.drawdown_percent == 0


def test_the_deepest_drawdown_and_the_peak_are_remembered() -> None:
    deep = observe(account(), equity(account(), batch(cash_price="0.9")))
    assert deep.max_drawdown_percent == 10
    assert deep.peak_equity_usd == 10_000
    high = observe(deep, equity(deep, batch(cash_price="1.5")))
    assert high.max_drawdown_percent == 10
    assert high.peak_equity_usd == 15_000


def test_a_new_market_day_starts_with_its_first_equity_and_no_entries() -> None:
    busy = replace(account(), day=date(2026, 3, 1), entries_today=7)
    rolled = roll_day(busy, NOON, Decimal(9876))
    assert (rolled.day, rolled.entries_today) == (date(2026, 3, 2), 0)
    assert rolled.day_start_equity_usd == 9876


def test_within_a_day_or_before_it_nothing_rolls() -> None:
    rolled = replace(roll_day(account(), NOON, Decimal(1)), entries_today=3)
    assert roll_day(rolled, NOON + timedelta(hours=11), Decimal(2)) == rolled
    assert roll_day(rolled, NOON - timedelta(days=1), Decimal(2)) == rolled


def test_the_market_day_is_the_utc_day() -> None:
    east = datetime(2026, 3, 3, 1, tzinfo=timezone(timedelta(hours=2)))
    assert market_day(east) == date(2026, 3, 2)


def test_a_market_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-03-02T12:00:00 has no time zone"):
        market_day(NOON.replace(tzinfo=None))


def test_market_usd_buys_no_cash_without_a_cash_price() -> None:
    assert in_cash(Decimal(99), Decimal("0.99")) == 100
    assert in_cash(Decimal(99), Decimal(0)) == 0


@given(
    st.decimals(0, 10**9, places=18),
    st.decimals("0.5", "1.5", places=18),
    st.lists(st.tuples(st.integers(1, 10**30), st.decimals(0, 10**6, places=36)), max_size=2),
)
def test_the_parts_of_equity_add_up_to_the_digit(
    cash: Decimal, cash_price: Decimal, positions: list[tuple[int, Decimal]]
) -> None:
    held = replace(account(), cash_usd=cash)
    for of, (units, price) in zip((ABC, XYZ), positions, strict=False):
        # Worth more than a column holds is refused, and is another test's.
        assume(units * price < USD_LIMIT.scaleb(of.decimals - 1))
        held = held.with_position(buy(None, of, units, Decimal(1), price, NOON))
    point = equity(held, batch(cash_price=str(cash_price)))
    assert point.equity_usd - point.positions_usd - point.cash_usd == 0
    assert 0 <= point.drawdown_percent <= 100
    assert point.peak_usd >= point.equity_usd
