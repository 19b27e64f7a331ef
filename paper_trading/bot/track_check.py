"""Prove the track records: fold the rows anew and compare with what was kept, to the digit."""

from collections.abc import Iterator

from paper_trading.bot import track_rows
from paper_trading.bot.ledger_check import snapshot
from paper_trading.bot.track_rebuild import rebuild
from paper_trading.engine.track_json import to_json
from paper_trading.models import EquityHour, PaperTrackRecord, PaperTradingAccount


def problems(account: PaperTradingAccount) -> list[str]:
    """Return every difference between an account's track record and its rows.

    An account whose record was not kept yet has none: it is folded when it trades next.
    """
    row = PaperTrackRecord.objects.filter(account=account).first()
    if row is None:
        return []
    try:
        record = rebuild(account)
    except ValueError as error:
        return [f"account {account.pk} {account.name}: its rows cannot be folded: {error}"]
    found: list[str] = []
    for name, made in track_rows.record_columns(record).items():
        stored = getattr(row, name)
        if stored != made:
            found.append(f"track record: {name} is {stored}, its rows say {made}")
    hours = [track_rows.hour_row(account.pk, point) for point in record.hours.values()]
    found += _hours(hours, list(EquityHour.objects.filter(account=account)))
    return [f"account {account.pk} {account.name}: {text}" for text in found]


def all_problems() -> list[str]:
    """Check every account, archived ones included."""
    with snapshot():
        accounts = PaperTradingAccount.objects.select_related("market").order_by("pk")
        return [text for account in accounts for text in problems(account)]


def _hours(made: list[EquityHour], stored: list[EquityHour]) -> Iterator[str]:
    kept, folded = ({row.hour: _columns(row) for row in rows} for rows in (stored, made))
    for hour in sorted(kept.keys() | folded.keys()):
        if kept.get(hour) != folded.get(hour):
            yield f"hour {hour} is {kept.get(hour)}, its rows say {folded.get(hour)}"


def _columns(row: EquityHour) -> dict[str, str]:
    left = {"id", "account", "hour"}
    fields = [one.name for one in EquityHour._meta.concrete_fields if one.name not in left]
    return {name: _text(getattr(row, name)) for name in fields}


def _text(value: object) -> str:
    return str(to_json(value))
