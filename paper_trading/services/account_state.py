"""An account's rows as the engine's value, and as JSON for the cache."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from paper_trading.engine.account import Account, LastExit, Position, TokenLock
from paper_trading.engine.enums import ExitReason
from paper_trading.engine.impact import Displaced
from paper_trading.engine.market import Token
from paper_trading.engine.money import usd
from paper_trading.engine.pending_json import pending_from, pending_json
from paper_trading.intelligence.analysis import AccountState
from paper_trading.models import PaperPosition, PaperTradingAccount
from paper_trading.services.market_rows import token_value

__all__ = ["AccountState"]


def load(row: PaperTradingAccount) -> AccountState:
    """Read an account's state from Postgres."""
    open_rows = PaperPosition.objects.filter(account=row, is_open=True).select_related("token")
    return AccountState(row.state_version, account_value(row, open_rows))


def account_value(row: PaperTradingAccount, positions: Iterable[PaperPosition]) -> Account:
    """Return the engine's value of an account row and its open positions."""
    return Account(
        cash_usd=row.cash_usd,
        deposits_usd=row.deposits_usd,
        realized_usd=row.realized_usd,
        gas_usd=row.gas_usd,
        positions={held.token_id: _position(held) for held in positions},
        peak_equity_usd=row.peak_equity_usd,
        max_drawdown_percent=row.max_drawdown_percent,
        day=row.day,
        day_start_equity_usd=row.day_start_equity_usd,
        entries_today=row.entries_today,
        failed_transactions=row.failed_transactions,
        losing_exits=row.losing_exits,
        winning_trades=row.winning_trades,
        losing_trades=row.losing_trades,
        nonce=row.nonce,
        approvals=frozenset(row.approvals),
        last_exits={int(key): _last_exit(found) for key, found in row.last_exits.items()},
        cash_price_usd=row.cash_price_usd,
        locks=locks_from_json(row.locks),
        failed_swaps={int(key): count for key, count in row.failed_swaps.items()},
        pending=pending_from(row.pending),
        displaced=_displaced_from(row.displaced),
    )


#: Columns that `write` sets besides the version.
COLUMNS = (
    "cash_usd",
    "deposits_usd",
    "realized_usd",
    "gas_usd",
    "peak_equity_usd",
    "max_drawdown_percent",
    "day",
    "day_start_equity_usd",
    "entries_today",
    "failed_transactions",
    "losing_exits",
    "winning_trades",
    "losing_trades",
    "nonce",
    "cash_price_usd",
)


def write(row: PaperTradingAccount, account: Account) -> None:
    """Save an account's value on its locked row, under the next version."""
    for name in COLUMNS:
        setattr(row, name, getattr(account, name))
    written = json_columns(account)
    for name, found in written.items():
        setattr(row, name, found)
    row.state_version += 1
    row.save(update_fields=[*COLUMNS, *written, "state_version", "total_pnl_usd"])


def json_columns(account: Account) -> dict[str, Any]:
    """Return the columns that `write` sets as JSON."""
    return {
        "approvals": sorted(account.approvals),
        "last_exits": _last_exits(account),
        "locks": _locks(account),
        "pending": pending_json(account.pending),
        "displaced": _displaced(account),
        "failed_swaps": {str(key): count for key, count in account.failed_swaps.items()},
    }


def to_json(state: AccountState) -> dict[str, Any]:
    """Return a state as JSON that `from_json` turns back to the digit."""
    account = state.account
    return {
        "version": state.version,
        **{name: _text(getattr(account, name)) for name in COLUMNS},
        **json_columns(account),
        "positions": [_position_json(held) for held in account.positions.values()],
    }


def from_json(data: Mapping[str, Any]) -> AccountState:
    """Return the state that `to_json` wrote. KeyError, ValueError when it is something else."""
    columns = {name: data[name] for name in COLUMNS if name != "day"}
    numbers: dict[str, Any] = {
        name: Decimal(found) if isinstance(found, str) else found for name, found in columns.items()
    }
    account = Account(
        **numbers,
        day=None if data["day"] is None else date.fromisoformat(data["day"]),
        positions={
            held.token.id: held for held in (_position_value(row) for row in data["positions"])
        },
        approvals=frozenset(data["approvals"]),
        last_exits={int(key): _last_exit(found) for key, found in data["last_exits"].items()},
        locks=locks_from_json(data["locks"]),
        failed_swaps={int(key): count for key, count in data["failed_swaps"].items()},
        pending=pending_from(data["pending"]),
        displaced=_displaced_from(data["displaced"]),
    )
    return AccountState(data["version"], account)


def _text(found: Decimal | date | int | None) -> str | int | None:
    if isinstance(found, Decimal):
        return str(found)
    return found.isoformat() if isinstance(found, date) else found


def _last_exits(account: Account) -> dict[str, list[str]]:
    return {
        str(token_id): [last.at.isoformat(), last.reason.value]
        for token_id, last in account.last_exits.items()
    }


def _last_exit(found: list[str]) -> LastExit:
    at, reason = found
    return LastExit(datetime.fromisoformat(at), ExitReason(reason))


def locks_from_json(data: Mapping[str, Any]) -> dict[int, TokenLock]:
    """Return the locks of an account by token id, as its row keeps them."""
    return {
        int(key): TokenLock(datetime.fromisoformat(until), reason, by_person=by_person)
        for key, (until, reason, by_person) in data.items()
    }


def _locks(account: Account) -> dict[str, list[Any]]:
    return {
        str(token_id): [lock.until.isoformat(), lock.reason, lock.by_person]
        for token_id, lock in account.locks.items()
    }


def _displaced(account: Account) -> dict[str, list[str]]:
    return {
        str(token_id): [str(one.cash_units), one.at.isoformat()]
        for token_id, one in account.displaced.items()
    }


def _displaced_from(data: Mapping[str, list[str]]) -> dict[int, Displaced]:
    return {
        int(token_id): Displaced(int(units), datetime.fromisoformat(at))
        for token_id, (units, at) in data.items()
    }


def _position(row: PaperPosition) -> Position:
    return Position(
        token=token_value(row.token),
        units=row.units,
        cost_usd=row.cost_usd,
        opened_at=row.opened_market_time,
        adds=row.adds,
        high_price_usd=row.high_price_usd,
        mark_price_usd=row.mark_price_usd,
        marked_at=row.marked_market_time,
        net_pnl_percent=row.net_pnl_percent,
        realized_usd=usd(row.realized_usd),
        bought_usd=row.bought_usd,
        gas_usd=row.gas_usd,
        bought_units=row.bought_units,
        steps_taken=row.steps_taken,
        exit_factor=row.exit_factor,
        failed_exits=row.failed_exits,
    )


def _position_json(held: Position) -> dict[str, Any]:
    token = held.token
    return {
        "token": [token.id, token.symbol, token.decimals, token.address, token.fee_pips],
        "units": str(held.units),
        "cost_usd": str(held.cost_usd),
        "opened_at": held.opened_at.isoformat(),
        "adds": held.adds,
        "high_price_usd": str(held.high_price_usd),
        "mark_price_usd": str(held.mark_price_usd),
        "marked_at": held.marked_at.isoformat(),
        "net_pnl_percent": _text(held.net_pnl_percent),
        "realized_usd": str(held.realized_usd),
        "bought_usd": str(held.bought_usd),
        "gas_usd": str(held.gas_usd),
        "bought_units": str(held.bought_units),
        "steps_taken": held.steps_taken,
        "exit_factor": str(held.exit_factor),
        "failed_exits": held.failed_exits,
    }


def _position_value(row: Mapping[str, Any]) -> Position:
    net = row["net_pnl_percent"]
    return Position(
        token=Token(*row["token"]),
        units=int(row["units"]),
        cost_usd=Decimal(row["cost_usd"]),
        opened_at=datetime.fromisoformat(row["opened_at"]),
        adds=row["adds"],
        high_price_usd=Decimal(row["high_price_usd"]),
        mark_price_usd=Decimal(row["mark_price_usd"]),
        marked_at=datetime.fromisoformat(row["marked_at"]),
        net_pnl_percent=None if net is None else Decimal(net),
        realized_usd=Decimal(row["realized_usd"]),
        bought_usd=Decimal(row["bought_usd"]),
        gas_usd=Decimal(row["gas_usd"]),
        bought_units=int(row["bought_units"]),
        steps_taken=row["steps_taken"],
        exit_factor=Decimal(row["exit_factor"]),
        failed_exits=row["failed_exits"],
    )
