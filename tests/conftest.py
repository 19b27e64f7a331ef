"""What holds for every test: the slow ones come last, and no swallowed exception goes unseen."""

import gc
import logging
from collections.abc import Iterator

import pytest
from django.db import connection
from hypothesis import settings
from pytest_django import DjangoDbBlocker

#: Who logs an exception that was kept as an InternalError instead of being raised.
_KEEPERS = (
    "paper_trading.bot.market_analyzer",
    "paper_trading.bot.enhanced_bot",
    "paper_trading.services.sources.live.caller",
    "tasks.failures",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "internal_errors: provokes an InternalError on purpose")
    # No test is timed: a busy machine makes any example slow.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that start the whole stack after all others."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is not None)


def pytest_collection_finish() -> None:
    """Let no collection of garbage go through what was imported: it lives to the end."""
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Let a test compute inside of its own transaction for as long as a busy machine takes."""
    found = connection.settings_dict["OPTIONS"]
    found["options"] += " -c idle_in_transaction_session_timeout=0"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Close what threads of the ASGI and worker tests left connected, so that the base can go."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


@pytest.fixture(autouse=True)
def _no_internal_error(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which a tick went on over an exception that the test did not provoke."""
    kept = _Kept()
    for name in _KEEPERS:
        logging.getLogger(name).addHandler(kept)
    yield
    for name in _KEEPERS:
        logging.getLogger(name).removeHandler(kept)
    if request.node.get_closest_marker("internal_errors") is None:
        assert kept.messages == []
