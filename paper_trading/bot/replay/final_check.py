"""Where an account stands after all of its replayed ticks, compared with its rows."""

from django.db.models import Sum

from paper_trading.bot.replay.book import Book
from paper_trading.bot.replay.checks import same, same_count
from paper_trading.bot.rules import breakers_of
from paper_trading.engine.account import Position
from paper_trading.engine.enums import BreakerKind
from paper_trading.intelligence import outcomes
from paper_trading.intelligence.outcomes import DayOutcome
from paper_trading.models import OutcomeDay, PaperPosition, PaperTrade, PaperTradingAccount
from paper_trading.services import account_state

_POSITION = (
    "units",
    "cost_usd",
    "adds",
    "high_price_usd",
    "mark_price_usd",
    "net_pnl_percent",
    "realized_usd",
    "bought_usd",
    "gas_usd",
)


def same_account(row: PaperTradingAccount, book: Book) -> None:
    """Compare an account's row, positions, breakers and outcome days with its book."""
    where = f"account {row.name}"
    same(where, "state_version", book.version, row.state_version)
    stored = account_state.load(row).account
    for name in (*account_state.COLUMNS, "approvals", "last_exits"):
        same(where, name, getattr(book.account, name), getattr(stored, name))
    same(where, "total_pnl_usd", book.total_pnl_usd, row.total_pnl_usd)
    _same_positions(where, row, book)
    kept = breakers_of(row.pk)
    for kind in BreakerKind:
        same(f"{where} breaker", kind.value, book.breakers.get(kind), kept.get(kind))
    days = OutcomeDay.objects.filter(account=row)
    found = [DayOutcome(day.day, day.closed, day.sum_percent) for day in days]
    same(where, "outcome days", outcomes.recent(book.days, None), outcomes.recent(found, None))


def _same_positions(where: str, row: PaperTradingAccount, book: Book) -> None:
    rows = list(PaperPosition.objects.filter(account=row).select_related("token"))
    held = {one.token_id: one for one in rows if one.is_open}
    same(where, "open positions", sorted(book.account.positions), sorted(held))
    for token_id, position in book.account.positions.items():
        _same_position(where, position, held[token_id])
    for closed in rows:
        if not closed.is_open:
            _same_closed(where, closed)


def _same_position(where: str, made: Position, stored: PaperPosition) -> None:
    named = f"{where} position in {made.token.symbol}"
    for name in _POSITION:
        same(named, name, getattr(made, name), getattr(stored, name))
    same(named, "opened_market_time", made.opened_at, stored.opened_market_time)
    same(named, "marked_market_time", made.marked_at, stored.marked_market_time)


def _same_closed(where: str, stored: PaperPosition) -> None:
    """Compare a closed position with its trades, each of which was replayed."""
    named = f"{where} closed position {stored.pk} in {stored.token.symbol}"
    trades = PaperTrade.objects.filter(position=stored)
    last = trades.filter(side="SELL", status="FILLED").order_by("-market_time", "-pk").first()
    same_count(named, "sales", 1, int(last is not None))
    if last is None:
        return
    sums = trades.aggregate(realized=Sum("realized_usd"), gas=Sum("gas_usd"))
    same(named, "realized_usd", sums["realized"], stored.realized_usd)
    same(named, "gas_usd", sums["gas"], stored.gas_usd)
    same(named, "exit_reason", last.exit_reason, stored.exit_reason)
    same(named, "closed_market_time", last.market_time, stored.closed_market_time)
    first = trades.order_by("market_time", "pk").first()
    opened = None if first is None else first.market_time
    same(named, "opened_market_time", opened, stored.opened_market_time)
