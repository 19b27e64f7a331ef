"""What a replay reads again: the inputs of sessions, ticks and events, and their seals."""

from collections.abc import Iterable
from typing import Any

from paper_trading.engine.seal import seal
from paper_trading.models import (
    AccountEvent,
    AccountEventKind,
    PaperTradingAccount,
    PaperTradingSession,
    Tick,
)


def session_columns(session: PaperTradingSession) -> dict[str, Any]:
    """Return what a session was opened with."""
    return {
        "account": session.account_id,
        "seed": session.seed,
        "start_step": session.start_step,
    }


def tick_columns(tick: Tick, manual_closes: Iterable[int]) -> dict[str, Any]:
    """Return what a tick decided by, apart from the account and the market."""
    return {
        "session": tick.session_id,
        "number": tick.number,
        "step": tick.step,
        "batch": tick.batch_id,
        "market_time": tick.market_time,
        "strategy_version": tick.strategy_version_id,
        "intel_level": tick.intel_level,
        "entries_paused": tick.entries_paused,
        "halted": tick.halted,
        "manual_closes": sorted(manual_closes),
        "program": tick.program,
    }


def event_columns(event: AccountEvent) -> dict[str, Any]:
    """Return what happened to an account outside of its ticks."""
    columns = {
        "account": event.account_id,
        "version": event.version,
        "kind": event.kind,
        "amount_usd": event.amount_usd,
        "breaker": event.breaker,
        "market_time": event.market_time,
    }
    # Events of before these were kept have neither, and no seal of them.
    kept = {"token": event.token_id, "reason": event.reason}
    return {**columns, **{name: found for name, found in kept.items() if found}}


def record_event(account: PaperTradingAccount, kind: AccountEventKind, **columns: Any) -> None:
    """Write down what made the account's present state version, inside its transaction."""
    event = AccountEvent(account=account, version=account.state_version, kind=kind, **columns)
    event.seal = seal(event_columns(event))
    event.save(force_insert=True)
