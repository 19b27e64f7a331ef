"""What holds for every test: the slow ones come last, and no swallowed exception goes unseen."""

import logging
from collections.abc import Iterator

import pytest

#: Who logs an exception that was kept as an InternalError instead of being raised.
_KEEPERS = ("paper_trading.bot.market_analyzer", "tasks.failures")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "internal_errors: provokes an InternalError on purpose")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that start the whole stack after all others."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is not None)


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
