"""Where an account stands after all of its replayed ticks, compared with its rows."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal

from paper_trading.bot import track_rows
from paper_trading.bot.position_manager import MARKS
from paper_trading.bot.replay.checks import same, same_count, same_rows
from paper_trading.bot.rules import breakers_of
from paper_trading.engine.account import Position
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.enums import BreakerKind
from paper_trading.engine.track import TrackRecord
from paper_trading.engine.trade import TradeRecord
from paper_trading.intelligence.book import Book
from paper_trading.models import (
    EquityHour,
    PaperPosition,
    PaperTrackRecord,
    PaperTradingAccount,
)
from paper_trading.services import account_state


def same_account(
    row: PaperTradingAccount,
    book: Book,
    closed: Mapping[int, tuple[Position, TradeRecord, Decimal]],
    opened: Mapping[int, int | None],
) -> None:
    """Compare an account's row, positions and breakers with its book.

    `closed` are positions by their key; `opened` are the keys of the open ones by token, as the
    trades that opened them name them.
    """
    where = f"account {row.name}"
    same(where, "state_version", book.version, row.state_version)
    # Before they are read: what somebody else wrote into them may be no such value at all.
    for name, made in account_state.json_columns(book.account).items():
        same(where, name, made, getattr(row, name))
    stored = account_state.load(row).account
    for name in account_state.COLUMNS:
        same(where, name, getattr(book.account, name), getattr(stored, name))
    same(where, "total_pnl_usd", book.total_pnl_usd, row.total_pnl_usd)
    _same_positions(where, row, book, closed, opened)
    _same_breakers(where, book.breakers, breakers_of(row.pk))
    _same_track(where, row, book.record)


def _same_track(where: str, row: PaperTradingAccount, made: TrackRecord) -> None:
    """Compare the running totals and the hours of the track record."""
    stored = PaperTrackRecord.objects.filter(account=row).first()
    same_count(where, "track records", 1, int(stored is not None))
    for name, replayed in track_rows.record_columns(made).items():
        same(f"{where} track record", name, replayed, getattr(stored, name))
    hours = {one.hour: one for one in EquityHour.objects.filter(account=row)}
    same(f"{where} hours", "hour", sorted(made.hours), sorted(hours))
    for hour, point in made.hours.items():
        same_rows(f"{where} hour {hour}", track_rows.hour_row(row.pk, point), hours[hour])


def _same_breakers(
    where: str, made: Mapping[BreakerKind, Breaker], stored: Mapping[BreakerKind, Breaker]
) -> None:
    same(where, "kinds of breakers", sorted(made), sorted(stored))
    for kind, breaker in made.items():
        for name in [one.name for one in fields(Breaker) if one.name != "kind"]:
            column = "tripped_market_time" if name == "tripped_at" else name
            replayed, found = (getattr(one, name) for one in (breaker, stored[kind]))
            same(f"{where} breaker {kind}", column, replayed, found)


def _same_positions(
    where: str,
    row: PaperTradingAccount,
    book: Book,
    closed: Mapping[int, tuple[Position, TradeRecord, Decimal]],
    opened: Mapping[int, int | None],
) -> None:
    rows = list(PaperPosition.objects.filter(account=row))
    held = {one.token_id: one for one in rows if one.is_open}
    same(where, "open positions", sorted(book.account.positions), sorted(held))
    for token_id, position in book.account.positions.items():
        named = f"{where} position in {position.token.symbol}"
        same(named, "position of its first trade", held[token_id].pk, opened.get(token_id))
        _same_position(named, position, held[token_id])
    past = {one.pk: one for one in rows if not one.is_open}
    same(where, "closed positions", sorted(closed), sorted(past))
    for key, (position, record, price_usd) in closed.items():
        _same_closed(where, position, record, price_usd, past[key])


def _same_position(named: str, made: Position, stored: PaperPosition) -> None:
    for name in MARKS:
        same(named, name, getattr(made, name), getattr(stored, name))
    same(named, "opened_market_time", made.opened_at, stored.opened_market_time)
    same(named, "marked_market_time", made.marked_at, stored.marked_market_time)


def _same_closed(
    where: str, made: Position, record: TradeRecord, price_usd: Decimal, stored: PaperPosition
) -> None:
    """Compare a closed position with what it was before its last sale, and with that sale."""
    named = f"{where} closed position in {made.token.symbol}"
    closed = record.closed
    if closed is None:
        raise ValueError(f"{named} was closed by a trade that closed nothing")
    for name, replayed in (
        ("token", made.token.id),
        ("opened_market_time", made.opened_at),
        ("adds", made.adds),
        ("failed_exits", made.failed_exits),
        ("bought_units", made.bought_units),
        ("steps_taken", made.steps_taken),
        ("exit_factor", made.exit_factor),
        ("high_price_usd", made.high_price_usd),
        ("net_pnl_percent", made.net_pnl_percent),
        ("mark_price_usd", price_usd),
        ("marked_market_time", record.market_time),
        ("closed_market_time", record.market_time),
        ("exit_reason", record.exit_reason),
        ("bought_usd", closed.bought_usd),
        ("realized_usd", closed.realized_usd),
        ("gas_usd", closed.gas_usd),
    ):
        same(named, name, replayed, getattr(stored, "token_id" if name == "token" else name))
