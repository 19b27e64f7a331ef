"""The JSON of what stops an account's entries: its breakers and its locks of tokens."""

from typing import Any

from paper_trading.api.formats import number, time
from paper_trading.bot.rules import breaker_value
from paper_trading.engine.breaker import Breaker
from paper_trading.engine.breakers import reason, state_of
from paper_trading.engine.enums import BreakerKind
from paper_trading.models import BreakerState, PaperTradingAccount, Token
from paper_trading.services.account_state import locks_from_json


def as_json(row: PaperTradingAccount) -> dict[str, Any]:
    """Return the state that the breakers ask for, each of them, and the locks by symbol."""
    stored = {one.kind: one for one in row.breakers.select_related("reset_by")}
    found = {
        kind: breaker_value(stored[kind]) if kind in stored else Breaker(kind)
        for kind in BreakerKind
    }
    locks = locks_from_json(row.locks)
    symbols = {key: token.symbol for key, token in Token.objects.in_bulk(locks).items()}
    return {
        "breaker_state": state_of(found).value,
        "breakers": [
            {
                "kind": kind.value,
                "tripped": breaker.tripped,
                "tripped_market_time": time(breaker.tripped_at),
                "actual": number(breaker.actual),
                "threshold": number(breaker.threshold),
                "waiting_since": time(breaker.waiting_since),
                "reason": reason(breaker) if breaker.tripped else "",
                "reset": _reset(stored.get(kind)),
            }
            for kind, breaker in found.items()
        ],
        "locks": [
            {
                "token": symbols[key],
                "until": time(lock.until),
                "reason": lock.reason,
                "by_person": lock.by_person,
            }
            for key, lock in sorted(locks.items(), key=lambda item: symbols[item[0]])
        ],
    }


def _reset(row: BreakerState | None) -> dict[str, Any] | None:
    """Return the last reset; one by nobody came by itself."""
    if row is None or row.reset_at is None:
        return None
    by = None if row.reset_by is None else row.reset_by.get_username()
    return {"by": by, "at": time(row.reset_at), "reason": row.reset_reason}
