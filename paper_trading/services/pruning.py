"""Removing what is over for good: whole archived accounts, then markets that nobody trades on.

Nothing smaller can go. An account's books are proved by a fold over all of its fills, and a
session is replayed from its account's first tick and its market's first batch: without a part of
them neither proof holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import Count, Expression, QuerySet, Sum
from django.db.models.expressions import BaseExpression

from paper_trading.engine.seal import seal
from paper_trading.engine.words import number_of
from paper_trading.models import (
    AccountEvent,
    Bar,
    BreakerState,
    EquityHour,
    EquityPoint,
    FeedMode,
    FrozenExperience,
    InternalError,
    LedgerEntry,
    ManualRequest,
    Market,
    MarketGenesis,
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTrackRecord,
    PaperTrade,
    PaperTradingAccount,
    PaperTradingSession,
    PriceBatch,
    Quote,
    ScoreQuantiles,
    SessionStatus,
    SetUp,
    SetUpBook,
    SetUpDay,
    SimulatedTransaction,
    Tick,
    TickStage,
    TickStatus,
    TokenList,
)
from paper_trading.services import market_signals

#: Rows that are deleted in one statement at most.
PORTION = 5_000

Rows = QuerySet[Any]


@dataclass(slots=True)
class Pruned:
    """What was removed, or would be."""

    accounts: list[str] = field(default_factory=list)
    markets: list[str] = field(default_factory=list)
    #: Rows by table, in the field's words.
    rows: dict[str, int] = field(default_factory=dict)
    #: Of the rows themselves: indexes come on top.
    #: What one of them is called.
    one: dict[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    #: What is old and stays, with the reason.
    kept: list[str] = field(default_factory=list)


class _RowBytes(Expression):
    """Size of a whole row as it is stored, in bytes."""

    output_field = models.BigIntegerField()

    def __init__(self, table: str) -> None:
        super().__init__()
        self._table = table

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """Return the expression; the table stands under its own name in its query."""
        return f"pg_column_size({connection.ops.quote_name(self._table)}.*)", ()

    def get_source_expressions(self) -> list[BaseExpression | None]:
        """Return nothing: it is made of no other expression."""
        return []


def prune(before: datetime, *, dry_run: bool = False) -> Pruned:
    """Remove archived accounts whose sessions all stopped before a time, with all of their rows.

    After them go the prices of live markets that no account is left on: such a market is new
    again, with its tokens, and can be back-filled. An account or a market is removed whole, in
    one transaction, or not at all. With `dry_run` nothing is removed.
    """
    pruned = Pruned()
    gone: set[int] = set()
    archived = PaperTradingAccount.objects.filter(archived_at__lt=before)
    for pk in archived.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            account = PaperTradingAccount.objects.select_for_update().get(pk=pk)
            if _is_over(account, before):
                _remove(_account_rows(account), pruned, dry_run=dry_run)
                pruned.accounts.append(f"{account.name} #{pk}")
                gone.add(pk)
    pruned.kept += _in_use(before)
    for market in Market.objects.filter(mode=FeedMode.LIVE, head_step__gte=0).order_by("pk"):
        _prune_market(market, before, gone, pruned, dry_run=dry_run)
    return pruned


def _is_over(account: PaperTradingAccount, before: datetime) -> bool:
    """Say whether an archived account did nothing since a time and has nothing left to do."""
    later = account.sessions.exclude(status=SessionStatus.STOPPED, stopped_at__lt=before)
    busy = Tick.objects.filter(session__account=account, status=TickStatus.OPEN)
    return not later.exists() and not busy.exists()


def _in_use(before: datetime) -> list[str]:
    """Name the accounts whose old sessions stay because they go on."""
    accounts = PaperTradingAccount.objects.filter(
        archived_at=None,
        sessions__status=SessionStatus.STOPPED,
        sessions__stopped_at__lt=before,
    )
    return [
        f"{account.name} #{account.pk} is not archived: its books need its old sessions"
        for account in accounts.order_by("pk").distinct()
    ]


def _account_rows(account: PaperTradingAccount) -> Iterator[Rows]:
    """Yield all rows of an account, each before those that it points at."""
    ticks = {"tick__session__account": account}
    yield EquityPoint.objects.filter(account=account)
    yield PaperPerformanceMetrics.objects.filter(session__account=account)
    yield LedgerEntry.objects.filter(account=account)
    yield SimulatedTransaction.objects.filter(account=account)
    yield PaperTrade.objects.filter(account=account)
    yield PaperPosition.objects.filter(account=account)
    yield ManualRequest.objects.filter(session__account=account)
    yield PaperAIThoughtLog.objects.filter(**ticks)
    yield TickStage.objects.filter(**ticks)
    yield InternalError.objects.filter(**ticks)
    yield Tick.objects.filter(session__account=account)
    yield PaperTradingSession.objects.filter(account=account)
    yield BreakerState.objects.filter(account=account)
    yield AccountEvent.objects.filter(account=account)
    yield EquityHour.objects.filter(account=account)
    yield PaperTrackRecord.objects.filter(account=account)
    yield PaperTradingAccount.objects.filter(pk=account.pk)


def _prune_market(
    market: Market, before: datetime, gone: set[int], pruned: Pruned, *, dry_run: bool
) -> None:
    with transaction.atomic():
        # An account that is opened meanwhile waits: it points at this row.
        locked = Market.objects.select_for_update().get(pk=market.pk)
        left = locked.accounts.exclude(pk__in=gone).count()
        newest = locked.batches.order_by("-step").first()
        last = locked.created_at if newest is None else newest.fetched_at
        if left:
            pruned.kept.append(
                f"prices of {locked}: {_accounts(left)} replayed from its first batch on"
            )
        elif last < before:
            _forget_heads(locked, dry_run=dry_run)
            _remove(_market_rows(locked), pruned, dry_run=dry_run)
            pruned.markets.append(str(locked))


def _market_rows(market: Market) -> Iterator[Rows]:
    """Yield what a market has learnt of its prices, each before what it points at."""
    yield Quote.objects.filter(batch__market=market)
    yield PriceBatch.objects.filter(market=market)
    yield SetUp.objects.filter(book__market=market)
    yield SetUpDay.objects.filter(book__market=market)
    yield FrozenExperience.objects.filter(book__market=market)
    yield SetUpBook.objects.filter(market=market)
    yield Bar.objects.filter(market=market)
    yield ScoreQuantiles.objects.filter(market=market)
    yield TokenList.objects.filter(market=market)
    yield MarketGenesis.objects.filter(market=market)


def _forget_heads(market: Market, *, dry_run: bool) -> None:
    """Put a market back to where it has not begun."""
    if dry_run:
        return
    market.listings.update(series={}, last_bar=None)
    for row in market.user_signals.exclude(off_step=None):
        row.off_step, row.off_reason = None, ""
        row.seal = seal(market_signals.columns(row))
        row.save(update_fields=["off_step", "off_reason", "seal"])
    market.head_step, market.head_state = -1, {}
    market.native_price_usd, market.native_observed_at = "", None
    market.save()


def _accounts(count: int) -> str:
    return f"{number_of(count, 'account')} {'is' if count == 1 else 'are'}"


def _remove(all_rows: Iterator[Rows], pruned: Pruned, *, dry_run: bool) -> None:
    for rows in all_rows:
        meta = rows.model._meta
        size = Sum(_RowBytes(meta.db_table), default=0)
        found = rows.aggregate(rows=Count("pk"), size=size)
        if not found["rows"]:
            continue
        name = str(meta.verbose_name_plural)
        pruned.one[name] = str(meta.verbose_name)
        pruned.rows[name] = pruned.rows.get(name, 0) + found["rows"]
        pruned.size_bytes += found["size"]
        if not dry_run:
            _delete(rows)


def _delete(rows: Rows) -> None:
    """Delete rows in portions: a year of ticks does not fit into memory at once."""
    manager = rows.model._default_manager
    while keys := list(rows.values_list("pk", flat=True)[:PORTION]):
        manager.filter(pk__in=keys).delete()
