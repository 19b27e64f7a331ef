"""ETH is bought once; the basket takes a token in at its first quote. Last prices are kept."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.benchmarks import Benchmarks, Prices, quoted
from paper_trading.engine.money import exact


def prices(eth: int | None = 1, **named: str) -> Prices:
    found = {int(name[1:]): Decimal(price) for name, price in named.items()}
    return Prices(found, frozenset({1, 2, 3}), eth)


def test_nothing_is_held_before_the_first_quote() -> None:
    held = quoted(Benchmarks(), prices(None))
    assert (held.eth_index, held.basket_index) == (None, None)


def test_the_basket_is_equal_parts_of_what_was_quoted_first() -> None:
    held = quoted(Benchmarks(), prices(t1="2000", t2="4"))
    assert [held.eth_index, held.basket_index] == [1, 1]
    held = quoted(held, prices(t1="3000", t2="2", t3="9"))
    # Half of the money rose by half, the other half lost half; the third is new and moves nothing.
    assert [held.eth_index, held.basket_index] == [Decimal("1.5"), 1]
    held = quoted(held, prices(t1="3000", t2="2", t3="18"))
    # From its first quote on it has a third of the money.
    assert held.basket_index == pytest.approx(Decimal(4) / 3, abs=Decimal("1e-30"))


def test_between_two_newcomers_nothing_is_traded() -> None:
    held = quoted(Benchmarks(), prices(t1="10", t2="10"))
    held = quoted(held, prices(t1="40", t2="10"))
    assert held.basket_index == Decimal("2.5")
    held = quoted(held, prices(t1="80", t2="10"))
    # Four fifths are in the first one by now.
    assert held.basket_index == Decimal("4.5")
    held = quoted(held, prices(t1="80", t2="10", t3="1"))
    held = quoted(held, prices(t1="40", t2="10", t3="1"))
    # A third each since the third came: a sixth of 4.5 is lost.
    assert held.basket_index == Decimal("3.75")


def test_a_token_without_a_quote_keeps_its_last_price() -> None:
    held = quoted(Benchmarks(), prices(t1="2000", t2="4"))
    held = quoted(held, prices(eth=None, t2="8"))
    assert [held.eth_index, held.basket_index] == [1, Decimal("1.5")]


def test_eth_may_be_quoted_later_and_stays_the_same_token() -> None:
    held = quoted(Benchmarks(), prices(None, t2="4"))
    held = quoted(held, prices(1, t1="10", t2="4"))
    held = quoted(held, prices(2, t1="11", t2="8"))
    assert (held.eth_id, held.eth_index) == (1, Decimal("1.1"))
    # The half that rose by a tenth since it joined, and the half that doubled.
    assert held.basket_index == Decimal("1.55")


def test_only_tradable_tokens_are_in_the_basket() -> None:
    given = Prices({1: Decimal(1), 9: Decimal(5)}, frozenset({1}), None)
    assert set(quoted(Benchmarks(), given).basket) == {1}


PRICE = st.integers(1, 10**6).map(lambda number: Decimal(number) / 1000)
TICKS = st.lists(st.dictionaries(st.sampled_from([1, 2, 3]), PRICE), min_size=1, max_size=8)


def held_after(ticks: list[dict[int, Decimal]]) -> Benchmarks:
    held = Benchmarks()
    for tick in ticks:
        held = quoted(held, Prices(tick, frozenset({1, 2, 3})))
    return held


@exact
def by_hand(ticks: list[dict[int, Decimal]]) -> Decimal | None:
    """Trade the basket: what is held is sold and bought anew in equal parts when one joins."""
    money, units, last = Decimal(1), dict[int, Decimal](), dict[int, Decimal]()
    for tick in ticks:
        last |= tick
        if units:
            money = sum((units[key] * last[key] for key in units), Decimal(0))
        if last.keys() != units.keys():
            units = {key: money / len(last) / last[key] for key in last}
    return money if units else None


@given(TICKS)
def test_the_index_is_what_trading_the_basket_would_make(ticks: list[dict[int, Decimal]]) -> None:
    found, wanted = held_after(ticks).basket_index, by_hand(ticks)
    assert (found is None) == (wanted is None)
    if found is not None and wanted is not None:
        assert found == pytest.approx(wanted, rel=Decimal("1e-24"))


@given(TICKS, TICKS)
def test_no_index_looks_ahead(
    ticks: list[dict[int, Decimal]], later: list[dict[int, Decimal]]
) -> None:
    now = held_after(ticks)
    held, after = Benchmarks(), []
    for tick in [*ticks, *later]:
        held = quoted(held, Prices(tick, frozenset({1, 2, 3})))
        after.append(held.basket_index)
    assert after[len(ticks) - 1] == now.basket_index


@given(TICKS, PRICE)
def test_a_newcomer_moves_nothing_at_its_first_quote(
    ticks: list[dict[int, Decimal]], price: Decimal
) -> None:
    before = held_after(ticks)
    after = quoted(before, Prices({9: price}, frozenset({1, 2, 3, 9})))
    assert after.basket_index == (before.basket_index or 1)


@given(TICKS)
def test_a_token_without_quotes_stands_still_for_ever(ticks: list[dict[int, Decimal]]) -> None:
    held = held_after(ticks)
    assert quoted(held, Prices({}, frozenset({1, 2, 3}))).basket_index == held.basket_index
