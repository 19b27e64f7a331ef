"""System checks: a wrong configuration stops here, not in the middle of a tick."""

import decimal
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from paper_trading.engine.money import CONTEXT


@register
def check_environment(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Require the database, Redis, a shared secret key and UTC."""
    problems: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        problems.append(Error("DATABASE_URL is not set.", id="paper_trading.E001"))
    if not settings.SECRET_KEY_IS_SET:
        problems.append(Error("DEX_SECRET_KEY is not set.", id="paper_trading.E002"))
    if not settings.REDIS_URL:
        problems.append(Error("REDIS_URL is not set.", id="paper_trading.E003"))
    if settings.TIME_ZONE != "UTC" or not settings.USE_TZ:
        problems.append(Error("TIME_ZONE must be UTC with USE_TZ.", id="paper_trading.E004"))
    return problems


@register
def check_decimal_context(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Require the exact decimal context in this thread and in threads to come."""
    for context in (decimal.getcontext(), decimal.DefaultContext):
        if context.prec != CONTEXT.prec or not context.traps[decimal.FloatOperation]:
            return [Error("The exact decimal context is not in force.", id="paper_trading.E005")]
    return []
