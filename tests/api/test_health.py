import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client

from paper_trading.services import redis_client

pytestmark = pytest.mark.django_db


def test_health_needs_no_login_and_says_ok() -> None:
    response = Client().get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_a_lost_redis_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = redis.Redis(host="127.0.0.1", port=1, password="secret", socket_connect_timeout=1)
    monkeypatch.setattr(redis_client, "client", lambda database: nobody)
    response = Client().get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"status": "failing", "failing": ["redis"]}


def test_a_lost_postgres_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection to 10.0.0.1 failed: password is secret")

    monkeypatch.setattr(connection, "cursor", refuse)
    response = Client().get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"status": "failing", "failing": ["postgres"]}
