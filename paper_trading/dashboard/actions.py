"""What a person may do from the page: pause and resume entries, run a tick, close a position."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from paper_trading.bot import controls
from paper_trading.bot.controls import ControlRefused
from paper_trading.dashboard.headers import guarded
from paper_trading.dashboard.panels import may_steer
from paper_trading.dashboard.views import account_or_404
from paper_trading.models import PaperTradingSession, Token
from paper_trading.services.account_view import latest_session
from tasks import open_tick

Act = Callable[[HttpRequest, PaperTradingSession, User], str]

#: Ids have at most 19 digits; a longer number names nothing.
_LONGEST_ID = 19


def _action(act: Act) -> Callable[..., HttpResponse]:
    """Make a view of an act on the newest session: POST, for who may steer, one clear message."""

    @require_POST
    @guarded
    def view(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponse:
        account = account_or_404(request, kwargs["account_id"])
        user = request.user
        if not isinstance(user, User) or not may_steer(user, account):
            raise PermissionDenied
        session = latest_session(account)
        try:
            if session is None:
                raise ControlRefused(f"{account.name} has no session yet.")
            done = act(request, session, user)
            LogEntry.objects.log_actions(user.pk, [session], CHANGE, done, single_object=True)
            messages.success(request, done)
        except ControlRefused as refusal:
            messages.error(request, str(refusal))
        return redirect("dashboard:account", account_id=account.pk)

    return view


@_action
def pause(request: HttpRequest, session: PaperTradingSession, user: User) -> str:
    """Pause entries."""
    controls.pause(session)
    return "Entries are paused; exits go on."


@_action
def resume(request: HttpRequest, session: PaperTradingSession, user: User) -> str:
    """Allow entries again."""
    controls.resume(session)
    return "Entries are allowed again."


@_action
def tick(request: HttpRequest, session: PaperTradingSession, user: User) -> str:
    """Run a tick now, through the same tasks as any other."""
    controls.request_tick(session, user)
    open_tick.send_manual(session.pk)
    return "A tick was asked for; it shows in the pipeline when it has run."


@_action
def close(request: HttpRequest, session: PaperTradingSession, user: User) -> str:
    """Ask for one position to be sold at the next tick."""
    token_id = request.POST.get("token", "")
    is_id = token_id.isdecimal() and len(token_id) < _LONGEST_ID
    token = Token.objects.filter(pk=token_id).first() if is_id else None
    if token is None:
        raise Http404(f"no token {token_id!r}")
    controls.request_close(session, token, user)
    return f"{token.symbol} will be closed at the next tick."
