"""Defects put into the worker on purpose, to see that the checks find them."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import connection

from paper_trading.bot import progress, track_rows
from paper_trading.bot.position_manager import PositionManager
from paper_trading.engine.account import Account
from paper_trading.models import PaperPosition, PaperTradingAccount, Tick
from paper_trading.services import account_state, position_cache
from tests.faults.boundaries import MONEY

#: Tables whose unique constraints would refuse a second effect before anybody looks for it.
GUARDED = (
    "paper_trading_papertrade",
    "paper_trading_simulatedtransaction",
    "paper_trading_equitypoint",
    "paper_trading_paperperformancemetrics",
)


def double_commit() -> None:
    """Commit the effects of a money stage apart from its completion row."""
    complete = progress.complete

    def apart(tick: Tick, *values: Any, **journal: Any) -> None:
        if tick.stage in MONEY:
            connection.connection.commit()
        complete(tick, *values, **journal)

    progress.complete = apart
    count = track_rows.after_tick

    def uncounted(*values: Any) -> None:
        # The running totals refuse a second equity point of one tick: a guard, too.
        with suppress(ValueError):
            count(*values)

    setattr(track_rows, "after_tick", uncounted)  # noqa: B010


def lost_update() -> None:
    """Read the account without its lock."""

    def load_positions(self: PositionManager) -> Account:
        self.row = PaperTradingAccount.objects.get(pk=self.account_id)
        rows = PaperPosition.objects.filter(account=self.row, is_open=True).select_related("token")
        self.positions = {held.token_id: held for held in rows}
        self.account = account_state.account_value(self.row, self.positions.values())
        return self.account

    _replace(PositionManager, "load_positions", load_positions)


def stale_cache() -> None:
    """Keep every version of an account's state under one key."""
    key = position_cache._key

    def unversioned(row: PaperTradingAccount, version: int) -> str:
        return key(row, 0)

    position_cache._key = unversioned


PLANTS: dict[str, Callable[[], None]] = {
    "double-commit": double_commit,
    "lost-update": lost_update,
    "stale-cache": stale_cache,
}


def _replace(owner: type, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


def install(name: str) -> None:
    """Put a plant into this process; an empty name is none."""
    if name:
        PLANTS[name]()


def remove_guards() -> None:
    """Drop the constraints behind which a double effect could not happen."""
    with connection.cursor() as cursor:
        for table in GUARDED:
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE contype = 'u' AND conrelid = %s::regclass",
                [table],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
