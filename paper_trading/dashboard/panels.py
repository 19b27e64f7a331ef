"""The panels of the page: each one a template and what it needs, rendered one way only."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.template.loader import render_to_string

from paper_trading.dashboard import breakers, chart, pipeline
from paper_trading.dashboard.board import Board
from paper_trading.dashboard.decisions import decision_rows
from paper_trading.dashboard.performance import performance
from paper_trading.dashboard.positions import closed_rows, position_rows
from paper_trading.engine.enums import Stage
from paper_trading.models import PaperTradingAccount

Context = dict[str, Any]


def may_steer(user: AbstractBaseUser | AnonymousUser, account: PaperTradingAccount) -> bool:
    """Return whether a user may act on an account: its owner, or who may change sessions."""
    if account.archived_at is not None or not isinstance(user, User):
        return False
    may_change = user.has_perm("paper_trading.change_papertradingsession")
    return account.owner_id == user.pk or (user.is_staff and may_change)


def _status(board: Board) -> Context:
    return {}


def _figures(board: Board) -> Context:
    return {"figures": board.figures, "point": board.point}


def _equity(board: Board) -> Context:
    return {
        "chart": chart.equity_chart(board.account),
        "width": chart.WIDTH,
        "height": chart.HEIGHT,
    }


def _breakers(board: Board) -> Context:
    meters = breakers.meters(board)
    tripped = sum(meter.tripped for meter in meters)
    return {"meters": meters, "tripped": tripped, "locks": board.locks}


def _positions(board: Board) -> Context:
    return {"rows": position_rows(board), "orders": board.orders}


def _decisions(board: Board) -> Context:
    return {"rows": decision_rows(board.decisions)}


def _prices(board: Board) -> Context:
    return {"feed": board.feed}


def _trades(board: Board) -> Context:
    return {"trades": board.trades}


def _closed(board: Board) -> Context:
    return {"rows": closed_rows(board)}


def _performance(board: Board) -> Context:
    return {"found": performance(board.metrics)}


def _pipeline(board: Board) -> Context:
    skipped = [(pipeline.REASONS[reason], slots) for reason, slots in board.skipped.items()]
    rows = pipeline.tick_rows(board.ticks)
    return {"rows": rows, "skipped": skipped, "stages": list(Stage)}


PANELS: dict[str, Callable[[Board], Context]] = {
    "status": _status,
    "figures": _figures,
    "equity": _equity,
    "breakers": _breakers,
    "positions": _positions,
    "decisions": _decisions,
    "prices": _prices,
    "trades": _trades,
    "performance": _performance,
    "closed": _closed,
    "pipeline": _pipeline,
}


def render(name: str, board: Board, request: HttpRequest) -> str:
    """Render one panel. KeyError when there is none of that name."""
    user = request.user
    context = {
        **PANELS[name](board),
        "board": board,
        "account": board.account,
        "session": board.session,
        "may_steer": may_steer(user, board.account),
        "is_staff": isinstance(user, User) and user.is_staff,
        "flower_url": settings.FLOWER_URL,
    }
    return render_to_string(f"dashboard/panels/{name}.html", context)


def render_all(board: Board, request: HttpRequest) -> dict[str, str]:
    """Render every panel, by name."""
    return {name: render(name, board, request) for name in PANELS}
