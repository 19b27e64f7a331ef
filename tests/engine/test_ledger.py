from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_trading.engine.enums import LedgerAccount, Side, TransactionStatus
from paper_trading.engine.ledger import (
    balance,
    buy_postings,
    deposit_postings,
    gas_postings,
    sell_postings,
    swap_postings,
    units,
)
from paper_trading.engine.trade import Posting
from tests.engine.worlds import swap, token

#: Below the largest amount of cash that is kept, and any amount of a token.
CASH = st.integers(1, 10**25)
UNITS = st.integers(1, 2**256 - 1)
USD = st.decimals(0, 10**12, places=18)
ABC = token(3, "ABC")


def test_a_deposit_debits_cash_and_credits_deposits() -> None:
    lines = deposit_postings(Decimal("10000.5"))
    assert balance(lines, LedgerAccount.CASH) == Decimal("10000.5")
    assert balance(lines, LedgerAccount.DEPOSITS) == Decimal("-10000.5")
    assert lines[0].units == 10_000_500_000
    assert balance(lines) == 0


def test_a_buy_books_the_cost_and_the_units() -> None:
    lines = buy_postings(ABC, swap(25_000_000, 7))
    assert balance(lines, LedgerAccount.POSITION) == 25
    assert balance(lines, LedgerAccount.CASH) == -25
    assert units(lines, ABC.id) == 7
    assert units(lines, ABC.id + 1) == 0


def test_a_sell_realizes_what_proceeds_exceed_the_cost_that_leaves() -> None:
    lines = sell_postings(ABC, swap(7, 30_000_000), Decimal(25))
    assert balance(lines, LedgerAccount.CASH) == 30
    assert balance(lines, LedgerAccount.POSITION) == -25
    # A credit: income is negative in a ledger whose debits are positive.
    assert balance(lines, LedgerAccount.REALIZED_PNL) == -5
    assert units(lines, ABC.id) == -7


def test_gas_of_nothing_leaves_no_line() -> None:
    assert gas_postings(Decimal(0)) == ()


def test_a_reverted_swap_books_its_gas_and_nothing_else() -> None:
    failed = swap(25_000_000, 7, gas="0.25", status=TransactionStatus.REVERTED)
    lines = swap_postings(ABC, Side.BUY, failed)
    assert {line.book for line in lines} == {LedgerAccount.GAS, LedgerAccount.CASH}
    assert balance(lines, LedgerAccount.GAS) == Decimal("0.25")


def test_a_swap_is_booked_as_its_side_is() -> None:
    bought = swap_postings(ABC, Side.BUY, swap(25_000_000, 7, gas="0.25"))
    assert (units(bought, ABC.id), balance(bought, LedgerAccount.CASH)) == (7, Decimal("-25.25"))
    assert balance(bought, LedgerAccount.POSITION) == 25
    sold = swap_postings(ABC, Side.SELL, swap(7, 30_000_000, gas="0.25"), Decimal(25))
    assert (units(sold, ABC.id), balance(sold, LedgerAccount.CASH)) == (-7, Decimal("29.75"))
    assert balance(sold, LedgerAccount.REALIZED_PNL) == -5


@given(CASH, UNITS, USD, USD, st.sampled_from(Side))
def test_every_swap_balances_to_the_digit(
    cash: int, tokens: int, gas: Decimal, cost: Decimal, side: Side
) -> None:
    amounts = (cash, tokens) if side is Side.BUY else (tokens, cash)
    made = swap(*amounts, gas=str(gas))
    assert balance(swap_postings(ABC, side, made, cost)) == 0


@given(st.decimals("0.000001", 10**12, places=18))
def test_every_deposit_balances(amount: Decimal) -> None:
    assert balance(deposit_postings(amount)) == 0


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_deposit_that_is_not_positive_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=f"deposit was {amount}; allowed are .* above 0 to"):
        deposit_postings(Decimal(amount))


def test_negative_gas_is_refused() -> None:
    with pytest.raises(ValueError, match="gas_usd was -1; allowed are exact finite numbers from 0"):
        gas_postings(Decimal(-1))


def test_a_reverted_swap_cannot_be_booked_as_a_fill() -> None:
    failed = swap(1, 1, status=TransactionStatus.REVERTED)
    with pytest.raises(ValueError, match="REVERTED swap moves nothing"):
        buy_postings(ABC, failed)
    with pytest.raises(ValueError, match="REVERTED swap moves nothing"):
        sell_postings(ABC, failed, Decimal(1))


def test_the_lines_of_a_buy_and_of_a_sale_carry_money_and_units() -> None:
    made = swap(25_000_000, 7)
    assert buy_postings(ABC, made) == (
        Posting(LedgerAccount.POSITION, Decimal(25), ABC.id, 7),
        Posting(LedgerAccount.CASH, Decimal(-25), None, -25_000_000),
    )
    assert sell_postings(ABC, swap(7, 30_000_000), Decimal(25)) == (
        Posting(LedgerAccount.CASH, Decimal(30), None, 30_000_000),
        Posting(LedgerAccount.POSITION, Decimal(-25), ABC.id, -7),
        Posting(LedgerAccount.REALIZED_PNL, Decimal(-5), ABC.id, 0),
    )


def test_a_cost_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^cost_out_usd was -1; allowed are .* from 0"):
        sell_postings(ABC, swap(7, 30_000_000), Decimal(-1))


def test_no_context_of_the_caller_rounds_a_line() -> None:
    gas = Decimal("1234567.123456789012345678")
    made = swap(25_000_000, 7, gas=str(2 * gas), approve=True)
    cost = Decimal("123456789012.123456789012345678")
    with localcontext(prec=4):
        lines = swap_postings(ABC, Side.SELL, made, cost)
        total = balance(lines, LedgerAccount.GAS)
        assert balance(lines) == 0
    assert total == 2 * gas
    assert isinstance(balance(()), Decimal)
