"""Benchmarks are bought once, at the first quote, and keep the last price they knew."""

from decimal import Decimal

from paper_trading.engine.benchmarks import Benchmarks, Prices, quoted


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
    # Half of the money rose by half, the other half lost half; the third came too late.
    assert [held.eth_index, held.basket_index] == [Decimal("1.5"), 1]
    assert set(held.basket) == {1, 2}


def test_a_token_without_a_quote_keeps_its_last_price() -> None:
    held = quoted(Benchmarks(), prices(t1="2000", t2="4"))
    held = quoted(held, prices(eth=None, t2="8"))
    assert [held.eth_index, held.basket_index] == [1, Decimal("1.5")]


def test_eth_may_be_quoted_later_and_stays_the_same_token() -> None:
    held = quoted(Benchmarks(), prices(None, t2="4"))
    held = quoted(held, prices(1, t1="10", t2="4"))
    held = quoted(held, prices(2, t1="11", t2="8"))
    assert (held.eth_id, held.eth_index) == (1, Decimal("1.1"))
    assert held.basket_index == 2


def test_only_tradable_tokens_are_in_the_basket() -> None:
    given = Prices({1: Decimal(1), 9: Decimal(5)}, frozenset({1}), None)
    assert set(quoted(Benchmarks(), given).basket) == {1}
