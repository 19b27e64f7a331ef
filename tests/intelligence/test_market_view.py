"""What benchmarks read of a tick: the token that stands for ETH, and what may be held."""

from decimal import Decimal

from paper_trading.engine.market import Token
from paper_trading.intelligence.market_view import ListedToken, benchmark_prices


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
