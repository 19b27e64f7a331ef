"""The track record of an account, read and written in a constant number of statements."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from paper_trading.bot import track_rebuild
from paper_trading.engine import track
from paper_trading.engine.account import Position
from paper_trading.engine.benchmarks import Prices
from paper_trading.engine.curve import HourPoint
from paper_trading.engine.track import TrackRecord, Worth
from paper_trading.engine.track_json import (
    benchmarks_from_json,
    curve_from_json,
    to_json,
    trades_from_json,
)
from paper_trading.engine.trade import TradeRecord
from paper_trading.models import EquityHour, PaperTrackRecord, PaperTradingAccount

#: What a row of an hour keeps beside its account and number, with the value's name.
_HOUR = {
    "market_time": "at",
    "equity_usd": "equity_usd",
    "index": "index",
    "eth_index": "eth_index",
    "basket_index": "basket_index",
}


def stored(account_id: int) -> TrackRecord | None:
    """Read an account's record without its hours; None when none was kept yet."""
    row = PaperTrackRecord.objects.filter(account_id=account_id).first()
    if row is None:
        return None
    return TrackRecord(
        curve=curve_from_json(row.curve),
        trades=trades_from_json(row.trades),
        benchmarks=benchmarks_from_json(row.benchmarks),
    )


def load(account: PaperTradingAccount) -> TrackRecord:
    """Read an account's record without its hours; one that was not kept is folded from rows."""
    return stored(account.pk) or track_rebuild.rebuild(account)


def load_hours(account_id: int) -> dict[int, HourPoint]:
    """Read the points of an account's hours by number: as many as hours of market time."""
    rows = EquityHour.objects.filter(account_id=account_id).order_by("hour")
    return {row[0]: HourPoint(*row) for row in rows.values_list("hour", *_HOUR)}


def save(account_id: int, record: TrackRecord) -> None:
    """Write a record and the hours that it carries, in two statements at most."""
    columns = record_columns(record)
    PaperTrackRecord.objects.bulk_create(
        [PaperTrackRecord(account_id=account_id, **columns)],
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=list(columns),
    )
    EquityHour.objects.bulk_create(
        [hour_row(account_id, point) for point in record.hours.values()],
        update_conflicts=True,
        unique_fields=["account", "hour"],
        update_fields=list(_HOUR),
    )


def after_trades(
    account: PaperTradingAccount, before: Mapping[int, Position], trades: Iterable[TradeRecord]
) -> None:
    """Count a stage's swaps, in its transaction and after their rows were written."""
    swaps = [one for one in trades if one.swap is not None]
    if not swaps:
        return
    known = stored(account.pk)
    made = None if known is None else track.traded(known, before, swaps)
    save(account.pk, made or track_rebuild.rebuild(account))


def after_tick(
    account: PaperTradingAccount,
    before: Mapping[int, Position],
    trades: Iterable[TradeRecord],
    worth: Worth,
    prices: Prices,
) -> None:
    """Count the execution's swaps and its equity point, after their rows were written."""
    known = stored(account.pk)
    if known is None:
        save(account.pk, track_rebuild.rebuild(account))
        return
    step = timedelta(seconds=account.market.step_seconds)
    save(account.pk, track.observed(track.traded(known, before, trades), worth, prices, step))


def record_columns(record: TrackRecord) -> dict[str, object]:
    """Return the columns of a record's row."""
    return {name: to_json(getattr(record, name)) for name in ("curve", "trades", "benchmarks")}


def hour_row(account_id: int, point: HourPoint) -> EquityHour:
    """Return the row of an hour, not yet saved."""
    values = {column: getattr(point, name) for column, name in _HOUR.items()}
    return EquityHour(account_id=account_id, hour=point.hour, **values)
