"""The proof of the books: it holds after a run, and it names each error that is planted."""

import ast
import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import F, QuerySet

from paper_trading.bot import ledger_check
from paper_trading.models import (
    LedgerEntry,
    Market,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    SimulatedTransaction,
)
from tests.bot import worlds

CENT = Decimal("0.01")
LAST_DIGIT = Decimal("1e-18")


@pytest.fixture
def account(market: Market) -> PaperTradingAccount:
    """An account that bought, sold, and holds."""
    session = worlds.running_session(market)
    worlds.run_ticks(session, 4)
    sells = PaperTrade.objects.filter(account=session.account, side="SELL", status="FILLED")
    assert sells.exists()
    assert PaperPosition.objects.filter(account=session.account, is_open=True).exists()
    return PaperTradingAccount.objects.get(pk=session.account_id)


def test_the_books_hold_after_a_run(
    account: PaperTradingAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger_check.problems(account) == []
    assert ledger_check.all_problems() == []
    call_command("check_ledger")
    assert capsys.readouterr().out == "The ledger holds.\n"


def change_account(**change: object) -> Callable[[PaperTradingAccount], object]:
    return lambda account: PaperTradingAccount.objects.filter(pk=account.pk).update(**change)


def change_first(
    rows: Callable[[], QuerySet[Any]], **change: object
) -> Callable[[PaperTradingAccount], object]:
    def act(_: PaperTradingAccount) -> None:
        found = rows().order_by("pk").first()
        assert found is not None
        rows().filter(pk=found.pk).update(**change)

    return act


def buys() -> QuerySet[PaperTrade]:
    return PaperTrade.objects.filter(side="BUY", status="FILLED")


def sells() -> QuerySet[PaperTrade]:
    return PaperTrade.objects.filter(side="SELL", status="FILLED")


def remove_a_posting(_: PaperTradingAccount) -> None:
    entry = LedgerEntry.objects.filter(book="GAS").first()
    assert entry is not None
    entry.delete()


def shift_a_posting(_: PaperTradingAccount) -> None:
    entry = LedgerEntry.objects.filter(book="CASH").exclude(trade=None).first()
    assert entry is not None
    LedgerEntry.objects.filter(pk=entry.pk).update(amount_usd=F("amount_usd") + LAST_DIGIT)


PLANTED: dict[str, tuple[Callable[[PaperTradingAccount], object], str]] = {
    "cash": (change_account(cash_usd=F("cash_usd") + CENT), "cash_usd is "),
    "deposits": (change_account(deposits_usd=F("deposits_usd") + CENT), "deposits_usd is "),
    "realized": (change_account(realized_usd=F("realized_usd") - LAST_DIGIT), "realized_usd is "),
    "gas of the account": (change_account(gas_usd=F("gas_usd") + LAST_DIGIT), "gas_usd is "),
    "wins": (change_account(winning_trades=F("winning_trades") + 1), "winning_trades is "),
    "losses": (change_account(losing_trades=F("losing_trades") + 1), "losing_trades is "),
    "nonce": (change_account(nonce=F("nonce") + 1), "nonce is "),
    "what a buy brought": (
        change_first(buys, amount_out=F("amount_out") + 1),
        "its fills say",
    ),
    "what a buy took": (change_first(buys, amount_in=F("amount_in") + 1), "cash_usd is "),
    "what a sell brought": (
        change_first(sells, amount_out=F("amount_out") + 1),
        "its row says",
    ),
    "what a sell realized": (
        change_first(sells, realized_usd=F("realized_usd") + CENT),
        "its row says",
    ),
    "gas of a trade": (
        change_first(buys, gas_usd=F("gas_usd") + LAST_DIGIT),
        "transactions cost ",
    ),
    "gas of a transaction": (
        change_first(lambda: SimulatedTransaction.objects.all(), fee_usd=F("fee_usd") + LAST_DIGIT),
        "transactions cost ",
    ),
    "a posting that is gone": (remove_a_posting, "ledger book GAS is "),
    "a posting that does not balance": (shift_a_posting, "not to zero"),
    "cost of a position": (
        change_first(
            lambda: PaperPosition.objects.filter(is_open=True), cost_usd=F("cost_usd") + LAST_DIGIT
        ),
        "position in token ",
    ),
    "units of a position": (
        change_first(lambda: PaperPosition.objects.filter(is_open=True), units=F("units") + 1),
        "position in token ",
    ),
    "what a closed position realized": (
        change_first(
            lambda: PaperPosition.objects.filter(is_open=False),
            realized_usd=F("realized_usd") + LAST_DIGIT,
        ),
        "realized_usd of position ",
    ),
    "gas of a position": (
        change_first(lambda: PaperPosition.objects.all(), gas_usd=F("gas_usd") + LAST_DIGIT),
        "gas_usd of position ",
    ),
    "what a position took in": (
        change_first(lambda: PaperPosition.objects.all(), bought_usd=F("bought_usd") + CENT),
        "bought_usd of position ",
    ),
}


def test_every_planted_error_is_found_and_named(account: PaperTradingAccount) -> None:
    for plant, words in PLANTED.values():
        with transaction.atomic():
            plant(account)
            account.refresh_from_db()
            found = ledger_check.problems(account)
            assert [line for line in found if words in line], (words, found)
            owner = f"account {account.pk} {account.name}"
            assert {line.split(":")[0] for line in found} == {owner}
            with pytest.raises(CommandError, match=f"account {account.pk}"):
                call_command("check_ledger")
            transaction.set_rollback(True)
    account.refresh_from_db()
    assert ledger_check.problems(account) == []


def test_a_posting_moved_to_another_book_is_found(account: PaperTradingAccount) -> None:
    entry = LedgerEntry.objects.filter(book="GAS").first()
    assert entry is not None
    LedgerEntry.objects.filter(pk=entry.pk).update(book="REALIZED_PNL")
    found = ledger_check.problems(account)
    assert [line for line in found if "ledger book REALIZED_PNL" in line]


def test_an_archived_account_is_checked_as_well(account: PaperTradingAccount) -> None:
    PaperTradingAccount.objects.filter(pk=account.pk).update(
        archived_at=account.created_at, cash_usd=1
    )
    assert ledger_check.all_problems()


def test_the_proof_shares_no_code_with_what_writes_the_ledger() -> None:
    tree = ast.parse(inspect.getsource(ledger_check))
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    ours = {name for name in imported if name and name.split(".")[0] == "paper_trading"}
    assert ours == {"paper_trading.models"}
