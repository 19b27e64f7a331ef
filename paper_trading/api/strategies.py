"""The JSON of a session's strategy. Decimals are strings."""

from dataclasses import fields
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from paper_trading.api.formats import number
from paper_trading.models import PaperTradingSession
from paper_trading.services import account_view
from paper_trading.services.strategy_view import TokenBracket, strategy_view


@require_safe
@never_cache
def strategy(request: HttpRequest, session_id: int) -> JsonResponse:
    """Show what a session's next tick obeys, which limits bind, brackets, and Kelly's advice."""
    visible = account_view.visible_accounts(request.user)
    sessions = PaperTradingSession.objects.select_related("strategy", "account")
    session = sessions.filter(pk=session_id, account__in=visible).first()
    if session is None:
        raise Http404(f"no session {session_id}")
    view = strategy_view(session)
    return JsonResponse(
        {
            "session": session.pk,
            "strategy": {"name": session.strategy.name, "version": session.strategy.version},
            "parameters": session.strategy.parameters(),
            "level": _numbers(view.appetite),
            "limits": [_numbers(limit) for limit in view.limits],
            "tokens": [_token(found) for found in view.tokens],
            "kelly": None if view.kelly is None else _numbers(view.kelly),
        }
    )


def _token(found: TokenBracket) -> dict[str, Any]:
    return {
        "token": found.symbol,
        "tradable": found.tradable,
        "sigma_annual": number(found.sigma_annual),
        "round_trip_percent": number(found.round_trip_percent),
        "bracket": _numbers(found.bracket),
        "chances": None if found.chances is None else _numbers(found.chances),
    }


def _numbers(value: Any) -> dict[str, Any]:
    return {field.name: number(getattr(value, field.name)) for field in fields(value)}
