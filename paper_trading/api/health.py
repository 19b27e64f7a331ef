"""Health: whether this process reaches Postgres and Redis. Public, and says no more."""

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from paper_trading.services import redis_client


@require_safe
@never_cache
@login_not_required
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 when Postgres and Redis answer, else 503 with the names of those that do not."""
    failed = [
        name
        for name, answers in (("postgres", _postgres_answers), ("redis", _redis_answers))
        if not answers()
    ]
    if failed:
        return JsonResponse({"status": "failing", "failing": failed}, status=503)
    return JsonResponse({"status": "ok"})


def _postgres_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(redis_client.client(settings.CACHE_DB).ping())
    except redis.RedisError:
        return False
