"""Prove the books: fold the fills anew and compare with everything that is cached.

This reads trades, transactions and deposits and shares no code with what writes the ledger:
its sums are its own, so an error in the writer cannot hide in here.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum

from paper_trading.models import (
    LedgerEntry,
    PaperPosition,
    PaperTrade,
    PaperTradingAccount,
    SimulatedTransaction,
)

_ZERO = Decimal(0)
_DIGITS = Context(prec=200)
_USD = Decimal("1e-18")
_CASH_UNIT = Decimal("1e-6")


@dataclass
class _Holding:
    units: int = 0
    cost: Decimal = _ZERO


@dataclass
class _Fold:
    cash: Decimal
    deposits: Decimal
    realized: Decimal
    gas: Decimal
    holdings: dict[int, _Holding]


def problems(account: PaperTradingAccount) -> list[str]:
    """Return every difference between an account's books and a fold of its fills."""
    found: list[str] = []
    fold = _fold(account, found)
    found += _compare_account(account, fold)
    found += _compare_outcomes(account)
    found += _compare_positions(account, fold)
    found += _compare_totals(account)
    found += _compare_books(account, fold)
    found += _unbalanced(account)
    return [f"account {account.pk} {account.name}: {text}" for text in found]


def all_problems() -> list[str]:
    """Check every account, archived ones included."""
    with snapshot():
        accounts = PaperTradingAccount.objects.order_by("pk")
        return [text for account in accounts for text in problems(account)]


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything as of one moment, so that a tick at work is no difference."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _fold(account: PaperTradingAccount, found: list[str]) -> _Fold:
    paid_in = _total(
        LedgerEntry.objects.filter(account=account, trade=None, book="CASH"), "amount_usd"
    )
    fold = _Fold(paid_in, paid_in, _ZERO, _ZERO, defaultdict(_Holding))
    trades = PaperTrade.objects.filter(account=account).order_by("pk")
    for trade in trades.exclude(status="DENIED").iterator():
        if trade.status == "FILLED":
            _take(fold, trade, found)
    gas = _total(SimulatedTransaction.objects.filter(account=account), "fee_usd")
    if gas != _total(trades, "gas_usd"):
        found.append(f"transactions cost {gas}, trades say {_total(trades, 'gas_usd')}")
    fold.gas = gas
    fold.cash = _DIGITS.subtract(fold.cash, gas)
    return fold


def _take(fold: _Fold, trade: PaperTrade, found: list[str]) -> None:
    held = fold.holdings[trade.token_id]
    if trade.amount_in is None or trade.amount_out is None:
        found.append(f"trade {trade.pk} is filled without amounts")
        return
    if trade.side == "BUY":
        paid = _DIGITS.multiply(Decimal(trade.amount_in), _CASH_UNIT)
        held.units += trade.amount_out
        held.cost = _DIGITS.add(held.cost, paid)
        fold.cash = _DIGITS.subtract(fold.cash, paid)
        return
    if trade.amount_in > held.units:
        found.append(f"trade {trade.pk} sells {trade.amount_in} of {held.units} units")
        return
    got = _DIGITS.multiply(Decimal(trade.amount_out), _CASH_UNIT)
    share = _DIGITS.divide(
        _DIGITS.multiply(held.cost, Decimal(trade.amount_in)), Decimal(held.units)
    )
    out = share.quantize(_USD, rounding=ROUND_HALF_EVEN, context=_DIGITS)
    made = _DIGITS.subtract(got, out)
    if made != trade.realized_usd:
        found.append(f"trade {trade.pk} realized {made}, its row says {trade.realized_usd}")
    held.units -= trade.amount_in
    held.cost = _DIGITS.subtract(held.cost, out)
    fold.realized = _DIGITS.add(fold.realized, made)
    fold.cash = _DIGITS.add(fold.cash, got)


def _compare_account(account: PaperTradingAccount, fold: _Fold) -> Iterator[str]:
    for name, folded in (
        ("cash_usd", fold.cash),
        ("deposits_usd", fold.deposits),
        ("realized_usd", fold.realized),
        ("gas_usd", fold.gas),
    ):
        stored = getattr(account, name)
        if stored != folded:
            yield f"{name} is {stored}, its fills say {folded}"
    cost = sum((held.cost for held in fold.holdings.values()), _ZERO)
    left = _DIGITS.add(fold.cash, cost)
    right = _DIGITS.subtract(_DIGITS.add(fold.deposits, fold.realized), fold.gas)
    if left != right:
        yield f"cash + cost basis is {left}, deposits + realized - gas is {right}"
    # Legs of one transaction have one nonce, and some of them may still be pending.
    sent = set(SimulatedTransaction.objects.filter(account=account).values_list("nonce", flat=True))
    pending = {one["nonce"] - back for one in account.pending for back in _places(one)} - sent
    if account.nonce != len(sent) + len(pending):
        yield (
            f"nonce is {account.nonce}, transactions sent are {len(sent)},"
            f" and {len(pending)} pending"
        )


def _places(pending: dict[str, Any]) -> range:
    """Return how far before its own nonce a pending swap has used some up."""
    return range(2 if pending["approves"] else 1)


def _compare_outcomes(account: PaperTradingAccount) -> Iterator[str]:
    """Compare the positions won and lost with the closed ones' trades, all gas included."""
    net = {
        row["position_id"]: _DIGITS.subtract(row["realized"] or _ZERO, row["gas"])
        for row in PaperTrade.objects.filter(account=account, position__is_open=False)
        .values("position_id")
        .annotate(realized=Sum("realized_usd"), gas=Sum("gas_usd"))
    }
    for name, folded in (
        ("winning_trades", sum(1 for one in net.values() if one > 0)),
        ("losing_trades", sum(1 for one in net.values() if one < 0)),
    ):
        stored = getattr(account, name)
        if stored != folded:
            yield f"{name} is {stored}, its closed positions say {folded}"


def _compare_positions(account: PaperTradingAccount, fold: _Fold) -> Iterator[str]:
    stored = {
        row.token_id: row for row in PaperPosition.objects.filter(account=account, is_open=True)
    }
    for token_id in stored.keys() | {key for key, held in fold.holdings.items() if held.units}:
        row, held = stored.get(token_id), fold.holdings[token_id]
        units, cost = (0, _ZERO) if row is None else (row.units, row.cost_usd)
        if (units, cost) != (held.units, held.cost):
            yield (
                f"position in token {token_id} is {units} units at {cost}, its fills say"
                f" {held.units} at {held.cost}"
            )


def _compare_totals(account: PaperTradingAccount) -> Iterator[str]:
    """Compare what each position took in, realized and paid for gas with its trades."""
    filled_buy = Q(side="BUY", status="FILLED")
    totals: dict[int, Any] = {
        row["position_id"]: row
        for row in PaperTrade.objects.filter(account=account, position__isnull=False)
        .values("position_id")
        .annotate(
            units_in=Sum("amount_in", filter=filled_buy),
            bought_units=Sum("amount_out", filter=filled_buy),
            realized=Sum("realized_usd"),
            gas=Sum("gas_usd"),
        )
    }
    for position in PaperPosition.objects.filter(account=account):
        row = totals.get(position.pk, {})
        bought = _DIGITS.multiply(Decimal(row.get("units_in") or 0), _CASH_UNIT)
        for name, folded in (
            ("bought_usd", bought),
            ("bought_units", row.get("bought_units") or 0),
            ("realized_usd", row.get("realized") or _ZERO),
            ("gas_usd", row.get("gas") or _ZERO),
        ):
            stored = getattr(position, name)
            if stored != folded:
                yield f"{name} of position {position.pk} is {stored}, its trades say {folded}"


def _compare_books(account: PaperTradingAccount, fold: _Fold) -> Iterator[str]:
    books = {
        row["book"]: row["total"]
        for row in LedgerEntry.objects.filter(account=account)
        .values("book")
        .annotate(total=Sum("amount_usd"))
    }
    cost = sum((held.cost for held in fold.holdings.values()), _ZERO)
    for book, folded in (
        ("CASH", fold.cash),
        ("POSITION", cost),
        ("DEPOSITS", -fold.deposits),
        ("REALIZED_PNL", -fold.realized),
        ("GAS", fold.gas),
    ):
        if books.get(book, _ZERO) != folded:
            yield f"ledger book {book} is {books.get(book, _ZERO)}, its fills say {folded}"
    units = {
        row["token_id"]: int(row["total"])
        for row in LedgerEntry.objects.filter(account=account, book="POSITION")
        .values("token_id")
        .annotate(total=Sum("units"))
    }
    for token_id, held in fold.holdings.items():
        posted = units.get(token_id, 0)
        if posted != held.units:
            yield f"ledger holds {posted} units of token {token_id}, its fills {held.units}"


def _unbalanced(account: PaperTradingAccount) -> Iterator[str]:
    groups = (
        LedgerEntry.objects.filter(account=account)
        .values("trade_id")
        .annotate(total=Sum("amount_usd"))
        .exclude(total=0)
    )
    for row in groups:
        yield f"the postings of trade {row['trade_id']} sum to {row['total']}, not to zero"


def _total(rows: QuerySet[Any], column: str) -> Decimal:
    return rows.aggregate(total=Sum(column))["total"] or _ZERO
