"""What stages tell after their commit: events to open pages, and lines of the log."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from paper_trading.bot import logs
from paper_trading.engine.steps import StepResult
from paper_trading.models import (
    PaperPerformanceMetrics,
    PaperTrade,
    PaperTradingAccount,
    Tick,
    TickStatus,
)
from paper_trading.services.websocket_service import publish_on_commit


def after_step(tick: Tick, result: StepResult, trades: Sequence[PaperTrade]) -> None:
    """Tell the owner of a money stage's trades, breakers and portfolio."""
    logs.after_step(tick, result)
    owner_id, account, session = _who(tick)
    for trade, record in zip(trades, result.trades, strict=True):
        publish_on_commit(
            owner_id,
            {
                "type": "trade",
                "account": account,
                "session": session,
                "trade": trade.pk,
                "token": record.token.symbol,
                "side": record.side.value,
                "status": record.status.value,
                "code": record.code.value,
                "exit_reason": record.exit_reason.value if record.exit_reason else "",
                "allowed_usd": str(record.allowed_usd),
                "realized_usd": None if record.realized_usd is None else str(record.realized_usd),
            },
        )
    for waiting in result.sent:
        publish_on_commit(
            owner_id,
            {
                "type": "trade",
                "account": account,
                "session": session,
                "trade": None,
                "token": waiting.plan.token.symbol,
                "side": waiting.plan.side.value,
                "status": "PENDING",
                "code": waiting.record.code.value,
                "exit_reason": waiting.record.exit_reason or "",
                "allowed_usd": str(waiting.record.allowed_usd),
                "realized_usd": None,
            },
        )
    for change in result.breaker_events:
        kind, tripped = change.kind.value, change.tripped
        breaker(owner_id, account, session, kind, tripped=tripped, text=change.text)
    if trades or result.sent:
        portfolio(tick, result)


def portfolio(tick: Tick, result: StepResult) -> None:
    """Tell the owner what the account is worth."""
    owner_id, account, session = _who(tick)
    publish_on_commit(
        owner_id,
        {
            "type": "portfolio",
            "account": account,
            "session": session,
            "equity_usd": str(result.equity.equity_usd),
            "cash_usd": str(result.account.cash_usd),
            "realized_usd": str(result.account.realized_usd),
            "open_positions": len(result.account.positions),
        },
    )


def metrics(tick: Tick, row: PaperPerformanceMetrics) -> None:
    """Tell the owner that new metrics are in."""
    logs.metrics(tick, row)
    owner_id, account, session = _who(tick)
    publish_on_commit(
        owner_id,
        {
            "type": "metrics",
            "account": account,
            "session": session,
            "equity_usd": str(row.equity_usd),
            "total_return_percent": _text(row.total_return_percent),
            "max_drawdown_percent": str(row.max_drawdown_percent),
            "win_rate_percent": _text(row.win_rate_percent),
        },
    )


def ended(
    tick: Tick,
    status: TickStatus,
    equity_usd: Decimal | None = None,
    stages: Mapping[str, int] | None = None,
) -> None:
    """Tell the owner that a tick is in a final state; stage times in milliseconds."""
    if status is TickStatus.CLOSED:
        logs.closed(tick, equity_usd, stages or {})
    owner_id, account, session = _who(tick)
    publish_on_commit(
        owner_id,
        {
            "type": "tick",
            "account": account,
            "session": session,
            "tick": tick.pk,
            "number": tick.number,
            "status": status.value,
            "trading_state": tick.trading_state,
            "equity_usd": _text(equity_usd),
            "stages": stages or {},
        },
    )


def breaker(
    owner_id: int, account: int, session: int | None, kind: str, *, tripped: bool, text: str
) -> None:
    """Tell the owner that a circuit breaker tripped or was reset."""
    logs.breaker(account, kind, tripped=tripped, text=text)
    publish_on_commit(
        owner_id,
        {
            "type": "breaker",
            "account": account,
            "session": session,
            "kind": kind,
            "tripped": tripped,
            "text": text,
        },
    )


def lock(row: PaperTradingAccount, word: str, text: str) -> None:
    """Tell the owner that a person locked a token or released its lock."""
    logs.lock(row.pk, text)
    publish_on_commit(
        row.owner_id,
        {"type": "status", "account": row.pk, "session": None, "status": word, "text": text},
    )


def status(owner_id: int, account: int, session: int, word: str, text: str) -> None:
    """Tell the owner of a start, pause, stop or error."""
    logs.status(session, word, text)
    publish_on_commit(
        owner_id,
        {"type": "status", "account": account, "session": session, "status": word, "text": text},
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _who(tick: Tick) -> tuple[int, int, int]:
    account = tick.session.account
    return account.owner_id, account.pk, tick.session_id
