"""The page of an account, and its panels for a page that is already open."""

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from paper_trading.dashboard import panels
from paper_trading.dashboard.board import Board
from paper_trading.dashboard.headers import guarded
from paper_trading.models import PaperTradingAccount
from paper_trading.services.account_view import visible_accounts


def account_or_404(request: HttpRequest, account_id: int) -> PaperTradingAccount:
    """Return an account that the user may see; any other is as good as missing."""
    account = visible_accounts(request.user).filter(pk=account_id).first()
    if account is None:
        raise Http404(f"no account {account_id}")
    return account


@require_safe
@guarded
def home(request: HttpRequest) -> HttpResponse:
    """Go to the newest account that is in use, the user's own first."""
    in_use = visible_accounts(request.user).filter(archived_at=None)
    first = in_use.filter(owner_id=request.user.pk).order_by("pk").first()
    first = first or in_use.order_by("pk").first()
    if first is not None:
        return redirect("dashboard:account", account_id=first.pk)
    return render(request, "dashboard/empty.html", _surroundings(request))


@require_safe
@guarded
def account_page(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show one account with every panel filled in."""
    account = account_or_404(request, account_id)
    board = Board(account, timezone.now())
    others = visible_accounts(request.user).filter(archived_at=None).order_by("owner_id", "pk")
    context = {
        **_surroundings(request),
        "account": account,
        "accounts": others,
        "now": board.now,
        "panels": panels.render_all(board, request),
        "may_steer": panels.may_steer(request.user, account),
    }
    return render(request, "dashboard/account.html", context)


@require_safe
@guarded
def all_panels(request: HttpRequest, account_id: int) -> HttpResponse:
    """Return every panel as JSON, for the open page to put in place."""
    board = Board(account_or_404(request, account_id), timezone.now())
    return JsonResponse({"now": board.now.isoformat(), "panels": panels.render_all(board, request)})


@require_safe
@guarded
def panel(request: HttpRequest, account_id: int, name: str) -> HttpResponse:
    """Return one panel as HTML."""
    board = Board(account_or_404(request, account_id), timezone.now())
    if name not in panels.PANELS:
        raise Http404(f"panel was {name!r}; there are {', '.join(panels.PANELS)}")
    return HttpResponse(panels.render(name, board, request))


def _surroundings(request: HttpRequest) -> dict[str, object]:
    user = request.user
    return {
        "is_staff": isinstance(user, User) and user.is_staff,
        "flower_url": settings.FLOWER_URL,
    }
