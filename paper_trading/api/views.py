"""The JSON API: what the pages show, for programs. Decimals are strings, times ISO 8601."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from paper_trading.api import risk
from paper_trading.api.formats import number
from paper_trading.api.formats import time as _time
from paper_trading.models import (
    PaperAIThoughtLog,
    PaperPerformanceMetrics,
    PaperPosition,
    PaperTradingAccount,
    PaperTradingSession,
    Tick,
    TickStage,
)
from paper_trading.services import account_view, learning
from paper_trading.services.transaction_manager import WaitingOrder, get_transaction_manager

TICKS = 10


@require_safe
@never_cache
def accounts(request: HttpRequest) -> JsonResponse:
    """List the accounts that the user may see, newest first."""
    found = account_view.visible_accounts(request.user).order_by("-pk")
    return JsonResponse({"accounts": [_account(row) for row in found]})


@require_safe
@never_cache
def account(request: HttpRequest, account_id: int) -> JsonResponse:
    """Show one account: figures, open positions, last ticks and their decisions."""
    row = account_view.visible_accounts(request.user).filter(pk=account_id).first()
    if row is None:
        raise Http404(f"no account {account_id}")
    held = account_view.open_positions(row)
    point = account_view.latest_point(row)
    figures = account_view.figures(row, held, point)
    session = account_view.latest_session(row)
    ticks = [] if session is None else account_view.latest_ticks(session, TICKS)
    return JsonResponse(
        {
            **_account(row),
            "figures": {
                field.name: number(getattr(figures, field.name)) for field in fields(figures)
            },
            "performance": _performance(account_view.latest_metrics(row)),
            "session": None if session is None else _session(session),
            "positions": [
                _position(position, account_view.cash_price_at(point)) for position in held
            ],
            **risk.as_json(row),
            "pending": [
                _order(order)
                for order in get_transaction_manager(row).waiting(
                    None if point is None else point.market_time
                )
            ],
            "decisions": [_decision(thought) for thought in account_view.decisions_of(ticks)],
            "ticks": [_tick(tick) for tick in ticks],
            "skipped": {} if session is None else account_view.skipped_since(session, ticks),
        }
    )


def _performance(row: PaperPerformanceMetrics | None) -> dict[str, Any] | None:
    if row is None:
        return None
    left = {"id", "session", "tick", "market_time", "details"}
    names = [field.name for field in row._meta.concrete_fields if field.name not in left]
    return {
        "tick": row.tick_id,
        "market_time": _time(row.market_time),
        **{name: number(getattr(row, name)) for name in names},
        **row.details,
    }


def _account(row: PaperTradingAccount) -> dict[str, Any]:
    market = row.market
    return {
        "id": row.pk,
        "name": row.name,
        "owner": row.owner.get_username(),
        "market": {"name": market.name, "mode": market.mode, "chain_id": market.chain_id},
        "cash_usd": number(row.cash_usd),
        "deposits_usd": number(row.deposits_usd),
        "archived_at": _time(row.archived_at),
    }


def _order(order: WaitingOrder) -> dict[str, Any]:
    return {
        "token": order.symbol,
        "side": order.side,
        "state": order.state,
        "exit_reason": order.exit_reason or "",
        "channel": order.channel,
        "nonce": order.nonce,
        "leg": order.leg,
        "legs": order.legs,
        "pool": order.pool,
        "value_usd": number(order.value_usd),
        "reserved_usd": number(order.reserved_usd),
        "sent_at": _time(order.sent_at),
        "included_at": _time(order.included_at),
        "deadline_at": _time(order.deadline_at),
    }


def _session(session: PaperTradingSession) -> dict[str, Any]:
    found = learning.learning(session)
    return {
        "id": session.pk,
        "status": session.status,
        "stop_reason": session.stop_reason,
        "entries_paused": session.entries_paused,
        "halted": session.halted,
        "intel_level": session.intel_level,
        "interval_ms": session.interval_ms,
        "ticks_closed": session.ticks_closed,
        "learning": None if found is None else learning.as_json(found),
    }


def _position(position: PaperPosition, cash_price_usd: Decimal) -> dict[str, Any]:
    value = account_view.market_value(position)
    return {
        "token": position.token.symbol,
        "units": str(position.units),
        "decimals": position.token.decimals,
        "cost_usd": number(position.cost_usd),
        "value_usd": number(value),
        "unrealized_usd": number(account_view.unrealized(position, cash_price_usd)),
        "mark_price_usd": number(position.mark_price_usd),
        "net_pnl_percent": number(position.net_pnl_percent),
        "opened_market_time": _time(position.opened_market_time),
        "marked_market_time": _time(position.marked_market_time),
    }


def _decision(thought: PaperAIThoughtLog) -> dict[str, Any]:
    return {
        "tick": thought.tick.number,
        "token": thought.token.symbol,
        "action": thought.action,
        "code": thought.code,
        "confidence": number(thought.confidence),
        "score": number(thought.score),
        "evidence": thought.evidence,
    }


def _tick(tick: Tick) -> dict[str, Any]:
    return {
        "id": tick.pk,
        "number": tick.number,
        "slot": tick.slot,
        "trigger": tick.trigger,
        "status": tick.status,
        "reason": tick.reason,
        "trading_state": tick.trading_state,
        "market_time": _time(tick.market_time),
        "opened_at": _time(tick.opened_at),
        "closed_at": _time(tick.closed_at),
        "stages": [_stage(stage) for stage in tick.stages.all()],
    }


def _stage(stage: TickStage) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "chunk": stage.chunk,
        "attempt": stage.attempt,
        "started_at": _time(stage.started_at),
        "finished_at": _time(stage.finished_at),
        "detail": stage.detail,
    }
