"""What a tick reads of its market: its tokens in their order, and what benchmarks read."""

from decimal import Decimal

from paper_trading.engine.market import Token
from paper_trading.intelligence.market_view import (
    Listed,
    ListedToken,
    MarketView,
    benchmark_prices,
    buyable,
)
from tests.engine import worlds
from tests.intelligence.samples import EVEN, closed_bar


def listed(number: int, symbol: str, *, cash: bool = False, tradable: bool = True) -> ListedToken:
    return ListedToken(Token(number, symbol, 18, symbol, 3_000), cash, tradable)


QUOTED = {number: Decimal(number) for number in range(1, 6)}


def test_weth_stands_for_eth_before_eth_does() -> None:
    tokens = [listed(1, "ETH"), listed(3, "WETH"), listed(2, "WETH"), listed(4, "LINK")]
    assert benchmark_prices(tokens, QUOTED).eth == 2
    assert benchmark_prices(tokens, {1: Decimal(1)}).eth == 1
    assert benchmark_prices(tokens, {4: Decimal(1)}).eth is None


def test_it_may_be_listed_without_being_traded() -> None:
    prices = benchmark_prices([listed(1, "WETH", tradable=False), listed(2, "LINK")], QUOTED)
    assert prices.eth == 1
    assert prices.tradable == {2}


def test_cash_is_no_part_of_the_basket() -> None:
    tokens = [listed(1, "USDC", cash=True), listed(2, "LINK"), listed(3, "UNI")]
    prices = benchmark_prices(tokens, QUOTED)
    assert prices.tradable == {2, 3}
    assert prices.quoted == QUOTED


def test_a_view_lists_tokens_by_symbol_each_with_its_own_bar() -> None:
    tokens = [listed(5, "UNI"), listed(9, "AAVE"), listed(4, "UNI", tradable=False)]
    bar = closed_bar()
    batch = worlds.batch(worlds.quote(tokens[0].token, "12"))
    view = MarketView.of(batch, EVEN, tokens, {5: bar, 77: closed_bar("0.1")}, "abc")
    assert view.listed == (
        Listed(tokens[1].token, False, True, None),
        Listed(tokens[2].token, False, False, None),
        Listed(tokens[0].token, False, True, bar),
    )
    assert (view.batch, view.quantiles, view.signals) == (batch, EVEN, "abc")
    prices = view.prices()
    assert prices.quoted == {5: Decimal(12)}
    assert prices.tradable == {5, 9}
    assert prices.eth is None


def test_chunks_deal_every_token_once_in_turn() -> None:
    tokens = [listed(number, f"T{number}") for number in range(7)]
    view = MarketView.of(worlds.batch(), None, tokens, {})
    dealt = [[one.token.id for one in view.chunk(number, 3)] for number in range(3)]
    assert dealt == [[0, 3, 6], [1, 4], [2, 5]]
    assert view.chunk(0, 0) == view.listed, "a market without tokens has no chunks"


def test_neither_cash_nor_what_is_set_aside_can_be_bought() -> None:
    tokens = [listed(1, "USDC", cash=True), listed(2, "OLD", tradable=False), listed(3, "UNI")]
    assert buyable(tokens) == {3}
